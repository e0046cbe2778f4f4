"""The whole story on the real engine: each test goes on where the last one ended.

The chapters are those of `make demo`; here they are also turned the wrong way, to see that a broken
promise is noticed. Only a few of the pictures are used, to be quick.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import picture_folder
from infra.config.problems import NAMESPACE
from ops.cli import BROKEN, OK, main
from ops.records import Run
from ops.terminal import Terminal
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import SERVICE_ACCOUNTS_OF_PROJECT, Cloud, Policy, Provider
from rehearsal.companies import two_companies
from rehearsal.demo import demonstration, impostor, inventory, loosen
from rehearsal.demo.context import Stage, results_of, up
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
def stage(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Stage]:
    """A local cloud, two companies, a scratch copy of the program with few pictures."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        folder = tmp_path_factory.mktemp("story") / "workspace"
        workspace = Workspace(folder, local, pulumi_cli)
        keep_few(workspace.program / "model")
        workspace.create_stacks()
        workspace.pulumi("secundus", "config", "set", "forceDestroy", "true")
        yield Stage(Terminal(io.StringIO(), width=120), local, workspace)


def keep_few(model: Path) -> None:
    """Leave only the first pictures and what they show."""
    truth = json.loads((model / "pictures.json").read_text())
    kept = dict(sorted(truth.items())[:PICTURES])
    (model / "pictures.json").write_text(json.dumps(kept))
    for path in (model / "pictures").iterdir():
        if path.name not in kept:
            path.unlink()


def told(stage: Stage, chapter: Any, *arguments: Any) -> dict[str, bool]:
    """Play a chapter; which of its promises were kept."""
    stage.promises.made.clear()
    chapter(stage, *arguments)
    return {promise.what: promise.kept for promise in stage.promises.made}


def handover(stage: Stage) -> dict[str, str]:
    """What crosses from primus to secundus."""
    found: dict[str, str] = stage.outputs["primus"]["handover"]
    return found


def provider(stage: Stage) -> Provider:
    """The one provider that is deployed."""
    (deployed,) = [p for p in stage.local.cloud.providers.values() if p.deleted_at is None]
    return deployed


def reader_policy(stage: Stage) -> Policy:
    """Who may act as the model's reader."""
    return stage.local.cloud.service_accounts[READER].policy


def changes(stage: Stage, company: str) -> str:
    """What a preview would change, as the CLI says it; empty if nothing."""
    done = stage.workspace.pulumi(company, "preview", "--expect-no-changes", "--diff")
    return "" if done.returncode == 0 else done.stdout + done.stderr


def deploy(stage: Stage, company: str) -> None:
    """`pulumi up` from the command line: quicker than `demo.up`, and it must succeed."""
    done = stage.workspace.pulumi(company, "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr


def test_secundus_needs_primus_first(stage: Stage) -> None:
    """Before primus is deployed, secundus stops with a sentence and the command that helps."""
    done = stage.workspace.pulumi("secundus", "preview")
    assert done.returncode != 0
    assert "pulumi up" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_both_deploy_and_the_admitted_workload_classifies(stage: Stage) -> None:
    """One `up` per company is enough: every picture is classified by the released model."""
    up(stage, "primus")
    up(stage, "secundus")
    assert told(stage, demonstration.admitted) == {
        "the admitted workload classifies every picture": True
    }


@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_nothing_changes_by_itself(stage: Stage, company: str) -> None:
    """A second preview, straight after, shows no change."""
    assert changes(stage, company) == ""


@pytest.mark.parametrize(
    ("number", "letters", "most"), [(27, 18, 15_000), (picture_folder.MOST, 60, 33_000)]
)
def test_a_first_preview_of_pictures_fits_into_a_comment(
    stage: Stage, number: int, letters: int, most: int
) -> None:
    """GitHub shows 65,536 characters; the pictures take half of it at most, the rest a quarter."""
    folder = stage.workspace.program / f"photos-{number}"
    folder.mkdir()
    for picture in range(number):
        (folder / f"{picture:0{letters - 4}}.jpg").write_bytes(b"x")
    config = ("config", "set", f"{NAMESPACE}:pictures")
    stage.workspace.pulumi("secundus", *config, folder.name)
    shown = stage.workspace.pulumi("secundus", "preview", "--diff").stdout
    stage.workspace.pulumi("secundus", *config, "model/pictures")
    created = [
        part for part in re.split(r"\n(?= *[-+~>] )", shown) if "BucketObject: (create)" in part
    ]
    assert len(created) == number
    assert sum(map(len, created)) < most
    assert re.search(rf"pictures: (3 => )?{number}\n", shown)


def test_the_deployed_condition_is_the_exported_one(stage: Stage) -> None:
    """What a pull request shows as `attributeCondition` is word for word what the cloud holds."""
    exported = stage.outputs["primus"]["attributeCondition"]
    assert provider(stage).doc["attributeCondition"] == exported


def test_the_image_is_readable_for_the_operators_project_only(stage: Stage) -> None:
    """The repository's readers are the service accounts of Secundus' project and nobody else."""
    (repository,) = stage.local.cloud.repositories.values()
    readers = repository.policy.members("roles/artifactregistry.reader")
    assert readers == {SERVICE_ACCOUNTS_OF_PROJECT.format(number="222222222222")}


def test_the_model_is_out_of_secundus_reach(stage: Stage) -> None:
    """Neither Secundus' administrator nor its workload account can read the model directly."""
    kept = told(stage, demonstration.model_is_out_of_reach, handover(stage))
    assert len(kept) == 2
    assert all(kept.values())


def test_the_impostor_is_refused_by_the_condition(stage: Stage) -> None:
    """One line more in the workload: nothing is released, and `result` holds Google's sentence."""
    assert told(stage, demonstration.refused, handover(stage)) == {
        "the impostor gets nothing": True,
        "the condition refuses it, in Google's words": True,
        "the refusal is explained: it was the image": True,
    }


def test_why_names_the_image_in_what_is_kept_of_it(
    stage: Stage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`why` on the files that `demo --keep` leaves: digest expected and got; exit codes."""
    for name, text in stage.kept.items():
        (tmp_path / name).write_text(text)
    condition = ("--condition", str(tmp_path / "condition.cel"))
    codes = {
        name: main(["why", str(tmp_path / name), *condition])
        for name in stage.kept
        if name != "condition.cel"
    }
    assert codes == {
        "launcher-admitted.log": OK,
        "launcher-impostor.log": BROKEN,
        "result-admitted": OK,
        "result-impostor": BROKEN,
    }
    (machine,) = stage.local.cloud.instances.values()
    launched = machine.metadata["tee-image-reference"].partition("@")[2]
    admitted = handover(stage)["image"].partition("@")[2]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["│", "│", "expected", f'"{admitted}"', "│"] in lines
    assert ["│", "│", "got", f'"{launched}"', "│"] in lines


@pytest.mark.parametrize("folder", ["the program's", "a company's own"])
def test_why_reads_the_condition_from_the_stack_of_the_folder(
    stage: Stage, tmp_path: Path, folder: str
) -> None:
    """The log is enough, where `Pulumi.yaml` and the program are, and where only the former is."""
    log = tmp_path / "launcher.log"
    log.write_text(stage.kept["launcher-impostor.log"])
    program = stage.workspace.program
    if folder == "a company's own":
        project = (program / "Pulumi.yaml").read_text()
        (tmp_path / "Pulumi.yaml").write_text(f"{project}main: {program}\n")
    done = subprocess.run(
        [sys.executable, "-m", "ops", "why", str(log), "--json"],
        cwd=program if folder == "the program's" else tmp_path,
        env=stage.workspace.environment("secundus") | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (BROKEN, "")
    failed = [row["claim"] for row in json.loads(done.stdout)["clauses"] if not row["passed"]]
    assert failed == [demonstration.DIGEST_CLAIM]


def test_with_the_condition_loosened_the_grant_still_holds_and_it_shows(stage: Stage) -> None:
    """Any code passes the loosened condition; IAM refuses it, which is not what was promised."""
    name = handover(stage)["audience"].removeprefix("//iam.googleapis.com/")
    loosen.condition(stage.admin("primus"), name)
    assert told(stage, demonstration.refused, handover(stage)) == {
        "the impostor gets nothing": True,
        "the condition refuses it, in Google's words": False,
        "the refusal is explained: it was the image": False,
    }


def test_with_the_grant_loosened_too_the_impostor_gets_in_and_is_named(stage: Stage) -> None:
    """With both guards gone the added line really copies the model, and the promise says who."""
    name = handover(stage)["audience"].removeprefix("//iam.googleapis.com/")
    loosen.grant(stage.admin("primus"), name, READER)
    kept = told(stage, demonstration.refused, handover(stage))
    assert not any(kept.values())
    (got_in,) = [p.seen for p in stage.promises.broken if p.what == "the impostor gets nothing"]
    assert "custom-image/workload@sha256:" in got_in
    assert "is the model" in got_in


def test_a_refresh_sees_the_careless_change_and_up_mends_it(stage: Stage) -> None:
    """The condition that somebody loosened by hand is back after `pulumi up --refresh`."""
    done = stage.workspace.pulumi("primus", "up", "--yes", "--refresh", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert provider(stage).doc["attributeCondition"] != loosen.CONDITION
    assert "image_digest in" in provider(stage).doc["attributeCondition"]
    pool = provider(stage).pool
    everybody = f"principalSet://iam.googleapis.com/{pool}/*"
    # The grant was never the stack's: additive IAM leaves it, and Primus' admin takes it back.
    account = f"iam.googleapis.com/v1/projects/-/serviceAccounts/{READER}"
    stage.admin("primus").unbind(account, "roles/iam.workloadIdentityUser", everybody)
    assert everybody not in reader_policy(stage).members("roles/iam.workloadIdentityUser")


def test_a_rebuilt_workload_is_admitted_and_the_machine_replaced(stage: Stage) -> None:
    """Primus rebuilds, both go up: the new digest alone is admitted, on a new machine."""
    module = stage.workspace.program / "workload" / "job.py"
    module.write_text(module.read_text() + "\n# A second edition.\n")
    (before,) = stage.local.cloud.instances.values()
    stage.workspace.pulumi("secundus", "config", "rm", "image")
    up(stage, "primus")
    up(stage, "secundus")
    (after,) = stage.local.cloud.instances.values()
    assert after.id != before.id
    assert told(stage, demonstration.admitted) == {
        "the admitted workload classifies every picture": True
    }
    digest = handover(stage)["image"].partition("@")[2]
    (member,) = reader_policy(stage).members("roles/iam.workloadIdentityUser")
    assert member.rpartition("/")[2] == digest


def test_one_character_more_than_the_admitted_code_is_refused(stage: Stage, tmp_path: Path) -> None:
    """The admitted workload with one more space in job.py is another digest, and gets nothing."""
    source = stage.workspace.program / "workload"
    changed = impostor.copy(source, tmp_path / "workload")
    module = changed / "job.py"
    module.write_text(module.read_text() + " ")
    secundus = stage.admin("secundus")
    (machine,) = stage.local.cloud.instances.values()
    image = build(changed, changed / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})
    reference = impostor.publish(secundus, image, machine.service_account or "")
    stage.workspace.pulumi("secundus", "config", "set", "image", reference)
    deploy(stage, "secundus")
    impostor.clean_up(secundus)
    run = results_of(stage)
    assert run == Run((), f"release_refused: {demonstration.REJECTED}")


def test_a_rollout_admits_old_and_new_and_then_only_new(stage: Stage) -> None:
    """A, then B with A, then B: at each step the cloud's policy has exactly those grants."""
    old, new = (f"sha256:{letter * 64}" for letter in "ab")
    push(stage.local.cloud, old, new)
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
            assert stage.workspace.pulumi("primus", "config", *command).returncode == 0
        deploy(stage, "primus")
        members = reader_policy(stage).members("roles/iam.workloadIdentityUser")
        assert {member.rpartition("/")[2] for member in members} == admitted
        condition = provider(stage).doc["attributeCondition"]
        assert {digest for digest in (old, new) if digest in condition} == admitted


def test_destroy_leaves_nothing_and_up_works_again(stage: Stage) -> None:
    """Both stacks go, nothing is left but the reserved pool id, and both come up once more."""
    empty = Cloud()
    two_companies(empty)
    grants = inventory.project_grants(empty)
    assert told(stage, demonstration.gone, grants) == {
        "destroy leaves nothing but a reserved pool id": True
    }
    (reserved,) = inventory.reserved(stage.local.cloud)
    stage.workspace.pulumi("primus", "config", "rm", "image")
    stage.workspace.pulumi("secundus", "config", "rm", "image")
    deploy(stage, "primus")
    deploy(stage, "secundus")
    assert provider(stage).pool != reserved
