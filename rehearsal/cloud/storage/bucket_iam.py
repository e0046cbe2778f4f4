"""The permissions on buckets and objects: the check of each request, and the allow policy.

Uniform access only: a bucket has one policy, objects have none, and there are no ACLs.
https://docs.cloud.google.com/storage/docs/access-control/iam-json
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Bucket, Cloud, Json, Policy

PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})
NOT_MET = "At least one of the pre-conditions you specified did not hold."


def requested(request: Request, permission: str) -> Bucket:
    """The bucket that a request names, if its caller holds the permission on it; ApiError."""
    return authorize(request.cloud, request.caller, permission, request.path["bucket"])


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
        # A public grant that is older than the prevention stays in the policy, without effect.
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


def get_policy(request: Request) -> Json:
    """GET /b/BUCKET/iam: the allow policy."""
    return _shown(requested(request, "storage.buckets.getIamPolicy"))


def set_policy(request: Request) -> Json:
    """PUT /b/BUCKET/iam: a new allow policy, if nobody changed it meanwhile."""
    bucket = requested(request, "storage.buckets.setIamPolicy")
    policy = request.body
    if policy.get("etag") not in (None, bucket.policy.etag):
        raise ApiError(412, NOT_MET)
    members = {m for binding in policy.get("bindings", ()) for m in binding["members"]}
    if _public_access_prevented(bucket) and members & PUBLIC:
        raise ApiError(
            412,
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public "
            "access prevention is enforced.",
        )
    access.check_bindings(request.cloud, bucket.policy, policy)
    access.replace(request.cloud, bucket.policy, policy)
    return _shown(bucket)


def _shown(bucket: Bucket) -> Json:
    named = {"kind": "storage#policy", "resourceId": f"projects/_/buckets/{bucket.name}"}
    return named | bucket.policy.as_json()
