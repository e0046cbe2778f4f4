"""The resources of a stack that may exist before it: their names, and how each is looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra import naming
from infra.config.problems import set_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.config.existing_keys import Lists
    from infra.config.primus_settings import PrimusSettings
    from infra.config.secundus_settings import SecundusSettings

    Settings = PrimusSettings | SecundusSettings

FUNCTIONS: Final[Mapping[str, str]] = {
    "account": "gcp:serviceaccount/getAccount:getAccount",
    "bucket": "gcp:storage/getBucket:getBucket",
    "machine": "gcp:compute/getInstance:getInstance",
    "network": "gcp:compute/getNetwork:getNetwork",
    "pool": "gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool",
    "repository": "gcp:artifactregistry/getRepository:getRepository",
    "subnetwork": "gcp:compute/getSubnetwork:getSubnetwork",
}
"""By kind, the function of the gcp plugin that looks a resource up."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource by its configured name."""

    key: str
    """its key in `existing` and under `names`"""
    above: str = ""
    """what is before `existing` and `names` in the full keys, such as `operators.acme.`"""
    kind: str
    """a key of FUNCTIONS"""
    name: str
    arguments: Mapping[str, str]
    """of the function"""
    lists: Lists
    """the settings or the release whose lists may have its key"""
    location: str = ""
    network: str = ""
    """of a subnetwork: the configured name of its network"""
    subnetwork: str = ""
    """of a network: the configured name of the machine's subnetwork"""
    addresses: str = ""
    """of a subnetwork: the range of one that this stack creates"""
    machines: int = 1
    """of a subnetwork: how many machines must have room"""
    pool: str = ""
    """of the account that reads the model: the configured name of the pool that it admits"""
    provider: str = ""
    """of a pool: the configured name of its provider"""

    @property
    def owned(self) -> bool:
        """Whether this stack creates it."""
        return self.key not in (*self.lists.existing, *self.lists.adopt)

    @property
    def adopted(self) -> bool:
        """Whether this stack manages it from now on, and so may change and delete it."""
        return self.key in self.lists.adopt

    @property
    def name_key(self) -> str:
        """The full key of its name."""
        return f"{self.above}names.{self.key}"

    @property
    def called(self) -> str:
        """Its kind and name in a sentence."""
        words = {"account": "service account", "pool": "identity pool"}
        return f"{words.get(self.kind, self.kind)} {self.name}"

    def another_name(self, stack: str) -> str:
        """The command that gives it another name."""
        return set_command(stack, self.name_key, "ANOTHER")


def of_primus(settings: PrimusSettings) -> Iterator[Resource]:
    """The resources of a stack of Primus, in the order of the keys."""
    location = naming.bucket_location(settings.region)
    yield _bucket(settings, "modelBucket", settings.names.model_bucket, location)
    name = settings.names.repository
    place = {"project": settings.project, "location": settings.region}
    yield Resource(
        key="repository",
        kind="repository",
        name=name,
        arguments={**place, "repositoryId": name},
        location=settings.region,
        lists=settings,
    )
    for release in settings.releases:
        above = f"operators.{release.name}." if release.name else ""
        yield _account(settings.project, release.reader, release, above=above, pool=release.pool)
        pool = Resource(
            key="pool",
            kind="pool",
            name=release.pool,
            arguments={"project": settings.project, "workloadIdentityPoolId": release.pool},
            lists=release,
            above=above,
            provider=settings.names.provider,
        )
        if not pool.owned:  # the id of a new one has a suffix that no other has
            yield pool


def of_secundus(settings: SecundusSettings) -> Iterator[Resource]:
    """The resources of stack secundus, in the order of the keys."""
    names, project, region = settings.names, settings.project, settings.region
    yield _bucket(settings, "inputBucket", names.input_bucket, region)
    yield _bucket(settings, "resultBucket", names.result_bucket, region)
    yield _account(project, names.service_account, settings)
    yield Resource(
        key="network",
        kind="network",
        name=names.network,
        arguments={"project": project, "name": names.network},
        lists=settings,
        subnetwork=names.subnetwork,
    )
    yield Resource(
        key="subnetwork",
        kind="subnetwork",
        name=names.subnetwork,
        arguments={"project": project, "region": region, "name": names.subnetwork},
        location=region,
        lists=settings,
        network=names.network,
        addresses=settings.addresses,
        machines=settings.fleet.most_machines if settings.fleet else 1,
    )
    if settings.fleet is None:
        yield Resource(
            key="vm",
            kind="machine",
            name=names.vm,
            arguments={"project": project, "zone": settings.zone, "name": names.vm},
            lists=settings,
        )


def _bucket(settings: Settings, key: str, name: str, location: str) -> Resource:
    return Resource(
        key=key,
        kind="bucket",
        name=name,
        arguments={"name": name},
        location=location,
        lists=settings,
    )


def _account(
    project: str, account_id: str, lists: Lists, *, above: str = "", pool: str = ""
) -> Resource:
    # By its full name. By its id alone the plugin asks for it in any project, and then Google
    # answers 403 where it does not exist.
    # https://docs.cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/get
    path = naming.service_account_path(account_id, project)
    return Resource(
        key="serviceAccount",
        kind="account",
        name=account_id,
        arguments={"accountId": path, "project": project},
        lists=lists,
        above=above,
        pool=pool,
    )
