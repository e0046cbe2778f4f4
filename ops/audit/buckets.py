"""Settings of buckets that keep the public out, against what the stack deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.audit.finding import Finding, Kind, not_read
from ops.google_api import ApiError
from ops.stack_state import BUCKET, OBJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.google_api import GoogleApi, Json
    from ops.stack_state import Deployed


def settings(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Each bucket keeps the public out, and grants nothing object by object."""
    for each in resources:
        if each.type != BUCKET:
            continue
        try:
            found = api.get(f"storage.googleapis.com/storage/v1/b/{each.id}")
        except ApiError as error:
            yield not_read(f"the settings of the bucket {each.id}", error, project)
            continue
        yield from _open(each.id, found)


def _open(bucket: str, found: Json) -> Iterator[Finding]:
    iam = found.get("iamConfiguration", {})
    if iam.get("publicAccessPrevention") != "enforced":
        yield Finding(
            kind=Kind.DIFFERENCE,
            what=f"the bucket {bucket} may be made public",
            means="one grant to allUsers shows its objects to everybody",
            fix=f"gcloud storage buckets update gs://{bucket} --public-access-prevention",
        )
    if not iam.get("uniformBucketLevelAccess", {}).get("enabled"):
        yield Finding(
            kind=Kind.DIFFERENCE,
            what=f"the bucket {bucket} takes grants on single objects",
            means="no policy shows who may read them",
            fix=f"gcloud storage buckets update gs://{bucket} --uniform-bucket-level-access",
        )


def models(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """The model bucket holds what the stack put there, byte by byte as the cloud hashes it."""
    resources = tuple(resources)
    for bucket in resources:
        if bucket.type != BUCKET or not bucket.name.endswith("-model"):
            continue
        own = {
            str(each.properties.get("name")): each.properties.get("md5hash")
            for each in resources
            if each.type == OBJECT and each.properties.get("bucket") == bucket.id
        }
        url = f"storage.googleapis.com/storage/v1/b/{bucket.id}/o"
        try:
            present = {
                str(each["name"]): each.get("md5Hash")
                for each in api.pages(url, "items", fields="items(name,md5Hash),nextPageToken")
            }
        except ApiError as error:
            yield not_read(f"what the bucket {bucket.id} holds", error, project)
            continue
        for name in sorted(own.keys() | present.keys()):
            if present.get(name) != own.get(name):
                state = "is gone" if name not in present else "is not what the stack stored"
                yield Finding(
                    kind=Kind.DIFFERENCE,
                    what=f"gs://{bucket.id}/{name} {state}",
                    means="a workload loads only what has the agreed hash, so runs would fail",
                    fix="pulumi up --refresh --stack {stack}"
                    if name in own
                    else f"gcloud storage rm gs://{bucket.id}/{name}",
                )
