"""Who may do what with a bucket: the decision behind every storage call, and the allow policy.

Uniform access only: a bucket has one policy, objects have none, and ACLs do not exist.
https://docs.cloud.google.com/storage/docs/access-control/iam-json
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.responses import JSONResponse, Response

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access

if TYPE_CHECKING:
    from starlette.requests import Request

    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Bucket, Cloud, Policy

PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})
NOT_MET = "At least one of the pre-conditions you specified did not hold."


def requester(request: Request) -> tuple[Cloud, Caller]:
    """The cloud, and who is asking it; ApiError 401 for a bad token."""
    cloud: Cloud = request.app.state.cloud
    return cloud, access.caller(cloud, request.headers)


def segment(request: Request, key: str) -> str:
    """One segment of the path, decoded: object names may hold encoded slashes."""
    return unquote(request.path_params[key])


def authorize(
    cloud: Cloud, who: Caller, permission: str, bucket_name: str, object_name: str | None = None
) -> Bucket:
    """The bucket, if the caller holds the permission on it, or on the one object.

    ApiError 404 if there is no such bucket, 401 or 403 in Cloud Storage's words otherwise.
    """
    bucket = cloud.buckets.get(bucket_name)
    if bucket is None:
        raise ApiError(404, "The specified bucket does not exist.")
    if _public_access_prevented(bucket):
        # A public grant from before the prevention stays in the policy, and has no effect.
        who = access.Caller(who.member, who.members - PUBLIC)
    policies = (bucket.policy, cloud.projects[bucket.project].policy)
    resource, kind = f"projects/_/buckets/{bucket_name}", "bucket"
    if object_name is not None:
        resource, kind = f"{resource}/objects/{object_name}", "object"
    require(cloud, who, permission, resource, policies, f"Storage {kind}")
    return bucket


def require(
    cloud: Cloud,
    who: Caller,
    permission: str,
    resource: str,
    policies: tuple[Policy, ...],
    kind: str,
) -> None:
    """ApiError 401 or 403, in Cloud Storage's words, unless a policy grants the permission."""
    attributes = {
        "service": "storage.googleapis.com",
        "type": f"storage.googleapis.com/{kind.rsplit(maxsplit=1)[-1].capitalize()}",
    }
    if access.decide(cloud, who, permission, resource, policies, attributes):
        return
    anonymous = who.member is None
    raise ApiError(
        401 if anonymous else 403,
        f"{who} does not have {permission} access to the Google Cloud {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist).",
        reason="required" if anonymous else "forbidden",
    )


def _public_access_prevented(bucket: Bucket) -> bool:
    return bool(bucket.meta["iamConfiguration"]["publicAccessPrevention"] == "enforced")


async def get_policy(request: Request) -> Response:
    """GET /b/BUCKET/iam: the allow policy."""
    cloud, who = requester(request)
    name = segment(request, "bucket")
    return _policy(authorize(cloud, who, "storage.buckets.getIamPolicy", name))


async def set_policy(request: Request) -> Response:
    """PUT /b/BUCKET/iam: a new allow policy, if nobody changed it meanwhile."""
    cloud, who = requester(request)
    bucket = authorize(cloud, who, "storage.buckets.setIamPolicy", segment(request, "bucket"))
    wanted = await request.json()
    if wanted.get("etag") not in (None, bucket.policy.etag):
        raise ApiError(412, NOT_MET)
    members = {m for binding in wanted.get("bindings", ()) for m in binding["members"]}
    if _public_access_prevented(bucket) and members & PUBLIC:
        raise ApiError(
            412,
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public "
            "access prevention is enforced.",
        )
    access.check_bindings(cloud, bucket.policy, wanted)
    access.replace(bucket.policy, wanted)
    return _policy(bucket)


def _policy(bucket: Bucket) -> Response:
    named = {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket.name}"}
    return JSONResponse(named | bucket.policy.as_json())


async def test_permissions(request: Request) -> Response:
    """GET /b/BUCKET/iam/testPermissions: which of the named permissions the caller holds."""
    cloud, who = requester(request)
    bucket = cloud.buckets.get(segment(request, "bucket"))
    if bucket is None:
        raise ApiError(404, "The specified bucket does not exist.")
    policies = (bucket.policy, cloud.projects[bucket.project].policy)
    resource = {"name": f"projects/_/buckets/{bucket.name}"}
    asked = request.query_params.getlist("permissions")
    held = [p for p in asked if access.allowed(who, p, policies, resource)]
    return JSONResponse({"kind": "storage#testIamPermissionsResponse", "permissions": held})
