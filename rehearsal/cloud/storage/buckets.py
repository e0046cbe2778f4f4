"""Buckets and their settings; `bucket_iam` has their permissions.

Soft delete and lifecycle are stored as settings and have no effect.
https://docs.cloud.google.com/storage/docs/json_api/v1/buckets
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import Response

from rehearsal.cloud import locations
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.state import Bucket, Policy
from rehearsal.cloud.storage.bucket_iam import requested, require

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.state import Cloud, Json

NAME = re.compile(r"(?!goog)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
"""https://docs.cloud.google.com/storage/docs/buckets#naming"""
STORAGE_CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"})
PREVENTION = frozenset({"inherited", "enforced"})
FIXED = ("name", "id", "kind", "selfLink", "projectNumber", "location", "timeCreated")
"""The settings that PATCH cannot change."""


def timestamp(cloud: Cloud) -> str:
    """The cloud's time in the format of the JSON API."""
    return datetime.fromtimestamp(cloud.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def merge(target: Json, patch: Json) -> Json:
    """The target with a JSON merge patch (RFC 7396) applied."""
    merged = dict(target)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(merged.get(key) or {}, value)
        else:
            merged[key] = value
    return merged


def insert(request: Request) -> Json:
    """POST /b?project=: a new bucket."""
    cloud, body, reference = request.cloud, request.body, request.query.get("project", "")
    project = cloud.project(reference)
    if project is None:
        raise ApiError(400, f"Unknown project id: {reference}")
    resource, policies = f"projects/{project.id}", (project.policy,)
    require(cloud, request.caller, "storage.buckets.create", resource, policies, "project")
    name = body.get("name", "")
    if not NAME.fullmatch(name):
        raise ApiError(400, f"Invalid bucket name: '{name}'")
    if name in cloud.buckets:
        if cloud.buckets[name].project == project.id:
            # https://github.com/gitpod-io/gitpod/issues/15578
            raise ApiError(
                409,
                "Your previous request to create the named bucket succeeded and you already own"
                " it.",
            )
        raise ApiError(
            409,
            "The requested bucket name is not available. The bucket namespace is shared by all "
            "users of the system. Please select a different name and try again.",
        )
    now = timestamp(cloud)
    defaults: Json = {
        "storageClass": "STANDARD",
        "iamConfiguration": {
            "publicAccessPrevention": "inherited",
            "uniformBucketLevelAccess": {"enabled": False},
        },
        "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": now},
    }
    meta = merge(defaults, body)
    _validate(meta)
    location = body.get("location", "US").upper()
    if location not in locations.BUCKET_LOCATIONS:
        raise ApiError(400, "The specified location constraint is not valid.")
    meta |= {
        "kind": "storage#bucket",
        "id": name,
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "projectNumber": project.number,
        "location": location,
        "locationType": locations.BUCKET_LOCATIONS[location],
        "metageneration": "1",
        "etag": "CAE=",
        "timeCreated": now,
        "updated": now,
    }
    owners = [f"projectEditor:{project.id}", f"projectOwner:{project.id}"]
    policy = Policy([{"role": "roles/storage.legacyBucketOwner", "members": owners}])
    cloud.buckets[name] = Bucket(name, project.id, meta, policy)
    return meta


def _validate(meta: Json) -> None:
    prevention = meta["iamConfiguration"]["publicAccessPrevention"]
    if meta["storageClass"] not in STORAGE_CLASSES:
        raise ApiError(400, f"Invalid storage class: '{meta['storageClass']}'")
    if prevention not in PREVENTION:
        raise ApiError(400, f"Invalid value for public access prevention: '{prevention}'")


def get(request: Request) -> Json:
    """GET /b/BUCKET: its settings."""
    return requested(request, "storage.buckets.get").meta


def patch(request: Request) -> Json:
    """PATCH /b/BUCKET: changed settings."""
    bucket = requested(request, "storage.buckets.update")
    meta = merge(bucket.meta, request.body)
    _validate(meta)
    metageneration = int(bucket.meta["metageneration"]) + 1
    bucket.meta = meta | {key: bucket.meta[key] for key in FIXED}
    bucket.meta |= {
        "metageneration": str(metageneration),
        "etag": f"CA{metageneration}=",
        "updated": timestamp(request.cloud),
    }
    return bucket.meta


def delete(request: Request) -> Response:
    """DELETE /b/BUCKET: gone, if it is empty."""
    bucket = requested(request, "storage.buckets.delete")
    if bucket.objects or bucket.noncurrent:
        raise ApiError(409, "The bucket you tried to delete is not empty.")
    del request.cloud.buckets[bucket.name]
    return Response(status_code=204)


def anywhere_caches(request: Request) -> Json:
    """GET /b/BUCKET/anywhereCaches: none; the Pulumi provider asks before it deletes a bucket."""
    requested(request, "storage.anywhereCaches.list")
    return {"kind": "storage#anywhereCaches"}
