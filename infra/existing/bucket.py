"""What must hold for a bucket that others have made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.existing.found import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.config.problems import Problem
    from infra.existing.found import Found


def problems(found: Found) -> Iterator[Problem]:
    """Everything that must be changed before the stack may use it."""
    resource, answer = found.resource, found.answer
    update, number = _update(found), int(answer.get("projectNumber") or 0)
    if number != int(found.project_number):
        yield found.problem(
            got=f"a bucket of the project with number {number}",
            expected=f"a bucket of this stack's project, {found.project_number}",
            consequence="others administer it, and could read everything in it",
            fix=found.rename(),
        )
    if str(answer.get("location", "")).upper() != resource.location.upper():
        yield found.problem(
            got=f"a bucket in {answer.get('location')}",
            expected=f"a bucket in {resource.location.upper()}, the configured region",
            consequence="everything in it would be kept in another place than agreed",
            fix=f"{found.rename()}   # or set `region` to the bucket's",
        )
    if answer.get("uniformBucketLevelAccess") is not True:
        yield found.problem(
            got="a bucket without uniform access",
            expected="uniform access",
            consequence="each object can have readers of its own that no policy shows, and a"
            " federated identity gets no access at all",
            fix=f"{update} --uniform-bucket-level-access",
        )
    if answer.get("requesterPays"):
        yield found.problem(
            got="a bucket for whose use the reader pays",
            expected="one that its owner pays for",
            consequence="Google would refuse every request of the workload",
            fix=f"{update} --no-requester-pays",
        )
    if resource.key == "resultBucket" and answer.get("retentionPolicies"):
        yield found.problem(
            got="a bucket with a retention policy",
            expected="one whose objects can be overwritten",
            consequence="the first run could write its result, and no later one",
            fix=f"{update} --clear-retention-period",
        )
    if answer.get("publicAccessPrevention") != "enforced":
        yield from _public(found)


def warnings(found: Found) -> Iterator[str]:
    """What may be meant, and should be known."""
    answer = found.answer
    url, update = f"gs://{found.resource.name}", _update(found)
    if answer.get("publicAccessPrevention") != "enforced":
        yield (
            f"The existing bucket {url} is not public, but nothing prevents that somebody makes it"
            f" so. Prevent it: {update} --public-access-prevention"
        )
    kept = {
        "soft delete": _number(answer, "softDeletePolicies", "retentionDurationSeconds") > 0,
        "versions": bool(_block(answer, "versionings").get("enabled")),
        "retention": bool(answer.get("retentionPolicies")),
    }
    if found.resource.key == "modelBucket" and any(kept.values()):
        how = ", ".join(what for what, is_so in kept.items() if is_so)
        yield (
            f"The existing bucket {url} keeps what is deleted ({how}): whoever administers it could"
            " restore a model that you have withdrawn. Where nobody needs that:"
            f" {update} --clear-soft-delete --no-versioning"
        )


def _update(found: Found) -> str:
    return f"gcloud storage buckets update gs://{found.resource.name}"


def _public(found: Found) -> Iterator[Problem]:
    prevent = f"{_update(found)} --public-access-prevention"
    if found.policy is None:
        yield found.not_readable("who is granted what on it", prevent)
        return
    public = [f"{role} to {member}" for role, member in found.members() if member in PUBLIC]
    if public:
        yield found.problem(
            got=f"a public bucket: {', '.join(public)}",
            expected="no grant to everybody, or public access prevention",
            consequence="anybody could read or write what it holds",
            fix=prevent,
        )


def _block(answer: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    blocks = answer.get(key) or [{}]
    first: Mapping[str, Any] = blocks[0]
    return first


def _number(answer: Mapping[str, Any], key: str, inner: str) -> int:
    return int(_block(answer, key).get(inner) or 0)
