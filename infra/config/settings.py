"""What each company configures, as frozen values: parsed once, and right from then on.

It owns the keys, their defaults and what makes a value acceptable. Which values defeat each other
is in `contradictions`. Whether a file that a key names is what it should be is for `files` to say,
and what the other company published is for `handover`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra import naming
from infra.attestation import release_policy
from infra.config import contradictions, locations, machine_types, validators
from infra.config.problems import SettingsError
from infra.config.reader import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.problems import Rule

__all__ = ["PrimusSettings", "SecundusSettings", "SettingsError", "parse_primus", "parse_secundus"]


@dataclass(frozen=True, kw_only=True)
class Company:
    """What both companies configure."""

    project: str
    project_number: str
    region: str
    """for Primus, who has no machine and no network, also a multi-region"""
    new_locations: tuple[str, ...]
    """regions and zones that this program does not know and that are to be believed"""
    accept_loss: str | None
    """the region to which a move was agreed, with all that it destroys"""
    labels: Mapping[str, str]
    force_destroy: bool
    """whether buckets that still hold objects may be destroyed"""
    protect: tuple[str, ...]
    """which resources the engine must refuse to delete or replace"""


@dataclass(frozen=True, kw_only=True)
class PrimusNames:
    """The physical names of what Primus owns."""

    model_bucket: str
    service_account: str
    pool: str
    """the id's first part: a suffix follows it, because the id of a deleted pool stays reserved"""
    provider: str
    repository: str


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Who may use the model: Primus' decision, never read from the other side."""

    project: str
    project_number: str
    service_account: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """Where the model is on this machine, and which other models stay admitted."""

    archive: Path
    manifest: Path
    admit_also: Mapping[str, Path]
    """SHA-256 -> archive: what is admitted is stored too, or nobody could load it"""


@dataclass(frozen=True, kw_only=True)
class AdmittedImages:
    """The image that is admitted (built here where no digest is given), and others besides."""

    digest: str | None
    admit_also: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PrimusSettings(Company):
    """Everything that stack `primus` configures."""

    names: PrimusNames
    operator: Operator
    model: Model
    image: AdmittedImages
    hardware: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SecundusNames:
    """The physical names of what Secundus owns."""

    input_bucket: str
    result_bucket: str
    service_account: str
    network: str
    subnetwork: str
    firewall: str
    vm: str


@dataclass(frozen=True, kw_only=True)
class Author:
    """Whom Secundus takes the image from: whatever the peer publishes must belong to it."""

    project: str
    project_number: str


@dataclass(frozen=True, kw_only=True)
class SecundusSettings(Company):
    """Everything that stack `secundus` configures."""

    zone: str
    names: SecundusNames
    author: Author
    peer: str
    """the stack that Primus published from"""
    approved_digests: tuple[str, ...] | None
    """None: any"""
    image: str | None
    """an image reference by digest to launch instead of the peer's"""
    confidential_space_image: str
    confidential_type: str
    machine_type: str
    operators: tuple[str, ...]
    pictures: Path | None
    run: str

    @property
    def operator(self) -> Operator:
        """Whom Primus must admit: this company, by its machine's project and account."""
        return Operator(
            project=self.project,
            project_number=self.project_number,
            service_account=naming.service_account(self.names.service_account, self.project),
        )


def parse_primus(values: Mapping[str, object]) -> PrimusSettings:
    """The settings of Primus; SettingsError with every problem there is."""
    table = Table(values, stack="primus")
    company = _company(table, validators.LOCATION, validators.PROTECT_PRIMUS)
    named = table.table("names")
    operator = table.table("operator")
    operator_project = operator.text("project", validators.PROJECT)
    operator_number = operator.text("projectNumber", validators.NUMBER)
    account = operator.text(
        "serviceAccount",
        validators.SERVICE_ACCOUNT,
        default=naming.service_account("workload-sa", operator_project),
    )
    model = table.table("model")
    image = table.table("image")
    kinds = table.texts("hardware", validators.HARDWARE, default=release_policy.HARDWARE)
    if not kinds:
        table.refuse("hardware[0]", validators.HARDWARE, got="an empty list")
    own = company.project, company.project_number
    contradictions.two_numbers(operator, (operator_project, operator_number), own)
    settings = PrimusSettings(
        **vars(company),
        names=PrimusNames(
            model_bucket=named.text(
                "modelBucket", validators.BUCKET, default=f"{company.project}-model-bucket"
            ),
            service_account=named.text("serviceAccount", validators.ACCOUNT, default="primus-sa"),
            pool=named.text("pool", validators.POOL, default=naming.POOL),
            provider=named.text("provider", validators.PROVIDER, default=naming.PROVIDER),
            repository=named.text(
                "repository", validators.REPOSITORY, default=f"{company.project}-artifact-repo"
            ),
        ),
        operator=Operator(
            project=operator_project,
            project_number=operator_number,
            service_account=account,
        ),
        model=Model(
            archive=Path(model.text("archive", validators.PATH, default="model/model.tar.gz")),
            manifest=Path(model.text("manifest", validators.PATH, default="model/manifest.json")),
            admit_also={
                sha256: Path(path)
                for sha256, path in model.pairs(
                    "admitAlso", validators.HASH, validators.PATH
                ).items()
            },
        ),
        image=AdmittedImages(
            digest=image.text("digest", validators.DIGEST, default="") or None,
            admit_also=image.texts("admitAlso", validators.DIGEST),
        ),
        hardware=kinds,
    )
    reader = settings.names.service_account
    contradictions.reader_as_operator(operator, account, reader, company.project)
    table.finish()
    return settings


def parse_secundus(values: Mapping[str, object], *, default_peer: str) -> SecundusSettings:
    """The settings of Secundus; SettingsError with every problem there is."""
    table = Table(values, stack="secundus")
    company = _company(table, validators.REGION, validators.PROTECT_SECUNDUS)
    named = table.table("names")
    author = table.table("author")
    zone = locations.zone(
        table,
        table.text("zone", validators.ZONE, default=f"{company.region}-b"),
        company.region,
        company.new_locations,
    )
    input_bucket = named.text(
        "inputBucket", validators.BUCKET, default=f"{company.project}-input-bucket"
    )
    result_bucket = named.text(
        "resultBucket", validators.BUCKET, default=f"{company.project}-result-bucket"
    )
    if input_bucket and input_bucket == result_bucket:
        named.refuse(
            "resultBucket",
            validators.BUCKET,
            expected="another bucket than names.inputBucket",
            otherwise="results would be listed among the pictures, and the workload refuses that",
        )
    confidential_type, machine_type = _machine(table)
    approved = table.texts("approvedDigests", validators.DIGEST)
    if table.has("approvedDigests") and not approved:
        table.refuse(
            "approvedDigests",
            validators.DIGEST,
            expected="at least one digest, or the key left out to approve any",
            otherwise="an empty list approves nothing, so nothing could be launched",
            mend=table.command("rm", "approvedDigests"),
        )
    settings = SecundusSettings(
        **vars(company),
        zone=zone,
        names=SecundusNames(
            input_bucket=input_bucket,
            result_bucket=result_bucket,
            service_account=named.text("serviceAccount", validators.ACCOUNT, default="workload-sa"),
            network=named.text("network", validators.COMPUTE_NAME, default="workload-network"),
            subnetwork=named.text("subnetwork", validators.COMPUTE_NAME, default="workload-subnet"),
            firewall=named.text(
                "firewall", validators.COMPUTE_NAME, default="workload-deny-ingress"
            ),
            vm=named.text("vm", validators.COMPUTE_NAME, default="workload-vm"),
        ),
        author=Author(
            project=author.text("project", validators.PROJECT),
            project_number=author.text("projectNumber", validators.NUMBER),
        ),
        peer=table.text("peer", validators.STACK, default=default_peer),
        approved_digests=approved or None,
        image=table.text("image", validators.IMAGE, default="") or None,
        confidential_space_image=table.text(
            "confidentialSpaceImage", validators.CONFIDENTIAL_SPACE
        ),
        confidential_type=confidential_type,
        machine_type=machine_type,
        operators=table.texts("operators", validators.MEMBER),
        pictures=_folder(table.text("pictures", validators.PATH, default="")),
        run=table.text("run", validators.RUN, default=""),
    )
    theirs = settings.author.project, settings.author.project_number
    contradictions.two_numbers(author, theirs, (company.project, company.project_number))
    contradictions.one_member_twice(table, settings.operators)
    table.finish()
    return settings


def _company(table: Table, location: Rule, protect: Rule) -> Company:
    """What both have; `location` is what the region may be, `protect` what can be protected."""
    project = table.text("project", validators.PROJECT)
    new_locations = table.texts("newLocations", validators.PLACE)
    company = Company(
        project=project,
        project_number=table.text("projectNumber", validators.NUMBER),
        region=locations.region(
            table, table.text("region", location, default="us-west1"), new_locations
        ),
        new_locations=new_locations,
        accept_loss=table.text("acceptLoss", location, default="") or None,
        labels=table.pairs("labels", validators.LABEL_KEY, validators.LABEL_VALUE),
        force_destroy=table.flag(
            "forceDestroy", otherwise="it would be unclear whether stored objects may be destroyed"
        ),
        protect=table.texts("protect", protect),
    )
    contradictions.too_many_labels(table, tuple(company.labels))
    return company


def _machine(table: Table) -> tuple[str, str]:
    """Confidential type and machine type, which must fit each other."""
    unattested = machine_types.WITHOUT_TOKEN.get(table.peek("confidentialType"))
    if unattested:
        table.refuse("confidentialType", validators.CONFIDENTIAL_TYPE, otherwise=unattested)
        return "", table.text("machineType", validators.MACHINE_TYPE, default="")
    kind = table.text("confidentialType", validators.CONFIDENTIAL_TYPE, default="SEV")
    machine = table.text(
        "machineType", validators.MACHINE_TYPE, default=machine_types.DEFAULT_MACHINE.get(kind, "")
    )
    if kind and machine and not machine_types.fits(kind, machine):
        table.refuse(
            "machineType",
            validators.MACHINE_TYPE,
            expected=f"a machine that attests with {kind}: {machine_types.examples(kind)} or"
            " another size of these families",
            otherwise="Google would refuse the machine, or its memory would not be encrypted",
            mend=table.command("set", "machineType", machine_types.DEFAULT_MACHINE[kind]),
        )
    return kind, machine


def _folder(path: str) -> Path | None:
    return Path(path).expanduser() if path else None
