"""The command `doctor`: what is on this machine, what both companies agreed, and how it ends."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import secundus_settings
from infra.stack_name import StackName
from ops.cli import main
from ops.commands import OPS
from ops.doctor import command, configured, machine, names, policies, project, tools
from ops.doctor.check import Check, Status, not_checked, not_ok, ok
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import CredentialsError
from rehearsal.companies import COMPANIES
from tests.fixtures.handovers import PUBLISHED
from tests.fixtures.pulumi_config import Stacks
from tests.fixtures.recorded_api import Recorded
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PULUMI = """#!/bin/sh
case "$1 $2" in
"version ") echo "{version}" ;;
"whoami --verbose") {whoami} ;;
"plugin ls") echo '{plugins}' ;;
"stack export") echo '{{"deployment": {{"resources": []}}}}' ;;
"config --json") cat "$4.config" ;;
"stack output") cat "$5.outputs" ;;
esac
"""
COMPUTE = "compute.googleapis.com/compute/v1/projects/secundus-vision"
INSTALLED = [
    {"name": "gcp", "kind": "resource", "version": "10.2.0"},
    {"name": "docker", "kind": "resource", "version": "4.8.0"},
]
LOCK = "pulumi==3.272.0 \\\npulumi-gcp==10.2.0 \\\npulumi-docker==4.8.0 \\\n"
DOCKER = {"ServerVersion": "28.2.2", "DriverStatus": [["Backing Filesystem", "extfs"]]}


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """Both stacks here; only this folder and the system's own programs on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.chdir(tmp_path)
    found = Stacks(tmp_path)
    found.create()
    program(tmp_path, "pulumi-language-python", "")
    pulumi(tmp_path)
    (tmp_path / "requirements.txt").write_text(LOCK)
    return found


def program(folder: Path, name: str, script: str) -> None:
    """An executable on PATH."""
    (folder / name).write_text(script or "#!/bin/sh\n")
    (folder / name).chmod(0o755)


def pulumi(folder: Path, **changes: Any) -> None:
    """An engine that answers, with changes."""
    answers = {
        "version": "v3.259.0",
        "whoami": "echo 'User: me\nBackend URL: file://state'",
        "plugins": json.dumps(INSTALLED),
    }
    program(folder, "pulumi", PULUMI.format(**{**answers, **changes}))


def results(found: Iterator[Check]) -> dict[str, Status]:
    """The status by check."""
    return {each.name: each.status for each in found}


def test_an_engine_with_its_language_host_and_a_backend_is_ok(stacks: Stacks) -> None:
    """The detail says which backend."""
    found = [*tools.engine()]
    assert {each.status for each in found} == {Status.OK}
    assert found[-1].detail == "User: me Backend URL: file://state"
    assert stacks.folder.exists()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"version": "v3.101.0"}, "pulumi"),
        ({"version": ""}, "pulumi"),
        ({"whoami": "echo 'error: PULUMI_ACCESS_TOKEN must be set' >&2; exit 1"}, "backend"),
    ],
    ids=["old", "no version", "not logged in"],
)
def test_an_engine_that_cannot_be_used_is_found(
    stacks: Stacks, changes: dict[str, str], name: str
) -> None:
    """With the way to mend it."""
    pulumi(stacks.folder, **changes)
    (broken,) = (each for each in tools.engine() if each.status is not Status.OK)
    assert (broken.name, broken.status) == (name, Status.NOT_OK)
    assert broken.fix


def test_a_missing_engine_or_language_host_is_found(stacks: Stacks) -> None:
    """Without an engine nothing else can be asked."""
    (stacks.folder / "pulumi-language-python").unlink()
    assert results(tools.engine())["language host"] is Status.NOT_OK
    (stacks.folder / "pulumi").unlink()
    assert results(tools.engine()) == {"pulumi": Status.NOT_OK}


@pytest.mark.parametrize(
    ("plugins", "lock", "status"),
    [
        (INSTALLED, LOCK, Status.OK),
        ([{"name": "gcp", "version": "v10.2.0"}, INSTALLED[1]], LOCK, Status.OK),
        ([{"name": "gcp", "version": "9.0.0"}], LOCK, Status.NOT_OK),
        (INSTALLED, "nothing==1\n", Status.NOT_CHECKED),
    ],
    ids=["there", "with a v", "another version", "another lock file"],
)
def test_the_plugins_have_the_versions_of_the_lock_file(
    stacks: Stacks, plugins: list[dict[str, str]], lock: str, status: Status
) -> None:
    """The engine refuses any other."""
    pulumi(stacks.folder, plugins=json.dumps(plugins))
    (stacks.folder / "requirements.txt").write_text(lock)
    assert results(tools.plugins())["plugin gcp"] is status


def test_without_the_program_the_plugins_cannot_be_compared(stacks: Stacks) -> None:
    """There is no lock file."""
    (stacks.folder / "requirements.txt").unlink()
    assert results(tools.plugins()) == {"plugins": Status.NOT_CHECKED}


@pytest.mark.parametrize(
    ("script", "status", "said"),
    [
        (f"echo '{json.dumps(DOCKER)}'", Status.OK, "28.2.2"),
        (
            "echo '"
            + json.dumps({**DOCKER, "DriverStatus": [["driver-type", tools.CONTAINERD + ".v1"]]})
            + "'",
            Status.NOT_OK,
            "containerd store",
        ),
        ("echo 'Cannot connect' >&2; exit 1", Status.NOT_OK, "does not run here"),
        ("echo '{}'", Status.NOT_OK, "does not run here"),
    ],
    ids=["classic store", "containerd store", "no daemon", "only a client"],
)
def test_docker_must_run_and_use_the_classic_store(
    stacks: Stacks, script: str, status: Status, said: str
) -> None:
    """pulumi-docker cannot build from the other one."""
    program(stacks.folder, "docker", f"#!/bin/sh\n{script}\n")
    check = tools.docker()
    assert check.status is status
    assert said in check.detail


def test_no_docker_at_all_is_found(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is built elsewhere needs none."""
    monkeypatch.setenv("PATH", str(stacks.folder))
    assert "image.digest" in tools.docker().fix


def test_a_configuration_with_problems_names_their_keys(stacks: Stacks) -> None:
    """The preview has the whole text."""
    values = {**committed("primus"), "region": "mars", "labels": "x"}
    found, check = configured.settings(values, StackName("primus"))
    assert found is None
    assert check.status is Status.NOT_OK
    assert check.detail == "problems with labels, region"
    assert stacks.folder.exists()


def test_the_subject_of_a_token_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google takes 127 bytes."""
    found, _ = configured.settings(committed("primus"), StackName("primus"))
    assert found is not None
    assert configured.subject(found).status is Status.OK
    monkeypatch.setattr(configured, "MAX_SUBJECT", 100)
    assert configured.subject(found).status is Status.NOT_OK


def agreed(company: str, stage: str = "", **changes: Any) -> list[Check]:
    """What a company's stack says of the other's."""
    name = StackName(company, stage)
    found, _ = configured.settings({**committed(company), **changes}, name)
    assert found is not None
    return [*configured.agreement(found, name)]


@pytest.mark.parametrize(
    ("theirs", "status"),
    [
        ({}, Status.OK),
        ({"projectNumber": "999999999999"}, Status.NOT_OK),
        ({"names": {"serviceAccount": "other-sa"}}, Status.NOT_OK),
    ],
    ids=["as agreed", "another number", "another account"],
)
def test_primus_admits_the_machine_of_the_stack_secundus(
    stacks: Stacks, theirs: dict[str, Any], status: Status
) -> None:
    """By number and account, as the condition does."""
    stacks.configure("secundus", **theirs)
    assert [each.status for each in agreed("primus")] == [status]


def test_the_machine_of_a_stage_runs_as_the_account_of_that_stage(stacks: Stacks) -> None:
    """Both stacks end their default names with the stage."""
    stacks.configure("secundus-staging")
    assert [each.status for each in agreed("primus", "-staging")] == [Status.OK]


def test_a_stack_whose_values_are_not_valid_cannot_be_compared(stacks: Stacks) -> None:
    """Its own doctor says which, with the mend."""
    stacks.configure("secundus", projectNumber="many")
    (check,) = agreed("primus")
    assert check.status is Status.NOT_CHECKED
    assert "projectNumber" in check.detail
    assert check.fix == f"{OPS} doctor --stack secundus"


def test_a_stack_that_is_not_here_cannot_be_compared(stacks: Stacks) -> None:
    """Companies without a shared backend hand over files."""
    (stacks.folder / "secundus.config").unlink()
    assert [each.status for each in agreed("primus")] == [Status.NOT_CHECKED]
    assert [each.status for each in agreed("secundus")] == [Status.NOT_CHECKED]
    (check,) = agreed("secundus", handover="primus.json")
    assert check.status is Status.NOT_CHECKED
    assert "handover check primus.json" in check.fix


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, Status.OK), ({"operatorNumber": "999999999999"}, Status.NOT_OK)],
    ids=["as agreed", "for somebody else"],
)
def test_secundus_is_handed_over_what_it_agreed_to(
    stacks: Stacks, changes: dict[str, str], status: Status
) -> None:
    """By the checks of a preview."""
    stacks.export({"handover": {**PUBLISHED, **changes}})
    (check,) = agreed("secundus")
    assert check.status is status, check


@pytest.fixture
def checked(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """A stack whose project, policies and machine are ok, without a cloud."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    program(stacks.folder, "docker", f"#!/bin/sh\necho '{json.dumps(DOCKER)}'\n")
    monkeypatch.setattr(tools, "clock", lambda: ok("clock", "right"))
    monkeypatch.setattr(project, "checks", lambda *_: [ok("project", "there")])
    monkeypatch.setattr(policies, "checks", lambda *_: [not_checked("policy x", "403")])
    monkeypatch.setattr(machine, "checks", lambda *_: [ok("zone", "up")])
    monkeypatch.setattr(names, "checks", lambda *_, **__: [ok("names", "free")])
    return stacks


@pytest.mark.parametrize("company", COMPANIES)
def test_every_check_is_shown_and_all_is_well(
    checked: Stacks, capsys: pytest.CaptureFixture[str], company: str
) -> None:
    """What cannot be checked here fails nothing; only stack primus builds an image."""
    assert checked.folder.exists()
    assert main(["doctor", "--stack", company]) == OK
    printed = capsys.readouterr().out
    assert "✓ configuration: complete and valid" in printed
    assert "? policy x: 403" in printed
    assert ("✓ docker" in printed) == (company == "primus")
    assert ("✓ zone" in printed) == (company == "secundus")
    assert "0 not ok" in printed


def test_one_check_that_is_not_ok_decides_unless_it_is_left_out(
    checked: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--skip` is for whoever knows better, such as for a builder that needs no Docker."""
    program(checked.folder, "docker", "#!/bin/sh\nexit 1\n")
    assert main(["doctor", "--stack", "primus"]) == BROKEN
    printed = capsys.readouterr().out
    assert "✗ docker: it does not run here\n    start Docker" in printed
    assert main(["doctor", "--stack", "primus", "--skip", "docker", "--json"]) == OK
    found = json.loads(capsys.readouterr().out)
    assert {"name", "status", "detail", "fix"} == set(found[0])
    assert "docker" not in {each["name"] for each in found}


def test_a_broken_configuration_ends_the_checks_that_need_it(
    checked: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    """Project and machine are not known then."""
    checked.configure("primus", region="mars")
    assert main(["doctor", "--stack", "primus"]) == BROKEN
    printed = capsys.readouterr().out
    assert "✗ configuration: problems with region" in printed
    assert "project" not in printed


def test_without_credentials_google_is_not_asked(
    checked: Stacks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other checks are made."""
    assert checked.folder.exists()

    def missing() -> None:
        raise CredentialsError("no credentials found")

    monkeypatch.setattr(command, "identity", missing)
    assert main(["doctor", "--stack", "secundus"]) == BROKEN
    assert "✗ credentials: no credentials found" in capsys.readouterr().out


@pytest.mark.parametrize("stack", ["tertius", "secundus-x"])
def test_a_stack_that_is_not_there_is_an_error(
    checked: Stacks, capsys: pytest.CaptureFixture[str], stack: str
) -> None:
    """With the command that makes it."""
    program(checked.folder, "pulumi", "#!/bin/sh\necho no stack >&2; exit 255\n")
    assert main(["doctor", "--stack", stack]) == UNUSABLE
    assert "pulumi stack init" in capsys.readouterr().err


def test_the_checks_have_three_ends() -> None:
    """And only what is not ok must have a fix."""
    assert ok("a", "b").status is Status.OK
    assert not_ok("a", "b", "c").fix == "c"
    assert not_checked("a", "b").fix == ""
    assert os.environ


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("storage.googleapis.com/storage/v1/b/secundus-vision-input-bucket", "`existing` or"),
        (
            f"{COMPUTE}/zones/us-west1-b/instances/workload-vm",
            "if nobody needs it: gcloud compute instances delete workload-vm ",
        ),
        (
            "pubsub.googleapis.com/v1/projects/secundus-vision/topics/workload-slices",
            "if nobody needs it: gcloud pubsub topics delete workload-slices ",
        ),
    ],
)
def test_the_cure_of_a_name_that_is_taken_is_a_possible_one(url: str, cure: str) -> None:
    """No stack can take over a machine, or anything of a fleet."""
    policy = "cloudresourcemanager.googleapis.com/v1/projects/secundus-vision:getIamPolicy"
    api = Recorded({policy: {}, f"{COMPUTE}/global/instanceTemplates": {}, url: {}})
    settings = secundus_settings.parse(committed("secundus"))
    (check,) = names.checks(api, settings, deployed=False)
    assert check.fix.startswith(f"another name under `names`; or {cure}")
