"""The resources of both projects, and who accessed what: from the state of the local cloud."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ops.terminal import Table, styled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.cloud.state import AuditEntry, Cloud

Grants = frozenset[tuple[str, str, str]]

READING = {
    "storage.objects.get": "read objects of",
    "storage.objects.list": "list objects of",
    "google.identity.sts.v1.SecurityTokenService.ExchangeToken": "enter by its token",
    "iam.serviceAccounts.getAccessToken": "act as",
    "artifactregistry.repositories.downloadArtifacts": "pull from",
}
"""Permissions to read something, and their words in the table."""


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
    ]
    grants = project_grants(cloud) - grants_before
    return resources + [f"{role} of {member} on {project}" for project, role, member in grants]


def reserved(cloud: Cloud) -> list[str]:
    """The deleted identity pools, whose ids stay reserved for 30 days."""
    return [pool.name for pool in cloud.pools.values() if pool.deleted_at is not None]


def reads(audit: Iterable[AuditEntry]) -> Table:
    """Who asked to read what, how often it was allowed, and how often refused."""
    asked: Counter[tuple[str, str, str]] = Counter()
    allowed: Counter[tuple[str, str, str]] = Counter()
    for entry in audit:
        if entry.permission not in READING:
            continue
        key = (_who(entry.member), READING[entry.permission], _what(entry.resource))
        asked[key] += 1
        allowed[key] += entry.allowed
    shown = Table("who", "asked to", "what", "allowed", "refused", header_style="bold")
    for key in sorted(asked):
        refused = asked[key] - allowed[key]
        shown.add_row(*key, str(allowed[key] or ""), styled(str(refused or ""), "red"))
    return shown


def _who(member: str | None) -> str:
    if member is None:
        return "nobody (anonymous)"
    if member.startswith("principal://iam.googleapis.com/"):
        return "attested " + member.rpartition("/subject/")[2].split("::")[1][:19] + "…"
    return _short(member.partition(":")[2])


def _what(resource: str) -> str:
    return _short(resource.partition("/objects/")[0].rpartition("/")[2])


def _short(name: str) -> str:
    """A service account without the part that all of them share."""
    return name.removesuffix(".iam.gserviceaccount.com")
