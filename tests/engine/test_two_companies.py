"""The steps of `make demo` on the real engine; the tests depend on their order.

Some tests loosen a guard, and expect an unmet expectation. Few pictures are used, to be quick.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from infra.config.problems import NAMESPACE
from ops.cli import main
from ops.exit_codes import BROKEN, OK
from ops.records import Run
from ops.terminal import Terminal
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import SERVICE_ACCOUNTS_OF_PROJECT, Cloud, Policy, Provider
from rehearsal.companies import two_companies
from rehearsal.demo import demonstration, impostor, inventory, loosen
from rehearsal.demo.context import Context, results_of, up
from rehearsal.image_builder.dockerfile import build
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.pinned import push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

PICTURES = 3
READER = "primus-sa@primus-models.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Context]:
    """A local cloud, two companies, a scratch copy of the program with few pictures."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        folder = tmp_path_factory.mktemp("story") / "workspace"
        workspace = Workspace(folder, local, pulumi_cli)
        keep_few(workspace.program / "model")
        workspace.create_stacks()
        workspace.pulumi("secundus", "config", "set", "forceDestroy", "true")
        yield Context(Terminal(io.StringIO(), width=120), local, workspace)


def keep_few(model: Path) -> None:
    """Leave only the first pictures and what they show."""
    truth = json.loads((model / "pictures.json").read_text())
    few = dict(sorted(truth.items())[:PICTURES])
    (model / "pictures.json").write_text(json.dumps(few))
    for path in (model / "pictures").iterdir():
        if path.name not in few:
            path.unlink()


def checked(context: Context, step: Any, *arguments: Any) -> dict[str, bool]:
    """Run a step; by expectation, whether it is met."""
    context.expectations.checked.clear()
    step(context, *arguments)
    return {expectation.what: expectation.met for expectation in context.expectations.checked}


def handover(context: Context) -> dict[str, str]:
    """The handover from Primus to Secundus."""
    published: dict[str, str] = context.outputs["primus"]["handover"]
    return published


def provider(context: Context) -> Provider:
    """The one provider that is deployed."""
    (deployed,) = [p for p in context.local.cloud.providers.values() if p.deleted_at is None]
    return deployed


def reader_policy(context: Context) -> Policy:
    """Who may act as the model's reader."""
    return context.local.cloud.service_accounts[READER].policy


def changes(context: Context, company: str) -> str:
    """The changes of a preview, in the CLI's words; empty if there are none."""
    done = context.workspace.pulumi(company, "preview", "--expect-no-changes", "--diff")
    return "" if done.returncode == 0 else done.stdout + done.stderr


def deploy(context: Context, company: str) -> None:
    """`pulumi up` from the command line: quicker than `demo.up`, and it must succeed."""
    done = context.workspace.pulumi(company, "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr


def test_secundus_before_primus_is_refused(context: Context) -> None:
    """Before primus is deployed, secundus stops with a sentence and the command that helps."""
    done = context.workspace.pulumi("secundus", "preview")
    assert done.returncode != 0
    assert "pulumi up" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_both_deploy_and_the_admitted_workload_classifies(context: Context) -> None:
    """One `up` per company is enough: every picture is classified by the released model."""
    up(context, "primus")
    up(context, "secundus")
    assert checked(context, demonstration.admitted) == {
        "the admitted workload classifies every picture": True
    }


@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_a_second_preview_shows_no_change(context: Context, company: str) -> None:
    """Directly after `up`."""
    assert changes(context, company) == ""


@pytest.mark.parametrize(("number", "letters", "most"), [(27, 18, 15_000), (50, 60, 33_000)])
def test_a_first_preview_of_pictures_fits_into_a_comment(
    context: Context, number: int, letters: int, most: int
) -> None:
    """GitHub shows 65,536 characters; the pictures take half of it at most, the rest a quarter."""
    folder = context.workspace.program / f"photos-{number}"
    folder.mkdir()
    for picture in range(number):
        (folder / f"{picture:0{letters - 4}}.jpg").write_bytes(b"x")
    config = ("config", "set", f"{NAMESPACE}:pictures")
    context.workspace.pulumi("secundus", *config, folder.name)
    shown = context.workspace.pulumi("secundus", "preview", "--diff").stdout
    context.workspace.pulumi("secundus", *config, "model/pictures")
    created = [
        part for part in re.split(r"\n(?= *[-+~>] )", shown) if "BucketObject: (create)" in part
    ]
    assert len(created) == number
    assert sum(map(len, created)) < most
    assert re.search(rf"pictures: (3 => )?{number}\n", shown)


def test_the_deployed_condition_is_the_exported_one(context: Context) -> None:
    """The output `attributeCondition` equals the condition in the cloud, word for word."""
    exported = context.outputs["primus"]["attributeCondition"]
    assert provider(context).doc["attributeCondition"] == exported


def test_the_image_is_readable_for_the_operators_project_only(context: Context) -> None:
    """The repository's readers are the service accounts of Secundus' project and nobody else."""
    (repository,) = context.local.cloud.repositories.values()
    readers = repository.policy.members("roles/artifactregistry.reader")
    assert readers == {SERVICE_ACCOUNTS_OF_PROJECT.format(number="222222222222")}


def test_secundus_cannot_read_the_model(context: Context) -> None:
    """Neither Secundus' administrator nor its workload account can read the model directly."""
    expectations = checked(context, demonstration.model_is_out_of_reach, handover(context))
    assert len(expectations) == 2
    assert all(expectations.values())


def test_the_impostor_is_refused_by_the_condition(context: Context) -> None:
    """One more line in the workload: nothing is released, and `result` has Google's sentence."""
    assert checked(context, demonstration.refused, handover(context)) == {
        "the impostor gets nothing": True,
        "the condition refuses it, in Google's words": True,
        "the refusal is explained: it was the image": True,
    }


def test_why_names_the_image_in_the_saved_evidence(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`why` on the files that `demo --keep` leaves: digest expected and got; exit codes."""
    for name, text in context.evidence.items():
        (tmp_path / name).write_text(text)
    condition = ("--condition", str(tmp_path / "condition.cel"))
    codes = {
        name: main(["why", str(tmp_path / name), *condition])
        for name in context.evidence
        if name != "condition.cel"
    }
    assert codes == {
        "launcher-admitted.log": OK,
        "launcher-impostor.log": BROKEN,
        "result-admitted": OK,
        "result-impostor": BROKEN,
    }
    (machine,) = context.local.cloud.instances.values()
    launched = machine.metadata["tee-image-reference"].partition("@")[2]
    admitted = handover(context)["image"].partition("@")[2]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["│", "│", "expected", f'"{admitted}"', "│"] in lines
    assert ["│", "│", "got", f'"{launched}"', "│"] in lines


@pytest.mark.parametrize("folder", ["the program's", "a company's own"])
def test_why_reads_the_condition_from_the_stack_of_the_folder(
    context: Context, tmp_path: Path, folder: str
) -> None:
    """The log is enough, where `Pulumi.yaml` and the program are, and where only the former is."""
    log = tmp_path / "launcher.log"
    log.write_text(context.evidence["launcher-impostor.log"])
    program = context.workspace.program
    if folder == "a company's own":
        project = (program / "Pulumi.yaml").read_text()
        (tmp_path / "Pulumi.yaml").write_text(f"{project}main: {program}\n")
    done = subprocess.run(
        [sys.executable, "-m", "ops", "why", str(log), "--json"],
        cwd=program if folder == "the program's" else tmp_path,
        env=context.workspace.environment("secundus") | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (BROKEN, "")
    failed = [row["claim"] for row in json.loads(done.stdout)["clauses"] if not row["passed"]]
    assert failed == [demonstration.DIGEST_CLAIM]


def test_with_a_loosened_condition_the_grant_refuses_and_the_demonstration_fails(
    context: Context,
) -> None:
    """Any code passes the loosened condition; IAM refuses it, which is not as expected."""
    name = handover(context)["audience"].removeprefix("//iam.googleapis.com/")
    loosen.condition(context.admin("primus"), name)
    assert checked(context, demonstration.refused, handover(context)) == {
        "the impostor gets nothing": True,
        "the condition refuses it, in Google's words": False,
        "the refusal is explained: it was the image": False,
    }


def test_with_a_loosened_grant_too_the_impostor_copies_the_model_and_is_named(
    context: Context,
) -> None:
    """Without both guards the added line really copies the model."""
    name = handover(context)["audience"].removeprefix("//iam.googleapis.com/")
    loosen.grant(context.admin("primus"), name, READER)
    expectations = checked(context, demonstration.refused, handover(context))
    assert not any(expectations.values())
    (got_in,) = [
        p.seen for p in context.expectations.unmet if p.what == "the impostor gets nothing"
    ]
    assert "custom-image/workload@sha256:" in got_in
    assert "is the model" in got_in


def test_up_with_refresh_reverts_the_loosened_condition(context: Context) -> None:
    """The grant by hand stays: an additive grant was never the stack's."""
    done = context.workspace.pulumi("primus", "up", "--yes", "--refresh", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert provider(context).doc["attributeCondition"] != loosen.CONDITION
    assert "image_digest in" in provider(context).doc["attributeCondition"]
    pool = provider(context).pool
    everybody = f"principalSet://iam.googleapis.com/{pool}/*"
    # Primus' administrator removes the grant that was made by hand.
    account = f"iam.googleapis.com/v1/projects/-/serviceAccounts/{READER}"
    context.admin("primus").unbind(account, "roles/iam.workloadIdentityUser", everybody)
    assert everybody not in reader_policy(context).members("roles/iam.workloadIdentityUser")


def test_a_rebuilt_workload_is_admitted_on_a_new_machine(context: Context) -> None:
    """After `up` of both, the new digest alone is admitted."""
    module = context.workspace.program / "workload" / "job.py"
    module.write_text(module.read_text() + "\n# A second edition.\n")
    (before,) = context.local.cloud.instances.values()
    context.workspace.pulumi("secundus", "config", "rm", "image")
    up(context, "primus")
    up(context, "secundus")
    (after,) = context.local.cloud.instances.values()
    assert after.id != before.id
    assert checked(context, demonstration.admitted) == {
        "the admitted workload classifies every picture": True
    }
    digest = handover(context)["image"].partition("@")[2]
    (member,) = reader_policy(context).members("roles/iam.workloadIdentityUser")
    assert member.rpartition("/")[2] == digest


def test_one_more_character_in_the_admitted_code_is_refused(
    context: Context, tmp_path: Path
) -> None:
    """The admitted workload with one more space in job.py is another digest, and gets nothing."""
    source = context.workspace.program / "workload"
    changed = impostor.copy(source, tmp_path / "workload")
    module = changed / "job.py"
    module.write_text(module.read_text() + " ")
    secundus = context.admin("secundus")
    (machine,) = context.local.cloud.instances.values()
    image = build(changed, changed / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})
    reference = impostor.publish(secundus, image, machine.service_account or "")
    context.workspace.pulumi("secundus", "config", "set", "image", reference)
    deploy(context, "secundus")
    impostor.clean_up(secundus)
    run = results_of(context)
    assert run == Run((), f"release_refused: {demonstration.REJECTED}")


def test_a_rollout_admits_old_and_new_and_then_only_new(context: Context) -> None:
    """A, then B with A, then B: at each step the cloud's policy has exactly those grants."""
    old, new = (f"sha256:{letter * 64}" for letter in "ab")
    push(context.local.cloud, old, new)
    steps: list[tuple[list[tuple[str, ...]], set[str]]] = [
        ([("set", "--path", "image.digest", old)], {old}),
        (
            [
                ("set", "--path", "image.digest", new),
                ("set", "--path", "image.admitAlso[0]", old),
            ],
            {old, new},
        ),
        ([("rm", "--path", "image.admitAlso")], {new}),
    ]
    for commands, admitted in steps:
        for command in commands:
            assert context.workspace.pulumi("primus", "config", *command).returncode == 0
        deploy(context, "primus")
        members = reader_policy(context).members("roles/iam.workloadIdentityUser")
        assert {member.rpartition("/")[2] for member in members} == admitted
        condition = provider(context).doc["attributeCondition"]
        assert {digest for digest in (old, new) if digest in condition} == admitted


def test_destroy_leaves_a_reserved_pool_id_only_and_up_works_again(context: Context) -> None:
    """Both stacks are deployed once more after it."""
    empty = Cloud()
    two_companies(empty)
    grants = inventory.project_grants(empty)
    assert checked(context, demonstration.destroyed, grants) == {
        "destroy leaves nothing but a reserved pool id": True
    }
    (reserved,) = inventory.reserved(context.local.cloud)
    context.workspace.pulumi("primus", "config", "rm", "image")
    context.workspace.pulumi("secundus", "config", "rm", "image")
    deploy(context, "primus")
    deploy(context, "secundus")
    assert provider(context).pool != reserved
