"""Buckets and their settings. Who may use them is in `rehearsal.cloud.storage.bucket_iam`.

Versioning, soft delete and lifecycle are kept as settings and not acted upon.
https://docs.cloud.google.com/storage/docs/json_api/v1/buckets
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from rehearsal.cloud import locations
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.state import Bucket, Policy
from rehearsal.cloud.storage.bucket_iam import authorize, requester, require, segment

if TYPE_CHECKING:
    from starlette.requests import Request

    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Cloud, Json, Project

NAME = re.compile(r"(?!goog)[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
"""https://docs.cloud.google.com/storage/docs/buckets#naming"""
STORAGE_CLASSES = frozenset({"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"})
PREVENTION = frozenset({"inherited", "enforced"})
FIXED = ("name", "id", "kind", "selfLink", "projectNumber", "location", "timeCreated")
"""What no PATCH changes."""


def timestamp(cloud: Cloud) -> str:
    """The cloud's time in the spelling of the JSON API."""
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


def _project(request: Request, cloud: Cloud, who: Caller, permission: str) -> Project:
    reference = request.query_params.get("project", "")
    project = cloud.project(reference)
    if project is None:
        raise ApiError(400, f"Unknown project id: {reference}")
    require(cloud, who, permission, f"projects/{project.id}", (project.policy,), "project")
    return project


async def insert(request: Request) -> Response:
    """POST /b?project=: a new bucket."""
    cloud, who = requester(request)
    project = _project(request, cloud, who, "storage.buckets.create")
    body = await request.json()
    name = body.get("name", "")
    if not NAME.fullmatch(name):
        raise ApiError(400, f"Invalid bucket name: '{name}'")
    if name in cloud.buckets:
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
    if location not in locations.BUCKETS:
        raise ApiError(400, "The specified location constraint is not valid.")
    meta |= {
        "kind": "storage#bucket",
        "id": name,
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "projectNumber": project.number,
        "location": location,
        "locationType": locations.BUCKETS[location],
        "metageneration": "1",
        "etag": "CAE=",
        "timeCreated": now,
        "updated": now,
    }
    owners = [f"projectEditor:{project.id}", f"projectOwner:{project.id}"]
    policy = Policy([{"role": "roles/storage.legacyBucketOwner", "members": owners}])
    cloud.buckets[name] = Bucket(name, project.id, meta, policy)
    return JSONResponse(meta)


def _validate(meta: Json) -> None:
    prevention = meta["iamConfiguration"]["publicAccessPrevention"]
    if meta["storageClass"] not in STORAGE_CLASSES:
        raise ApiError(400, f"Invalid storage class: '{meta['storageClass']}'")
    if prevention not in PREVENTION:
        raise ApiError(400, f"Invalid value for public access prevention: '{prevention}'")


async def list_buckets(request: Request) -> Response:
    """GET /b?project=: the buckets of a project."""
    cloud, who = requester(request)
    project = _project(request, cloud, who, "storage.buckets.list")
    items = [b.meta for b in cloud.buckets.values() if b.project == project.id]
    return JSONResponse({"kind": "storage#buckets", "items": items})


async def get(request: Request) -> Response:
    """GET /b/BUCKET: its settings."""
    cloud, who = requester(request)
    name = segment(request, "bucket")
    return JSONResponse(authorize(cloud, who, "storage.buckets.get", name).meta)


async def patch(request: Request) -> Response:
    """PATCH /b/BUCKET: changed settings."""
    cloud, who = requester(request)
    bucket = authorize(cloud, who, "storage.buckets.update", segment(request, "bucket"))
    meta = merge(bucket.meta, await request.json())
    _validate(meta)
    metageneration = int(bucket.meta["metageneration"]) + 1
    bucket.meta = meta | {key: bucket.meta[key] for key in FIXED}
    bucket.meta |= {
        "metageneration": str(metageneration),
        "etag": f"CA{metageneration}=",
        "updated": timestamp(cloud),
    }
    return JSONResponse(bucket.meta)


async def delete(request: Request) -> Response:
    """DELETE /b/BUCKET: gone, if it is empty."""
    cloud, who = requester(request)
    bucket = authorize(cloud, who, "storage.buckets.delete", segment(request, "bucket"))
    if bucket.objects:
        raise ApiError(409, "The bucket you tried to delete is not empty.")
    del cloud.buckets[bucket.name]
    return Response(status_code=204)


async def anywhere_caches(request: Request) -> Response:
    """GET /b/BUCKET/anywhereCaches: none; asked by the Pulumi provider before it deletes."""
    cloud, who = requester(request)
    authorize(cloud, who, "storage.anywhereCaches.list", segment(request, "bucket"))
    return JSONResponse({"kind": "storage#anywhereCaches"})
