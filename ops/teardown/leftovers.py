"""What a stack would have made and what still exists: each name of its configuration is looked up.

Nothing here needs the state, which is empty after `destroy`, and wrong after an accident.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from infra import naming
from infra.config import locations
from infra.existing import resources
from ops.google_api import API_IS_OFF, NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.primus_settings import PrimusSettings
    from infra.config.secundus_settings import SecundusSettings
    from infra.existing.resources import Resource
    from ops.google_api import GoogleApi, Json

COMPUTE: Final = "compute.googleapis.com/compute/v1"
IAM: Final = "iam.googleapis.com/v1"
REGISTRY: Final = "artifactregistry.googleapis.com/v1"
PROJECTS: Final = "cloudresourcemanager.googleapis.com/v1/projects"


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """Something that exists, and how it is removed."""

    what: str
    remove: str = ""
    """the command; empty where nothing is to be done"""
    error: str = ""
    """why it is not known whether it exists"""
    adoptable: bool = False
    """whether a stack can use it or take it over"""


def of_primus(api: GoogleApi, settings: PrimusSettings) -> Iterator[Leftover]:
    """What is left of a stack of Primus."""
    for each in resources.of_primus(settings):
        if each.kind != "pool":
            yield from _resource(api, each, settings.project)
    prefixes = [each.pool_prefix for each in settings.releases if "pool" not in each.existing]
    yield from _pools(api, settings.project, prefixes)


def of_secundus(api: GoogleApi, settings: SecundusSettings) -> Iterator[Leftover]:
    """What is left of a stack of Secundus, in an order in which it can be removed."""
    project, names = settings.project, settings.names
    yield from _looked_up(
        api,
        f"{COMPUTE}/projects/{project}/global/firewalls/{names.firewall}",
        f"firewall rule {names.firewall}",
        f"gcloud compute firewall-rules delete {names.firewall} --project {project}",
    )
    yield from _fleet(api, settings)
    yield from _notifications(api, settings)
    # The machine holds its subnetwork, and that its network. On the way to a fleet it is deleted
    # last, so it can be left beside one, too.
    for each in reversed([*resources.of_secundus(replace(settings, fleet=None))]):
        yield from _resource(api, each, project)
    yield from _grants(api, project, naming.service_account(names.service_account, project))


def _fleet(api: GoogleApi, settings: SecundusSettings) -> Iterator[Leftover]:
    """A group makes its machines anew, so it goes before them; the autoscaler holds the group.

    Also where no fleet is configured any more, and in zones that are not: an update that was killed
    can have left them.
    """
    project, names = settings.project, settings.names
    zones = {f"{settings.region}-{letter}" for letter in locations.ZONES.get(settings.region, "")}
    for zone in sorted(zones.union(settings.fleet.zones if settings.fleet else [settings.zone])):
        own = f"{COMPUTE}/projects/{project}/zones/{zone}"
        where = f"--zone {zone} --project {project}"
        migs = "gcloud compute instance-groups managed"
        yield from _looked_up(
            api,
            f"{own}/autoscalers/{names.group}",
            f"autoscaler {names.group} in {zone}",
            f"{migs} stop-autoscaling {names.group} {where}",
        )
        yield from _looked_up(
            api,
            f"{own}/instanceGroupManagers/{names.group}",
            f"group {names.group} in {zone}, with its machines",
            f"{migs} delete {names.group} {where}",
        )
    yield from _templates(api, project, names.group)
    for name in (names.topic, names.dead_letters):
        for kind in ("subscription", "topic"):
            yield from _looked_up(
                api,
                f"pubsub.googleapis.com/v1/projects/{project}/{kind}s/{name}",
                f"{kind} {name}",
                f"gcloud pubsub {kind}s delete {name} --project {project}",
                off=True,
            )


def _notifications(api: GoogleApi, settings: SecundusSettings) -> Iterator[Leftover]:
    """What announces new pictures to the topic of the stack: an existing bucket keeps it."""
    bucket, topic = settings.names.input_bucket, settings.names.topic
    url = f"storage.googleapis.com/storage/v1/b/{bucket}/notificationConfigs"
    try:
        found = api.get(url).get("items", ())
    except ApiError as error:
        if error.status != NOT_FOUND:
            yield Leftover(what=f"notifications of the bucket {bucket}", error=error.short)
        return
    for each in found:
        if each["topic"] == f"//pubsub.googleapis.com/projects/{settings.project}/topics/{topic}":
            name = f"projects/_/buckets/{bucket}/notificationConfigs/{each['id']}"
            yield Leftover(
                what=f"notification {each['id']} of the bucket {bucket} to the topic {topic}",
                remove=f"gcloud storage buckets notifications delete {name}",
            )


def _templates(api: GoogleApi, project: str, group: str) -> Iterator[Leftover]:
    """Those with the name of the stack's and the hexadecimal digits that the plugin adds."""
    try:
        found = api.pages(f"{COMPUTE}/projects/{project}/global/instanceTemplates", "items")
        names = [str(each["name"]) for each in found]
    except ApiError as error:
        yield Leftover(what=f"templates {group}-…", error=error.short)
        return
    for name in names:
        if re.fullmatch(rf"{re.escape(group)}-[0-9a-f]+", name):
            yield Leftover(
                what=f"template {name}",
                remove=f"gcloud compute instance-templates delete {name} --project {project}",
            )


def _resource(api: GoogleApi, resource: Resource, project: str) -> Iterator[Leftover]:
    """A resource that this stack would make or has taken over; never one of others."""
    if not (resource.owned or resource.adopted):
        return
    url, remove = _place(resource, project)
    for each in _looked_up(api, url, resource.called, remove):
        yield replace(each, adoptable=resource.kind != "machine")


def _place(resource: Resource, project: str) -> tuple[str, str]:
    """Where a resource is read, and the command that removes it."""
    name, where = resource.name, resource.location
    own = f"{COMPUTE}/projects/{project}"
    zone = resource.arguments.get("zone", "")
    email = naming.service_account(name, project)
    return {
        "account": (
            f"{IAM}/projects/{project}/serviceAccounts/{email}",
            f"gcloud iam service-accounts delete {email} --project {project}",
        ),
        "bucket": (
            f"storage.googleapis.com/storage/v1/b/{name}",
            f"gcloud storage rm --recursive gs://{name}",
        ),
        "machine": (
            f"{own}/zones/{zone}/instances/{name}",
            f"gcloud compute instances delete {name} --zone {zone} --project {project}",
        ),
        "network": (
            f"{own}/global/networks/{name}",
            f"gcloud compute networks delete {name} --project {project}",
        ),
        "repository": (
            f"{REGISTRY}/projects/{project}/locations/{where}/repositories/{name}",
            f"gcloud artifacts repositories delete {name} --location {where} --project {project}",
        ),
        "subnetwork": (
            f"{own}/regions/{where}/subnetworks/{name}",
            f"gcloud compute networks subnets delete {name} --region {where} --project {project}",
        ),
    }[resource.kind]


def _looked_up(
    api: GoogleApi, url: str, what: str, remove: str, *, off: bool = False
) -> Iterator[Leftover]:
    """What is there; `off`: where its API is off, nothing is, because the API was never needed."""
    try:
        api.get(url)
    except ApiError as error:
        if error.status != NOT_FOUND and not (off and error.reason == API_IS_OFF):
            yield Leftover(what=what, error=error.short)
    else:
        yield Leftover(what=what, remove=remove)


def _pools(api: GoogleApi, project: str, prefixes: list[str]) -> Iterator[Leftover]:
    """Those with the name of one of the stack's and a suffix; also deleted ones, for 30 days."""
    url = f"{IAM}/projects/{project}/locations/global/workloadIdentityPools"
    try:
        for pool in api.pages(url, "workloadIdentityPools", showDeleted="true"):
            name = str(pool["name"]).rpartition("/")[2]
            suffix = naming.pool_suffix(name)
            if suffix and name.removesuffix(f"-{suffix}") in prefixes:
                yield _pool(name, pool, project)
    except ApiError as error:
        yield Leftover(what="identity pools", error=error.short)


def _pool(name: str, pool: Json, project: str) -> Leftover:
    if pool.get("state") == "DELETED":
        until = str(pool.get("expireTime", ""))[:10] or "30 days after its deletion"
        return Leftover(what=f"identity pool {name}: deleted, its id is reserved until {until}")
    return Leftover(
        what=f"identity pool {name}",
        adoptable=True,
        remove=f"gcloud iam workload-identity-pools delete {name} --location global"
        f" --project {project}",
    )


def _grants(api: GoogleApi, project: str, email: str) -> Iterator[Leftover]:
    """Grants of the account on its project, also of the account that was deleted.

    https://docs.cloud.google.com/iam/docs/principal-identifiers: deleted:serviceAccount:E?uid=N
    """
    options = {"options": {"requestedPolicyVersion": 3}}
    try:
        policy = api.post(f"{PROJECTS}/{project}:getIamPolicy", options)
    except ApiError as error:
        yield Leftover(what=f"grants of {email} on {project}", error=error.short)
        return
    for binding in policy.get("bindings", ()):
        for member in binding["members"]:
            if member.partition("?")[0].removeprefix("deleted:") == f"serviceAccount:{email}":
                yield Leftover(
                    what=f"{binding['role']} of {member} on {project}",
                    remove=f"gcloud projects remove-iam-policy-binding {project}"
                    f" --role {binding['role']} --member '{member}' --all",
                )
