"""The resources of both projects, and who accessed what: from the state of the local cloud."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ops.terminal import Table, styled
from rehearsal.demo.layout import short, without_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ops.terminal import Padding
    from rehearsal.cloud.state import AuditEntry, Cloud

Grants = frozenset[tuple[str, str, str]]

READING = {
    "storage.objects.get": "{}",
    "google.identity.sts.v1.SecurityTokenService.ExchangeToken": "STS token",
    "iam.serviceAccounts.getAccessToken": "token of {}",
    "artifactregistry.repositories.downloadArtifacts": "images",
}
"""Permissions to get a content or a token, and its words; in the braces, the resource's."""


def project_grants(cloud: Cloud) -> Grants:
    """Every (project, role, member) on the projects themselves."""
    return frozenset(
        (project.id, binding["role"], member)
        for project in cloud.projects.values()
        for binding in project.policy.bindings
        for member in binding["members"]
    )


def left(cloud: Cloud, grants_before: Grants) -> list[str]:
    """Everything that the empty projects do not have, except for reserved pool ids."""
    resources = [
        *(f"bucket {name}" for name in cloud.buckets),
        *(f"service account {email}" for email in cloud.service_accounts),
        *(f"identity pool {p.name}" for p in cloud.pools.values() if p.deleted_at is None),
        *(f"repository {name}" for name in cloud.repositories),
        *(f"instance {name}" for name in cloud.instances),
        *cloud.networking,
        *cloud.templates,
        *cloud.groups,
        *cloud.autoscalers,
        *cloud.topics,
        *cloud.subscriptions,
    ]
    grants = project_grants(cloud) - grants_before
    return resources + [f"{role} of {member} on {project}" for project, role, member in grants]


def reserved(cloud: Cloud) -> list[str]:
    """The deleted identity pools, whose ids stay reserved for 30 days."""
    return [pool.name for pool in cloud.pools.values() if pool.deleted_at is not None]


def reads(audit: Iterable[AuditEntry], called: Mapping[str, str]) -> Padding:
    """Who got what, and who was refused what, with the number of requests.

    One row for each identity; `called` has the words for buckets and service accounts, by name.
    """
    asked: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for entry in audit:
        if entry.permission in READING:
            allowed, refused = asked.setdefault(_who(entry.member), (Counter(), Counter()))
            (allowed if entry.allowed else refused)[_asked(entry, called)] += 1
    shown = Table("who", "got", "was refused", header_style="bold")
    # Not by the digest of an image, which another line of the workload changes: who got something
    # comes first.
    for who, (allowed, refused) in sorted(
        asked.items(), key=lambda row: (row[0].partition(" ")[0], not row[1][0], row[0])
    ):
        shown.add_row(who, _times(allowed), styled(_times(refused), "red"))
    return without_lines(shown)


def _asked(entry: AuditEntry, called: Mapping[str, str]) -> str:
    name = entry.resource.partition("/objects/")[0].rpartition("/")[2]
    return READING[entry.permission].format(called.get(name, _short(name)))


def _times(requests: Counter[str]) -> str:
    return ", ".join(
        what if times == 1 else f"{what} {times}x" for what, times in requests.most_common()
    )


def _who(member: str | None) -> str:
    if member is None:
        return "nobody (anonymous)"
    if member.startswith("principal://iam.googleapis.com/"):
        digest = member.rpartition("/subject/")[2].split("::")[1]
        return "attested " + short(digest.removeprefix("sha256:"))
    return _short(member.partition(":")[2])


def _short(name: str) -> str:
    """A service account without the part that all of them share."""
    return name.removesuffix(".iam.gserviceaccount.com")
