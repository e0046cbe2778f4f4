"""The main job, end to end: two companies, one run, one impostor, `destroy`.

Each step does one thing with the commands and requests of a user, prints its observation, and
checks an expectation. An unmet expectation does not stop the demonstration; it sets the exit code.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from infra.attestation.clause import PolicyError
from infra.naming import bucket_of
from infra.untrusted_text import shown
from infra.wording import counted
from ops import evidence_reader, results, results_table, why
from ops.commands import OPS
from ops.evidence import EvidenceError
from ops.google_errors import message
from ops.records import ResultsError
from ops.report import files
from ops.terminal import styled
from rehearsal.demo import impostor, inventory, loosen, refusal
from rehearsal.demo.context import Context, launcher_log, results_of, show_console, up, watched
from rehearsal.demo.empty_stacks import FAILURES, empty_stacks, print_failure
from rehearsal.demo.layout import narrow, short, without_lines
from rehearsal.demo.saved_evidence import SaveError, saving
from rehearsal.demo.summary import SHOWN, conclude
from rehearsal.image_builder.dockerfile import build

if TYPE_CHECKING:
    from ops.terminal import Terminal
    from ops.verdict import ClauseResult
    from rehearsal.demo.expectations import Expectations

REJECTED = "The given credential is rejected by the attribute condition."
"""Google's sentence for a token that the condition refuses."""

REPORT = "demo-report.html"
"""In the current folder: the local cloud, which has the pictures, ends with the demonstration."""

DIGEST_CLAIM = "submods.container.image_digest"

FORBIDDEN = 403


def run(console: Terminal, weakened: frozenset[str], keep: str | None) -> int:
    """Run all steps; 0 if every expectation is met, 1 if not, 2 if a step could not run."""
    narrow(console)
    started = time.monotonic()
    try:
        with saving(keep) as evidence, empty_stacks(console, SHOWN) as context:
            context.evidence, context.report = evidence, _report()
            expectations = _run_steps(context, weakened)
    except (*FAILURES, SaveError) as error:
        print_failure(console, error)
        return 2
    console.rule(styled("What was shown", "bold"), align="left")
    seconds = time.monotonic() - started
    conclude(console, expectations, seconds, REPORT if context.report else None)
    if keep is not None:
        console.print(
            f"in {keep}: {', '.join(evidence)}; try: {OPS} why"
            f" {keep}/launcher-impostor.log --condition {keep}/condition.cel",
            soft_wrap=True,
        )
    return 1 if expectations.unmet else 0


def _run_steps(context: Context, weakened: frozenset[str]) -> Expectations:
    # `destroy` keeps buckets with results by default; nobody needs the results of a demonstration.
    context.workspace.pulumi("secundus", "config", "set", "forceDestroy", "true")
    grants = inventory.project_grants(context.local.cloud)

    context.heading("1. Primus deploys: model, release policy, workload image")
    up(context, "primus")
    handover = context.outputs["primus"]["handover"]
    context.fact("image", _within_project(handover["image"]))
    context.fact("model", short(handover["modelUri"]))

    context.heading("2. Secundus deploys: pictures, result bucket, Confidential VM")
    up(context, "secundus")
    admitted(context)

    provider = handover["audience"].removeprefix("//iam.googleapis.com/")
    if "condition" in weakened:
        _warn(context, loosen.condition(context.admin("primus"), provider))
    if "grant" in weakened:
        _warn(context, loosen.grant(context.admin("primus"), provider, handover["modelReader"]))

    context.heading("3. The impostor: Secundus' administrator launches a changed workload")
    refused(context, handover)

    context.heading("4. Secundus' own identities ask for the model; who got what")
    model_is_out_of_reach(context, handover)
    context.console.print(inventory.reads(context.local.cloud.audit, _words(context, handover)))

    context.heading("5. Both companies destroy")
    destroyed(context, grants)
    return context.expectations


def admitted(context: Context) -> None:
    """The approved workload gets the model and classifies every picture."""
    truth = json.loads((context.workspace.program / "model" / "pictures.json").read_text())
    run = results_of(context, *(["--html", str(context.report)] if context.report else []))
    if run.failure is not None:
        context.report = None
        context.expectations.check("the admitted workload classifies", run.failure, met=False)
        show_console(context)
        return
    context.console.print(without_lines(results_table.compared(run, truth)))
    launcher_log(context, "admitted")
    named = {record["name"]: record.get("label") for record in run.records}
    right = sum(named.get(name) == label for name, label in truth.items())
    context.expectations.check(
        "the admitted workload classifies every picture",
        f"{right} of {len(run.records)} as drawn",
        met=named.keys() == truth.keys() and None not in named.values(),
    )


def refused(context: Context, handover: dict[str, str]) -> None:
    """The same code with one more line gets nothing, and the refusal is explained."""
    secundus = context.admin("secundus")
    bucket = results.bucket_of(context.outputs["secundus"]["resultUri"])
    (machine,) = context.local.cloud.instances.values()
    with (
        tempfile.TemporaryDirectory() as folder,
        context.console.working("secundus: an image of its own"),
    ):
        copy = Path(folder) / "workload"
        line = impostor.change(context.workspace.program / "workload", copy)
        image = build(copy, copy / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})
        reference = impostor.publish(secundus, image, machine.service_account or "")
    context.fact(f"{impostor.MODULE} +", line)
    context.fact("image", _within_project(reference))
    context.workspace.pulumi("secundus", "config", "set", "image", reference)
    # Another text runs again, even if this image was launched before.
    context.workspace.pulumi("secundus", "config", "set", "run", f"after {machine.id}")
    up(context, "secundus")
    run = results_of(context)
    classified = f"{counted(len(run.records), 'picture')} classified"
    context.fact("`result`", shown(run.failure or classified))
    loot = impostor.loot(secundus, bucket)
    if loot == handover["modelSha256"]:
        seen = f"{reference} got in: gs://{bucket}/{impostor.STOLEN} is the model"
    elif run.failure is None:
        seen = f"{reference} got in: it classified {counted(len(run.records), 'picture')}"
    else:
        seen = "no model in its bucket"
    context.expectations.check(
        "the impostor gets nothing", seen, met=loot is None and run.failure is not None
    )
    by_condition = run.failure is not None and REJECTED in run.failure
    context.expectations.check(
        "the condition refuses it, in Google's words",
        "as quoted above" if by_condition else run.failure or "it was not refused",
        met=by_condition,
    )
    explained(context, handover, reference.partition("@")[2])
    impostor.clean_up(secundus)


def explained(context: Context, handover: dict[str, str], digest: str) -> None:
    """`python -m ops why`, given the impostor's console, names its digest and nothing else."""
    provider = handover["audience"].removeprefix("//")
    found = context.admin("primus").call("GET", provider.replace("/", "/v1/", 1))
    context.evidence["condition.cel"] = found["attributeCondition"] + "\n"
    log = launcher_log(context, "impostor")
    failed: list[ClauseResult] = []
    try:
        verdict = why.judge(
            evidence_reader.read(log.encode()), found["attributeCondition"], time.time()
        )
    except (EvidenceError, PolicyError, why.DefectError) as error:
        seen = str(error)
    else:
        refusal.show(context.console, verdict)
        failed = [row for row in verdict.clauses if not row.passed]
        seen = ", ".join(row.clause for row in failed) or verdict.sentence
    image_alone = [row.claim for row in failed] == [DIGEST_CLAIM] and digest in failed[0].got
    context.expectations.check(
        "the refusal is explained: it was the image",
        "by the one unmet clause" if image_alone else seen,
        met=image_alone,
    )


def model_is_out_of_reach(context: Context, handover: dict[str, str]) -> None:
    """Neither Secundus' administrator nor its workload account can read the model directly."""
    bucket, _, name = handover["modelUri"].removeprefix("gs://").partition("/")
    url = f"storage.googleapis.com/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media"
    (machine,) = context.local.cloud.instances.values()
    own = machine.service_account or ""
    workload = context.admin("secundus")
    # Secundus may make tokens for its own accounts; the cloud mints such a token.
    workload.token = context.local.cloud.mint(f"serviceAccount:{own}")
    for who, admin in (
        ("administrator", context.admin("secundus")),
        ("workload account", workload),
    ):
        answer = admin.ask("GET", url)
        seen = "it got the model" if answer.ok else message(answer).partition(" to the ")[0]
        context.fact(str(answer.status_code), seen)
        refused_so = answer.status_code == FORBIDDEN
        context.expectations.check(
            f"Secundus' {who} cannot read the model",
            f"refused: {FORBIDDEN}" if refused_so else f"{answer.status_code} {seen}",
            met=refused_so,
        )


def destroyed(context: Context, grants_before: inventory.Grants) -> None:
    """`pulumi destroy` of both stacks leaves nothing but a reserved pool id."""
    for company in ("secundus", "primus"):
        with watched(context, company) as progress:
            context.workspace.stack(company).destroy(on_event=progress)
    left = inventory.left(context.local.cloud, grants_before)
    reserved = [name.rpartition("/")[2] for name in inventory.reserved(context.local.cloud)]
    ids = ", ".join(reserved)
    context.fact("left", ", ".join(left) or f"nothing; reserved for 30 days: {ids}")
    context.expectations.check(
        "destroy leaves nothing but a reserved pool id",
        ", ".join(left) or ids,
        met=not left and len(reserved) == 1,
    )


def _report() -> Path | None:
    """Where the page with the pictures goes; None where nobody may write."""
    path = Path.cwd() / REPORT
    try:
        files.require_writable(path)
    except ResultsError:
        return None
    return path


def _within_project(reference: str) -> str:
    """Repository, name and digest of an image."""
    _host, _project, name = reference.split("/", 2)
    return short(name)


def _words(context: Context, handover: dict[str, str]) -> dict[str, str]:
    """What the buckets and the model's reader are, by name."""
    secundus = context.outputs["secundus"]
    return {
        bucket_of(handover["modelUri"]): "model",
        results.bucket_of(secundus["inputUri"]): "pictures",
        results.bucket_of(secundus["resultUri"]): "results",
        handover["modelReader"]: "model reader",
    }


def _warn(context: Context, text: str) -> None:
    context.console.print(styled("loosened by hand:", "yellow"), text, soft_wrap=True)
