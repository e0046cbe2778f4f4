"""Both companies, deployed by the real engine: the target of the attacks.

This module repeats no condition, grant or label: it reads them from the local cloud after
`pulumi up`. A target is plain data. An attack that changes it changes a copy.
"""

from __future__ import annotations

import base64
import copy
import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.cloud.confidential_space.claims import BootImage
from rehearsal.cloud.confidential_space.container import Disk
from rehearsal.cloud.confidential_space.launcher import Launch
from rehearsal.cloud.confidential_space.token_issuer import Issuer
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.image_builder.oci import Image, Reference, digest
from rehearsal.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Bucket, Instance, Json, Provider, Repository, ServiceAccount

OLD_IMAGE = digest(b"the image before this one, still admitted during a rollout")
OLD_ARCHIVE = b"the model before this one"
OLD_MODEL = digest(OLD_ARCHIVE).removeprefix("sha256:")
ACME, FORMER = "acme", "former"
"""Two more operators: one with a model and an image of its own, and one that was stopped."""
ACME_IMAGE = digest(b"the image that is admitted for Acme alone")
PICTURES = 3
WORKLOAD_SECONDS = 120


ROLLOUT = (
    f"image.admitAlso[0]={OLD_IMAGE}",
    f"model.admitAlso.{OLD_MODEL}=model/before.tar.gz",
)
OPERATORS = (
    "models.other.archive=model/model-litert.tar.gz",
    "models.other.manifest=model/manifest-litert.json",
    f"operators.{ACME}.project=acme-vision",
    f"operators.{ACME}.projectNumber=555555555555",
    f"operators.{ACME}.image.digest={ACME_IMAGE}",
    f"operators.{ACME}.models[0]=other",
    f"operators.{FORMER}.project=former-vision",
    f"operators.{FORMER}.projectNumber=444444444444",
)
"""The configuration of Primus' stack beside the committed one."""
FLEET = ("fleet.mostMachines=1", "fleet.stream=true")
"""The configuration of Secundus' stack after the run of its one machine."""


@dataclass(kw_only=True)
class Target:
    """Both companies' projects after `up`, and the machine that Secundus' stack declared."""

    cloud: Cloud
    issuer: Issuer
    handover: dict[str, str]
    handovers: dict[str, Json]
    """to the other operators, by name"""
    result_bucket: str
    fleet: Json
    """Secundus' output of that name, once its stack declares a fleet instead of the machine"""
    claims: Json
    """of the token that the declared machine gets"""
    presented: list[tuple[Json, bool]] = field(default_factory=list)
    """claims that the deployed condition judged, here or in a copy, and whether it admitted them"""

    unmapped: list[Json] = field(default_factory=list)
    """claims of which the deployed mapping could make no attributes"""

    def __getstate__(self) -> dict[str, Any]:
        """The state for another process: without the issuer, whose key stays in this process."""
        return {**self.__dict__, "issuer": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Another process signs and checks tokens with a key of its own."""
        self.__dict__ = {**state, "issuer": Issuer()}

    def copy(self) -> Target:
        """A copy that an attack may change."""
        return Target(
            cloud=copy.deepcopy(self.cloud),
            issuer=self.issuer,
            handover=dict(self.handover),
            handovers=self.handovers,
            result_bucket=self.result_bucket,
            fleet=self.fleet,
            claims=copy.deepcopy(self.claims),
            presented=self.presented,
            unmapped=self.unmapped,
        )

    @property
    def machine(self) -> Instance:
        """The one machine of Secundus' stack."""
        (found,) = self.cloud.instances.values()
        return found

    @property
    def provider(self) -> Provider:
        """Primus' provider, with the deployed condition and mapping."""
        return self.provider_of(self.handover)

    def provider_of(self, handover: Json) -> Provider:
        """The provider that releases what a handover names."""
        return self.cloud.providers[handover["audience"].removeprefix("//iam.googleapis.com/")]

    @property
    def reader(self) -> ServiceAccount:
        """The account that reads the model."""
        return self.reader_of(self.handover)

    def reader_of(self, handover: Json) -> ServiceAccount:
        """The account that reads what a handover names."""
        return self.cloud.service_accounts[handover["modelReader"]]

    @property
    def image(self) -> Reference:
        """The image that Primus published, by digest."""
        return Reference.parse(self.handover["image"])

    @property
    def repository(self) -> Repository:
        """Primus' image repository."""
        at = self.image
        parent = f"projects/{at.project}/locations/{at.location}"
        return self.cloud.repositories[f"{parent}/repositories/{at.repository}"]

    @property
    def model(self) -> tuple[Bucket, str]:
        """The model's bucket and the name of its object."""
        bucket, name = place_of_model(self.handover)
        return self.cloud.buckets[bucket], name

    def metadata(self) -> dict[str, str]:
        """The metadata of the machine in Secundus' stack."""
        return self.machine.metadata

    def published(self) -> Image:
        """The published image itself."""
        _, manifest = self.repository.manifests[str(self.image.digest)]
        blobs = self.repository.blobs
        described = json.loads(manifest)
        named = [described["config"], *described["layers"]]
        return Image(manifest, {each["digest"]: blobs[each["digest"]] for each in named})


def place_of_model(handover: Json) -> tuple[str, str]:
    """The bucket of the model that a handover names, and the name of its object."""
    bucket, _, name = handover["modelUri"].removeprefix("gs://").partition("/")
    return bucket, name


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Two deployed stacks in a local cloud that still runs."""

    local: LocalCloud
    workspace: Workspace
    outputs: dict[str, dict[str, Any]]
    """by stack, its outputs"""


@contextmanager
def deploy(folder: Path, cli: Path) -> Iterator[Deployment]:
    """`pulumi up` of both companies in the middle of a rollout; AssertionError if it fails.

    The machine has started by then, and its workload runs.
    """
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        workspace = Workspace(folder, local, cli)
        _keep_few(workspace.program / "model")
        workspace.create_stacks()
        (workspace.program / "model" / "before.tar.gz").write_bytes(OLD_ARCHIVE)
        also = [f"--plaintext={pair}" for pair in (*ROLLOUT, *OPERATORS)]
        _pulumi(workspace, "primus", "config", "set-all", "--path", *also)
        _pulumi(workspace, "primus", "up", "--yes", "--skip-preview")
        stop = f"operators.{FORMER}.stopped"
        _pulumi(workspace, "primus", "config", "set", "--path", stop, "true")
        outputs = {}
        for company in ("primus", "secundus"):
            _pulumi(workspace, company, "up", "--yes", "--skip-preview")
            outputs[company] = json.loads(_pulumi(workspace, company, "stack", "output", "--json"))
        yield Deployment(local=local, workspace=workspace, outputs=outputs)


def target_of(deployment: Deployment) -> Target:
    """A copy of the deployed state, once the machine's own workload has finished.

    Then Secundus' stack gets a fleet, too. The target has its queue with all grants, and the one
    machine from before: Google would make those of the fleet only when there is work.
    """
    local = deployment.local
    (machine,) = local.cloud.instances.values()
    assert local.machines.finished(machine).wait(WORKLOAD_SECONDS), machine.serial
    instances = copy.deepcopy(local.cloud.instances)
    fleet = _declare_fleet(deployment.workspace)
    cloud = copy.deepcopy(local.cloud)
    cloud.instances = instances
    found = Target(
        cloud=cloud,
        issuer=local.issuer,
        handover=deployment.outputs["primus"]["handover"],
        handovers=deployment.outputs["primus"]["handovers"],
        result_bucket=deployment.outputs["secundus"]["resultUri"].removeprefix("gs://"),
        fleet=fleet,
        claims={},
    )
    found.claims = claims_of(token(found.cloud, found.issuer, found.machine))
    return found


def _declare_fleet(workspace: Workspace) -> Json:
    """`up` of Secundus' stack with a fleet; returns that output."""
    _pulumi(workspace, "secundus", "config", "rm", "run")  # what runs again is a job
    also = [f"--plaintext={pair}" for pair in FLEET]
    _pulumi(workspace, "secundus", "config", "set-all", "--path", *also)
    _pulumi(workspace, "secundus", "up", "--yes", "--skip-preview")
    fleet: Json = json.loads(_pulumi(workspace, "secundus", "stack", "output", "fleet", "--json"))
    return fleet


def token(cloud: Cloud, issuer: Issuer, machine: Instance) -> str:
    """The attestation token that a machine gets; the launcher's LaunchError if it gets none."""
    boot = BootImage.named(machine.doc["disks"][0]["initializeParams"]["sourceImage"])
    assert boot is not None, "only a Confidential Space image has a launcher"
    with tempfile.TemporaryDirectory() as folder:
        launch = Launch(cloud, issuer, {}, machine, boot, Disk(Path(folder)))
        launch.measure()
        return launch.disk.token.read_text()


def claims_of(signed: str) -> Json:
    """The claims of a token, without a check of its signature."""
    payload = signed.split(".")[1]
    found: Json = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def _pulumi(workspace: Workspace, company: str, *command: str) -> str:
    done = workspace.pulumi(company, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _keep_few(model: Path) -> None:
    for path in sorted((model / "pictures").iterdir())[PICTURES:]:
        path.unlink()
