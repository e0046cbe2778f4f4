"""The main job, end to end: two companies, one run, one impostor, a clean end.

Each chapter does one thing through the same doors as a user, says what it sees, and notes whether
that is what was promised. A broken promise does not stop the story; it decides the exit code.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi.automation import CommandError

from infra.attestation.clause import PolicyError
from infra.untrusted_text import shown
from infra.wording import counted
from ops import evidence_reader, results, results_table, why
from ops.commands import OPS
from ops.evidence import EvidenceError
from ops.google_errors import message
from ops.terminal import styled
from ops.verdict_table import show
from rehearsal.administrator import AdminError
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.demo import impostor, inventory, loosen
from rehearsal.demo.context import Stage, launcher_log, results_of, show_console, up, watched
from rehearsal.demo.saved_evidence import KeepError, keeping
from rehearsal.image_builder.dockerfile import build
from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError
from rehearsal.pulumi_plugins.genuine_gcp import PluginError, described
from rehearsal.workspace import EngineError, Workspace

if TYPE_CHECKING:
    from ops.terminal import Terminal
    from ops.verdict import ClauseResult
    from rehearsal.demo.expectations import Promises

REJECTED = "The given credential is rejected by the attribute condition."
"""Google's sentence for a token that the condition refuses."""

DIGEST_CLAIM = "submods.container.image_digest"

FORBIDDEN = 403


def run(console: Terminal, weakened: frozenset[str], keep: str | None) -> int:
    """Tell the whole story; 0 if every promise was kept, 1 if not, 2 if it could not be told."""
    started = time.monotonic()
    try:
        with (
            keeping(keep) as kept,
            tempfile.TemporaryDirectory(prefix="confidential-inference-") as scratch,
            running(Cloud()) as local,
        ):
            two_companies(local.cloud)
            cli = acquire()
            workspace = Workspace(Path(scratch) / "workspace", local, cli)
            console.print(described(workspace.gcp_plugin), soft_wrap=True)
            promises = _tell(Stage(console, local, workspace, kept=kept), weakened)
    except (
        PulumiCliError,
        PluginError,
        EngineError,
        AdminError,
        CommandError,
        KeepError,
    ) as error:
        console.print(styled("error:", "red"), str(error), soft_wrap=True)
        return 2
    console.rule(styled("What was shown", "bold"), align="left")
    console.print(promises.table())
    for broken in promises.broken:
        console.print(styled("not as promised:", "red"), f"{broken.what}: {broken.seen}")
    if keep is not None:
        console.print(
            f"in {keep}: {', '.join(kept)}; try: {OPS} why"
            f" {keep}/launcher-impostor.log --condition {keep}/condition.cel",
            soft_wrap=True,
        )
    console.print(f"{time.monotonic() - started:.0f} s in all", soft_wrap=True)
    return 1 if promises.broken else 0


def _tell(stage: Stage, weakened: frozenset[str]) -> Promises:
    stage.workspace.create_stacks()
    # What a run leaves in the result bucket is Secundus' to delete; here nobody will want it.
    stage.workspace.pulumi("secundus", "config", "set", "forceDestroy", "true")
    grants = inventory.project_grants(stage.local.cloud)

    stage.chapter("Primus deploys: model, release policy, workload image")
    up(stage, "primus")
    handover = stage.outputs["primus"]["handover"]
    stage.console.print(f"  image  {handover['image']}", soft_wrap=True)
    stage.console.print(f"  model  {handover['modelUri']}", soft_wrap=True)

    stage.chapter("Secundus deploys: pictures, result bucket, Confidential VM")
    up(stage, "secundus")
    admitted(stage)

    provider = handover["audience"].removeprefix("//iam.googleapis.com/")
    if "condition" in weakened:
        _warn(stage, loosen.condition(stage.admin("primus"), provider))
    if "grant" in weakened:
        _warn(stage, loosen.grant(stage.admin("primus"), provider, handover["modelReader"]))

    stage.chapter("The impostor: Secundus' administrator launches a changed workload")
    refused(stage, handover)

    stage.chapter("Secundus' own identities ask for the model")
    model_is_out_of_reach(stage, handover)

    stage.chapter("Who was allowed to take what")
    stage.console.print(inventory.reads(stage.local.cloud.audit))

    stage.chapter("Both companies destroy")
    gone(stage, grants)
    return stage.promises


def admitted(stage: Stage) -> None:
    """The approved workload gets the model and classifies every picture."""
    truth = json.loads((stage.workspace.program / "model" / "pictures.json").read_text())
    run = results_of(stage)
    if run.failure is not None:
        stage.promises.check("the admitted workload classifies", run.failure, kept=False)
        show_console(stage)
        return
    stage.console.print(results_table.compared(run, truth))
    launcher_log(stage, "admitted")
    named = {record["name"]: record.get("label") for record in run.records}
    right = sum(named.get(name) == label for name, label in truth.items())
    stage.promises.check(
        "the admitted workload classifies every picture",
        f"{counted(len(run.records), 'picture')}, {right} of them as they were drawn",
        kept=named.keys() == truth.keys() and None not in named.values(),
    )


def refused(stage: Stage, handover: dict[str, str]) -> None:
    """The same code with one line more gets nothing, and is told why."""
    secundus = stage.admin("secundus")
    bucket = results.bucket_of(stage.outputs["secundus"]["resultUri"])
    (machine,) = stage.local.cloud.instances.values()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "workload"
        line = impostor.change(stage.workspace.program / "workload", copy)
        image = build(copy, copy / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})
    reference = impostor.publish(secundus, image, machine.service_account or "")
    stage.console.print(f"  workload/{impostor.MODULE} + {line}", soft_wrap=True)
    stage.console.print(f"  pushed {reference}", soft_wrap=True)
    stage.workspace.pulumi("secundus", "config", "set", "image", reference)
    # Another text runs again, even if this image was launched before.
    stage.workspace.pulumi("secundus", "config", "set", "run", f"after {machine.id}")
    up(stage, "secundus")
    run = results_of(stage)
    classified = f"{counted(len(run.records), 'picture')} classified"
    stage.console.print(f"  `result` says: {shown(run.failure or classified)}")
    loot = impostor.loot(secundus, bucket)
    if loot == handover["modelSha256"]:
        seen = f"{reference} got in: gs://{bucket}/{impostor.STOLEN} is the model"
    elif run.failure is None:
        seen = f"{reference} got in: it classified {counted(len(run.records), 'picture')}"
    else:
        seen = "nothing of the model is in its bucket"
    stage.promises.check(
        "the impostor gets nothing", seen, kept=loot is None and run.failure is not None
    )
    stage.promises.check(
        "the condition refuses it, in Google's words",
        run.failure or "it was not refused",
        kept=run.failure is not None and REJECTED in run.failure,
    )
    explained(stage, handover, reference.partition("@")[2])
    impostor.clean_up(secundus)


def explained(stage: Stage, handover: dict[str, str], digest: str) -> None:
    """`python -m ops why`, given the impostor's console, names its digest and nothing else."""
    provider = handover["audience"].removeprefix("//")
    found = stage.admin("primus").call("GET", provider.replace("/", "/v1/", 1))
    stage.kept["condition.cel"] = found["attributeCondition"] + "\n"
    log = launcher_log(stage, "impostor")
    failed: list[ClauseResult] = []
    try:
        verdict = why.judge(
            evidence_reader.read(log.encode()), found["attributeCondition"], time.time()
        )
    except (EvidenceError, PolicyError, why.DefectError) as error:
        seen = str(error)
    else:
        show(stage.console, verdict)
        failed = [row for row in verdict.clauses if not row.passed]
        seen = ", ".join(row.clause for row in failed) or verdict.sentence
    stage.promises.check(
        "the refusal is explained: it was the image",
        seen,
        kept=[row.claim for row in failed] == [DIGEST_CLAIM] and digest in failed[0].got,
    )


def model_is_out_of_reach(stage: Stage, handover: dict[str, str]) -> None:
    """Neither Secundus' administrator nor its workload account can read the model directly."""
    bucket, _, name = handover["modelUri"].removeprefix("gs://").partition("/")
    url = f"storage.googleapis.com/storage/v1/b/{bucket}/o/{name.replace('/', '%2F')}?alt=media"
    (machine,) = stage.local.cloud.instances.values()
    own = machine.service_account or ""
    workload = stage.admin("secundus")
    # Secundus may make tokens for an account of its own; the cloud mints what it would get.
    workload.token = stage.local.cloud.mint(f"serviceAccount:{own}")
    for who, admin in (
        ("administrator", stage.admin("secundus")),
        ("workload account", workload),
    ):
        answer = admin.ask("GET", url)
        seen = "it got the model" if answer.ok else message(answer).partition(" to the ")[0]
        stage.console.print(f"  {answer.status_code} {seen}", soft_wrap=True)
        stage.promises.check(
            f"Secundus' {who} cannot read the model",
            f"{answer.status_code} {seen if answer.ok else seen.partition(' ')[2]}",
            kept=answer.status_code == FORBIDDEN,
        )


def gone(stage: Stage, grants_before: inventory.Grants) -> None:
    """`pulumi destroy` of both stacks leaves nothing but a reserved pool id."""
    for company in ("secundus", "primus"):
        with watched(stage, company) as progress:
            stage.workspace.stack(company).destroy(on_event=progress)
    left = inventory.left(stage.local.cloud, grants_before)
    reserved = [name.rpartition("/")[2] for name in inventory.reserved(stage.local.cloud)]
    stage.promises.check(
        "destroy leaves nothing but a reserved pool id",
        ", ".join(left) or f"nothing; reserved for 30 days: {', '.join(reserved)}",
        kept=not left and len(reserved) == 1,
    )


def _warn(stage: Stage, text: str) -> None:
    stage.console.print(styled("loosened by hand:", "yellow"), text, soft_wrap=True)
