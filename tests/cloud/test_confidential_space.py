"""A VM from power-on to power-off: which launches run, which are refused, and with which messages.

The workload here is a small probe that reports its environment; the real one has its own tests.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.attacks.image_editions import edition, store
from rehearsal.cloud.compute import machines
from rehearsal.cloud.compute.machines import RunningMachines
from rehearsal.cloud.confidential_space import container, process_group
from rehearsal.cloud.iam.roles import ROLES
from rehearsal.cloud.state import Instance, Json, Repository
from rehearsal.image_builder.dockerfile import build
from rehearsal.image_builder.oci import LAYER, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.image_builder.oci import Image

ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"
REFERENCE = "us-west1-docker.pkg.dev/primus-models/repo/probe:v1"
SUBNET = "projects/secundus-vision/regions/us-west1/subnetworks/vision"
LINK = "https://www.googleapis.com/compute/beta/"
IMAGES = LINK + "projects/confidential-space-images/global/images/"

DOCKERFILE = """\
FROM python:3.13-slim
COPY probe.py /opt/app/
ENV PYTHONPATH=/opt/app GREETING=hello
LABEL tee.launch_policy.allow_env_override="REPORT,EXIT,HOLD"
LABEL tee.launch_policy.log_redirect="always"
WORKDIR /work
ENTRYPOINT ["python", "-m", "probe"]
CMD ["standard"]
"""

PROBE = """\
import json, os, pathlib, subprocess, sys, urllib.request
report = {"argv": sys.argv[1:], "env": dict(os.environ), "cwd": os.getcwd(), "file": __file__}
place = "/run/container_launcher/attestation_verifier_claims_token"
report["token"] = pathlib.Path(os.environ.get("ATTESTATION_TOKEN_FILE", place)).read_text()
ask = urllib.request.Request(
    "http://" + os.environ["GCE_METADATA_HOST"] + "/computeMetadata/v1/instance/name",
    headers={"Metadata-Flavor": "Google"},
)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
report["name"] = opener.open(ask).read().decode()
pathlib.Path(os.environ["REPORT"]).write_text(json.dumps(report))
print("the workload speaks")
if "HOLD" in os.environ:
    held = open(os.environ["HOLD"], "w")
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"],
                             pass_fds=[held.fileno()])
    print("holding", file=held, flush=True)
    child.wait()
sys.exit(int(os.environ.get("EXIT", "0")))
"""


class Rehearsal:
    """A cloud with one probe image and one machine that may run it; tests change what they test."""

    def __init__(self, local: LocalCloud, folder: Path) -> None:
        self.local = local
        self.issuer = local.issuer
        self.cloud = cloud = local.cloud
        self.console: list[str] = []
        self.folder = folder
        self.report = folder / "report.json"
        self.least_seconds = 0.0
        self.labels = ""
        self.dockerfile = DOCKERFILE
        self.client_environment = {"HTTPS_PROXY": "outside"}
        self.metadata = {"tee-image-reference": REFERENCE, "tee-env-REPORT": str(self.report)}
        name = "projects/primus-models/locations/us-west1/repositories/repo"
        self.repository = Repository(name, "primus-models", {})
        cloud.repositories[name] = self.repository
        grant(self.repository, "roles/artifactregistry.reader")
        self.project = cloud.projects["secundus-vision"]
        grant(self.project, "roles/confidentialcomputing.workloadUser")
        self.project.services.add("confidentialcomputing.googleapis.com")
        cloud.networking[SUBNET] = {"privateIpGoogleAccess": True}
        self.doc: Json = {
            "status": "RUNNING",
            "disks": [
                {
                    "boot": True,
                    "initializeParams": {"sourceImage": IMAGES + "confidential-space-260900"},
                }
            ],
            "serviceAccounts": [{"email": ACCOUNT}],
            "networkInterfaces": [{"subnetwork": LINK + SUBNET}],
            "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
            "shieldedInstanceConfig": {"enableSecureBoot": True},
        }

    def image(self) -> Image:
        """Build the probe's image, and put it into the repository."""
        (self.folder / "probe.py").write_text(PROBE)
        file = self.folder / "Dockerfile"
        file.write_text(self.dockerfile + self.labels)
        image = build(self.folder, file, {})
        self.repository.blobs |= image.blobs
        self.repository.manifests[image.digest] = ("application/json", image.manifest)
        self.repository.tags["probe", "v1"] = image.digest
        return image

    def machine(self) -> Instance:
        """The machine, not yet started."""
        items = [{"key": key, "value": value} for key, value in self.metadata.items()]
        self.doc["metadata"] = {"items": items}
        return Instance("4711", "secundus-vision", "us-west1-b", "workload-vm", self.doc)

    def run(
        self, during: Callable[[RunningMachines, Instance], Coroutine[Any, Any, None]] | None = None
    ) -> Instance:
        """Start the machine and wait until its launcher has finished."""
        self.image()
        instance = self.machine()

        async def life() -> None:
            machines = self.folder / "machines"
            started = RunningMachines(self.cloud, self.issuer, machines, self.client_environment)
            started.least_seconds = self.least_seconds
            started.start(instance)
            if during is not None:
                await during(started, instance)
            await asyncio.to_thread(started.finished(instance).wait)
            await started.close()
            assert list(machines.glob("*")) == []

        asyncio.run(life())
        self.console = instance.serial
        return instance

    def reported(self) -> dict[str, Any]:
        """The probe's report."""
        found: dict[str, Any] = json.loads(self.report.read_text())
        return found


def grant(resource: Any, role: str) -> None:
    """Give the workload's account a role."""
    resource.policy.bindings.append({"role": role, "members": [f"serviceAccount:{ACCOUNT}"]})


def decoded(token: str) -> Json:
    """The claims of a JWT."""
    found: Json = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return found


@pytest.fixture
def rehearsal(local: LocalCloud, tmp_path: Path) -> Rehearsal:
    """A cloud in which the launch is allowed."""
    return Rehearsal(local, tmp_path)


def test_an_allowed_launch_runs_and_powers_off(rehearsal: Rehearsal) -> None:
    """The console has the launcher's messages."""
    instance = rehearsal.run()
    assert instance.doc["status"] == "TERMINATED"
    story = [
        "TEE container launcher initiating",
        "Preparing Container Runner",
        "Image Labels",
        "Retrieved image config",
        "successfully refreshed attestation token",
        "Container stdout/stderr will not be redirected.",
        "workload task started",
        "workload task ended and returned 0",
        "workload finished successfully, shutting down the VM",
    ]
    assert len(instance.serial) == len(story)
    for line, words in zip(instance.serial, story, strict=True):
        assert words in line


def test_the_workload_gets_no_variable_of_the_clouds_process(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only those of the image and the operator, and those that lead to the cloud."""
    monkeypatch.setenv("SECRET_OF_THIS_PROCESS", "1")
    rehearsal.run()
    found = rehearsal.reported()
    env = found["env"]
    assert found["argv"] == ["standard"]
    assert found["name"] == "workload-vm"
    assert env["GREETING"] == "hello"
    assert env["HOSTNAME"] == "workload-vm"
    assert env["HTTPS_PROXY"] == "outside"
    assert env["GCE_METADATA_HOST"] == env["GCE_METADATA_IP"]
    assert found["cwd"].endswith("/machines/4711/rootfs/work")
    assert found["file"].endswith("/machines/4711/rootfs/opt/app/probe.py")
    assert "SECRET_OF_THIS_PROCESS" not in env
    assert {env["HOME"], env["TMPDIR"], env["CLOUDSDK_CONFIG"]}.isdisjoint(os.environ.values())


def test_the_token_describes_the_running_container(rehearsal: Rehearsal) -> None:
    """Digest, id, argv and environment; not the variables that lead to the local cloud."""
    rehearsal.run()
    image = rehearsal.image()
    claimed = decoded(rehearsal.reported()["token"])["submods"]["container"]
    assert claimed["image_digest"] == image.digest
    assert claimed["image_id"] == image.config_digest
    assert claimed["args"] == ["python", "-m", "probe", "standard"]
    assert claimed["env"]["PYTHONPATH"] == "/opt/app"
    assert claimed["env"]["HOSTNAME"] == "workload-vm"
    assert "HTTPS_PROXY" not in claimed["env"]
    assert claimed["env_override"] == {"REPORT": str(rehearsal.report)}


def test_values_of_variables_are_redacted_on_the_console(rehearsal: Rehearsal) -> None:
    """Names are shown where the launch is prepared, values are not."""
    instance = rehearsal.run()
    (line,) = [each for each in instance.serial if "Preparing" in each]
    assert "REPORT=[REDACTED]" in line
    assert str(rehearsal.report) not in line


def test_output_reaches_the_console_only_with_log_redirection(rehearsal: Rehearsal) -> None:
    """This image allows it; without it, the operator sees nothing."""
    assert "the workload speaks" not in rehearsal.run().serial
    rehearsal.metadata["tee-container-log-redirect"] = "serial"
    assert "the workload speaks" in rehearsal.run().serial


def test_the_exit_code_of_a_failing_workload_is_not_logged(rehearsal: Rehearsal) -> None:
    """The operator reads that it failed, not how."""
    rehearsal.metadata["tee-env-EXIT"] = "37"
    instance = rehearsal.run()
    assert instance.doc["status"] == "TERMINATED"
    assert "workload finished with a non-zero return code" in instance.serial[-2]
    assert 'exit_code=1 exit_msg="workload or launcher error' in instance.serial[-1]
    assert not any("37" in line.partition("level=")[2] for line in instance.serial[5:])


def test_a_restart_policy_changes_the_launchers_exit_code(rehearsal: Rehearsal) -> None:
    """The machine stops nevertheless."""
    rehearsal.metadata |= {"tee-env-EXIT": "1", "tee-restart-policy": "OnFailure"}
    instance = rehearsal.run()
    assert 'exit_code=3 exit_msg="rebooting VM"' in instance.serial[-1]
    assert instance.doc["status"] == "TERMINATED"


@pytest.mark.parametrize(("policy", "code"), [("Never", 1), ("OnFailure", 3), ("Always", 3)])
def test_a_failure_to_start_is_retryable_and_a_refusal_is_not(
    rehearsal: Rehearsal, policy: str, code: int
) -> None:
    """Whatever the restart policy."""
    rehearsal.metadata["tee-restart-policy"] = policy
    rehearsal.labels = 'ENTRYPOINT ["/bin/sh"]\n'
    assert f"exit_code={code}" in rehearsal.run().serial[-1]
    rehearsal.metadata["tee-cmd"] = '["x"]'
    assert "exit_code=1" in rehearsal.run().serial[-1]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (None, {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}),
        ([], {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}),
        (["A=1", "B", "C=", "A=2=3"], {"A": "2=3", "C": ""}),
    ],
)
def test_an_unusual_environment_of_an_image_is_accepted(
    rehearsal: Rehearsal, variables: list[str] | None, expected: dict[str, str]
) -> None:
    """No variable means the default path; a variable without `=` is dropped."""
    image = edition(rehearsal.image(), Env=variables, Entrypoint=["python", "/opt/app/probe.py"])
    store(rehearsal.repository, image, "odd")
    pinned = REFERENCE.replace("probe:v1", "workload@") + image.digest
    rehearsal.metadata["tee-image-reference"] = pinned
    rehearsal.run()
    claimed = decoded(rehearsal.reported()["token"])["submods"]["container"]["env"]
    added = {"REPORT": str(rehearsal.report), "HOSTNAME": "workload-vm"}
    assert claimed == expected | added


def test_a_machine_with_a_debug_image_stays_on(rehearsal: Rehearsal) -> None:
    """The token shows the debug image."""
    disk = rehearsal.doc["disks"][0]["initializeParams"]
    disk["sourceImage"] = IMAGES + "confidential-space-debug-260900"
    instance = rehearsal.run()
    claims = decoded(rehearsal.reported()["token"])
    assert claims["dbgstat"] == "enabled"
    assert "STABLE" not in claims["submods"]["confidential_space"]["support_attributes"]
    assert instance.doc["status"] == "RUNNING"
    assert 'exit_code=4 exit_msg="VM remains running"' in instance.serial[-1]


def test_a_machine_with_another_image_runs_no_launcher(rehearsal: Rehearsal) -> None:
    """A plain Linux image ignores the metadata."""
    rehearsal.doc["disks"][0]["initializeParams"]["sourceImage"] = "images/debian-13"
    instance = rehearsal.run()
    assert instance.serial == []
    assert instance.doc["status"] == "RUNNING"


def refused(rehearsal: Rehearsal) -> str:
    """Launch, expect the machine to power off without a workload; returns the console's message."""
    instance = rehearsal.run()
    assert instance.doc["status"] == "TERMINATED"
    assert not rehearsal.report.exists()
    assert "exit_code=1" in instance.serial[-1]
    return instance.serial[-2]


def refusal(rehearsal: Rehearsal) -> str:
    """The message of such a refusal."""
    message: str = json.loads(refused(rehearsal).partition("msg=")[2])
    return message


def test_invalid_metadata_ends_the_launch_before_the_pull(rehearsal: Rehearsal) -> None:
    """Nothing is pulled."""
    rehearsal.metadata["tee-restart-policy"] = "never"
    expected = (
        "failed to get launchspec, make sure you're running inside a GCE VM: "
        "invalid restart policy: never"
    )
    assert expected in refused(rehearsal)
    assert rehearsal.cloud.audit == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tee-env-LD_PRELOAD", "/x", "env var {LD_PRELOAD /x} is not allowed to be overridden"),
        ("tee-cmd", '["-c", "code"]', "CMD is not allowed to be overridden on this image"),
        ("tee-env-A-B", "1", "malformed env name [A-B]"),
    ],
)
def test_the_images_policy_is_enforced(
    rehearsal: Rehearsal, key: str, value: str, message: str
) -> None:
    """Nothing runs, and no token is made."""
    rehearsal.metadata[key] = value
    assert message in refused(rehearsal)
    assert not any("attestation token" in line for line in rehearsal.console)


def test_an_invalid_label_ends_the_launch(rehearsal: Rehearsal) -> None:
    """The message refers the operator to the image's author."""
    rehearsal.labels = "LABEL tee.launch_policy.allow_cmd_override=perhaps\n"
    line = refused(rehearsal)
    assert "failed to parse image Launch Policy: invalid image LABEL" in line
    assert "(not a boolean): contact the image author" in line


def test_an_allowed_command_replaces_the_images_command(rehearsal: Rehearsal) -> None:
    """Never the entry point; and the token shows it."""
    rehearsal.labels = "LABEL tee.launch_policy.allow_cmd_override=true\n"
    rehearsal.metadata["tee-cmd"] = '["--other"]'
    rehearsal.run()
    found = rehearsal.reported()
    assert found["argv"] == ["--other"]
    claimed = decoded(found["token"])["submods"]["container"]
    assert claimed["args"] == ["python", "-m", "probe", "--other"]
    assert claimed["cmd_override"] == ["--other"]


def test_a_command_needs_an_entry_point_in_the_image(rehearsal: Rehearsal) -> None:
    """Whatever the label says."""
    rehearsal.dockerfile = DOCKERFILE.replace("ENTRYPOINT", "CMD")
    rehearsal.labels = "LABEL tee.launch_policy.allow_cmd_override=true\n"
    rehearsal.metadata["tee-cmd"] = '["python", "-c", "code"]'
    assert "length of Args [3] is shorter or equal to the length of the given Cmd [3]" in refused(
        rehearsal
    )


def test_a_program_outside_of_the_image_is_not_found(rehearsal: Rehearsal) -> None:
    """Programs of this machine are not the image's."""
    rehearsal.labels = 'ENTRYPOINT ["/bin/sh"]\n'
    assert 'exec: "/bin/sh": executable file not found' in json.loads(
        refused(rehearsal).partition("msg=")[2]
    )


def test_a_missing_working_directory_ends_the_launch(rehearsal: Rehearsal) -> None:
    """The machine powers off; it does not hang."""
    rehearsal.dockerfile = DOCKERFILE.replace("WORKDIR /work", "WORKDIR /opt/app/probe.py")
    assert "failed to create task" in refused(rehearsal)


def test_without_the_reader_grant_the_pull_fails(rehearsal: Rehearsal) -> None:
    """In Artifact Registry's words."""
    rehearsal.repository.policy.bindings = []
    line = refused(rehearsal)
    assert (
        "cannot pull the image: failed to pull image with retries, the last error is: "
        "failed to resolve reference"
    ) in line
    assert "artifactregistry.repositories.downloadArtifacts" in line


@pytest.mark.parametrize("account", [None, "gone@secundus-vision.iam.gserviceaccount.com"])
def test_a_machine_without_an_account_pulls_anonymously(
    rehearsal: Rehearsal, account: str | None
) -> None:
    """So does one whose account was deleted."""
    rehearsal.doc["serviceAccounts"] = [{"email": account}] if account else []
    message = refusal(rehearsal)
    assert message.startswith(
        "cannot pull the image (no token, only works for a public image): "
        "failed to pull image with retries, the last error is: failed to resolve reference"
    )
    assert "Unauthenticated request" in message


def test_a_machine_with_a_disabled_account_gets_no_token(rehearsal: Rehearsal) -> None:
    """It gets no token any more."""
    rehearsal.cloud.service_accounts[ACCOUNT].disabled = True
    assert "Unauthenticated request" in refused(rehearsal)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (REFERENCE.replace("v1", "v2"), "manifest unknown"),
        (REFERENCE.split(":", maxsplit=1)[0] + "@sha256:" + "0" * 64, "manifest unknown"),
        ("docker.io/library/python", "invalid reference format"),
    ],
)
def test_a_missing_image_ends_the_launch(
    rehearsal: Rehearsal, reference: str, message: str
) -> None:
    """By tag, by digest, and in a registry that cannot be reached."""
    rehearsal.metadata["tee-image-reference"] = reference
    assert message in refused(rehearsal)


def test_a_digest_wins_over_a_moved_tag(rehearsal: Rehearsal) -> None:
    """The token shows the reference as the operator wrote it."""
    pinned = REFERENCE.rpartition(":")[0] + "@" + rehearsal.image().digest
    rehearsal.metadata["tee-image-reference"] = pinned
    rehearsal.run()
    claimed = decoded(rehearsal.reported()["token"])["submods"]["container"]
    assert claimed["image_reference"] == pinned


def test_an_invalid_layer_ends_the_launch(rehearsal: Rehearsal) -> None:
    """With a message, and the machine does not hang."""
    image = rehearsal.image()
    config = next(iter(image.blobs))
    bad = {"mediaType": LAYER.replace("gzip", "zstd"), "digest": config}
    manifest = json.dumps({"config": {"digest": config}, "layers": [bad]}).encode()
    rehearsal.repository.manifests[digest(manifest)] = ("application/json", manifest)
    pinned = REFERENCE.rpartition(":")[0] + "@" + digest(manifest)
    rehearsal.metadata["tee-image-reference"] = pinned
    assert "got a layer of type" in refused(rehearsal)


def test_without_a_route_to_google_the_pull_fails(rehearsal: Rehearsal) -> None:
    """No external address and no Private Google Access."""
    rehearsal.cloud.networking[SUBNET]["privateIpGoogleAccess"] = False
    assert "i/o timeout" in refused(rehearsal)


def test_an_external_address_is_a_route_to_google(rehearsal: Rehearsal) -> None:
    """Private Google Access is then not needed."""
    rehearsal.cloud.networking[SUBNET]["privateIpGoogleAccess"] = False
    rehearsal.doc["networkInterfaces"][0]["accessConfigs"] = [{"type": "ONE_TO_ONE_NAT"}]
    rehearsal.run()
    assert rehearsal.reported()["name"] == "workload-vm"


NO_CLIENT = (
    'failed to create REST verifier client: listing regions in project "secundus-vision": '
    "googleapi: Error 403: "
)


def test_without_the_workload_user_role_the_client_fails(rehearsal: Rehearsal) -> None:
    """The launcher reads its region, then lists all regions, and reports the error of the list."""
    rehearsal.project.policy.bindings = []
    assert refusal(rehearsal) == (
        NO_CLIENT + "Permission 'confidentialcomputing.locations.list' denied on resource "
        "'//confidentialcomputing.googleapis.com/projects/secundus-vision' (or it may not exist)."
    )


def test_without_the_api_the_client_fails(rehearsal: Rehearsal) -> None:
    """The API must be enabled in the VM's project."""
    rehearsal.project.services.clear()
    message = NO_CLIENT + "Confidential Computing API has not been used in project"
    assert refusal(rehearsal).startswith(message)


def test_the_client_is_created_between_pull_and_launch_policy(
    rehearsal: Rehearsal,
) -> None:
    """So, of several mistakes, the launcher reports the first one in this order."""
    rehearsal.metadata["tee-cmd"] = '["x"]'
    grants, rehearsal.project.policy.bindings = rehearsal.project.policy.bindings, []
    readers, rehearsal.repository.policy.bindings = rehearsal.repository.policy.bindings, []
    assert refusal(rehearsal).startswith("cannot pull the image: ")
    rehearsal.repository.policy.bindings = readers
    assert refusal(rehearsal).startswith(NO_CLIENT)
    rehearsal.project.policy.bindings = grants
    assert refusal(rehearsal) == "CMD is not allowed to be overridden on this image"


def test_without_a_challenge_there_is_no_token(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that may only read regions fails at the challenge."""
    only = ("confidentialcomputing.locations.get",)
    monkeypatch.setitem(ROLES, "roles/confidentialcomputing.workloadUser", only)
    assert refusal(rehearsal).startswith(
        "failed to fetch and write OIDC token: failed to retrieve attestation service token: "
        "calling v1.CreateChallenge in us-west1: googleapi: Error 403: "
        "Permission 'confidentialcomputing.challenges.create' denied"
    )


def test_a_sev_snp_machine_gets_no_token(rehearsal: Rehearsal) -> None:
    """Google's attestation service does not support it."""
    rehearsal.doc["confidentialInstanceConfig"] = {"confidentialInstanceType": "SEV_SNP"}
    assert "UNSUPPORTED_CC_TECHNOLOGY" in refused(rehearsal)


def test_the_token_names_another_account_only_with_its_grant(rehearsal: Rehearsal) -> None:
    """tee-impersonate-service-accounts, without and with the permission to impersonate it."""
    other = rehearsal.cloud.service_accounts["primus-sa@primus-models.iam.gserviceaccount.com"]
    rehearsal.metadata["tee-impersonate-service-accounts"] = other.email
    assert f"failed to get impersonated token for {other.email}" in refused(rehearsal)
    grant(other, "roles/iam.serviceAccountTokenCreator")
    rehearsal.run()
    claims = decoded(rehearsal.reported()["token"])
    assert claims["google_service_accounts"] == [ACCOUNT, other.email]


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe; reading it to its end waits until every writer is dead."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_stopping_a_machine_kills_all_its_processes(rehearsal: Rehearsal, pipe: Path) -> None:
    """Also the children of the workload; then the console gets no more lines."""
    rehearsal.metadata["tee-env-HOLD"] = str(pipe)

    async def interrupt(machines: RunningMachines, instance: Instance) -> None:
        reader = await asyncio.to_thread(pipe.open)
        with reader:
            assert await asyncio.to_thread(reader.readline) == "holding\n"
            machines.stop(instance)
            assert await asyncio.to_thread(reader.read) == ""

    instance = rehearsal.run(interrupt)
    assert "workload task started" in instance.serial[-1]


class SlowToStop:
    """A workload that runs until it is killed, and then takes as long as the test wants."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.up, self.dying, self.may_die = asyncio.Event(), asyncio.Event(), asyncio.Event()
        monkeypatch.setattr(container, "run", self.run)

    async def run(self, *_: object) -> int:
        """In the place of `container.run`."""
        self.events.append("up")
        self.up.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.dying.set()
            await self.may_die.wait()
            self.events.append("down")
        return 0


def test_a_second_stop_does_not_interrupt_the_first_one(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop and then a delete: the machine has finished only when its workload has ended."""
    workload = SlowToStop(monkeypatch)

    async def interrupt(machines: RunningMachines, instance: Instance) -> None:
        await workload.up.wait()
        machines.stop(instance)
        await workload.dying.wait()
        machines.stop(instance)
        await asyncio.sleep(0)
        workload.may_die.set()

    rehearsal.run(interrupt)
    assert workload.events == ["up", "down"]


def test_a_machine_stays_on_for_the_least_time_after_its_workload(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client sees RUNNING until then."""
    states: list[tuple[bool, str, bool]] = []

    async def until(moment: float) -> None:
        later = moment > asyncio.get_running_loop().time()
        states.append((later, rehearsal.doc["status"], rehearsal.report.exists()))

    monkeypatch.setattr(machines, "_until", until)
    rehearsal.least_seconds = 3600.0
    assert rehearsal.run().doc["status"] == "TERMINATED"
    assert states == [(True, "RUNNING", True)]


def test_an_idle_machine_can_be_stopped_before_the_least_time(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delete does not wait for the least time."""
    waits = asyncio.Event()

    async def until(_moment: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    async def interrupt(machines: RunningMachines, instance: Instance) -> None:
        await waits.wait()
        machines.stop(instance)

    monkeypatch.setattr(machines, "_until", until)
    assert rehearsal.run(interrupt).doc["status"] == "RUNNING"


def test_a_machine_that_is_stopped_at_once_has_finished(rehearsal: Rehearsal) -> None:
    """Before its launcher did anything; a second stop changes nothing."""

    async def interrupt(machines: RunningMachines, instance: Instance) -> None:
        machines.stop(instance)
        machines.stop(instance)

    assert rehearsal.run(interrupt).serial == []


def test_the_workload_ends_when_the_cloud_is_killed(pipe: Path) -> None:
    """After SIGKILL, the supervisor sees the end of its input."""
    hold = (
        f"import signal; f = open({str(pipe)!r}, 'w'); print('up', file=f, flush=True); "
        "signal.pause()"
    )
    supervisor = [sys.executable, "-I", "-S", process_group.__file__, sys.executable, "-c", hold]
    start = f"p = subprocess.Popen({supervisor!r}, stdin=-1)"
    code = f"import signal, subprocess; {start}; signal.pause()"
    cloud = subprocess.Popen([sys.executable, "-c", code])
    with pipe.open() as reader:
        assert reader.readline() == "up\n"
        cloud.send_signal(signal.SIGKILL)
        assert reader.read() == ""
    assert cloud.wait() == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_workload_ends_with_its_supervisor(pipe: Path, number: int) -> None:
    """Ctrl-C in a terminal reaches the supervisor before the cloud has done anything."""
    hold = (
        f"import signal; f = open({str(pipe)!r}, 'w'); print('up', file=f, flush=True); "
        "signal.pause()"
    )
    command = [sys.executable, "-I", "-S", process_group.__file__, sys.executable, "-c", hold]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, pipe.open() as reader:
        assert reader.readline() == "up\n"
        process.send_signal(number)
        assert reader.read() == ""


@pytest.mark.parametrize(
    ("code", "expected"),
    [("import sys; sys.exit(5)", 5), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_supervisor_exits_with_the_commands_exit_code(code: str, expected: int) -> None:
    """A signal becomes 128 plus its number."""
    command = [sys.executable, "-I", "-S", process_group.__file__, sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.wait() == expected
