"""Buckets, their policies and their refusals, through Google's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from google.api_core import exceptions

from rehearsal.cloud.state import SERVICE_ACCOUNTS_OF_PROJECT, AuditEntry, Pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.storage import Blob, Bucket, Client

    from rehearsal.cloud.state import Cloud

READER = "serviceAccount:primus-sa@primus-models.iam.gserviceaccount.com"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
API = "https://storage.googleapis.com/storage/v1"
POOL = f"projects/{'1' * 12}/locations/global/workloadIdentityPools/primus-wip"


@pytest.fixture
def model(owner: Client) -> Bucket:
    """Primus' bucket with one object, as Pulumi's provider creates it."""
    bucket = owner.bucket("model-bucket")
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    bucket.soft_delete_policy.retention_duration_seconds = 0
    bucket.labels = {"goog-pulumi-provisioned": "true"}
    owner.create_bucket(bucket, location="us-west1")
    bucket.blob("model").upload_from_string(b"secret")
    return bucket


@pytest.fixture
def other(owner: Client) -> Bucket:
    """A bucket of the other company, with one object."""
    bucket = owner.create_bucket("other-bucket", project="secundus-vision", location="us-west1")
    bucket.blob("model").upload_from_string(b"picture")
    return bucket


def grant(bucket: Bucket, role: str, member: str, condition: dict[str, str] | None = None) -> None:
    """One more binding, by read, change, write."""
    policy = bucket.get_iam_policy(requested_policy_version=3)
    binding: dict[str, Any] = {"role": role, "members": {member}}
    policy.version = 3
    policy.bindings.append(binding | ({"condition": condition} if condition else {}))
    bucket.set_iam_policy(policy)


def holders(bucket: Bucket, role: str) -> set[str]:
    """All members with the role on the bucket, by the API."""
    bindings = bucket.get_iam_policy(requested_policy_version=3).bindings
    return {member for b in bindings if b["role"] == role for member in b["members"]}


def read_anonymously(bucket: Bucket) -> requests.Response:
    """A read without credentials."""
    return requests.get(f"{API}/b/{bucket.name}/o/model?alt=media", timeout=10)


def call(cloud: Cloud, method: str, path: str, **arguments: Any) -> requests.Response:
    """A request by the administrator that the client library never sends."""
    headers = {"Authorization": f"Bearer {cloud.mint('user:deployer@primus.example')}"}
    return requests.request(method, API + path, headers=headers, timeout=10, **arguments)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("northamerica-northeast1", "region"),
        ("US", "multi-region"),
        ("eu", "multi-region"),
        ("ASIA1", "dual-region"),
        (None, "multi-region"),
    ],
)
def test_a_bucket_has_its_location_type(owner: Client, place: str | None, kind: str) -> None:
    """A region, two, or a continent; the United States by default."""
    made = owner.create_bucket("placed-bucket", location=place)
    assert (made.location, made.location_type) == ((place or "us").upper(), kind)


@pytest.mark.parametrize("place", ["us-wets1", "europe", "us-west1-a", "moon"])
def test_a_bucket_in_an_unknown_location_is_refused(owner: Client, place: str) -> None:
    """In Cloud Storage's words; Artifact Registry's `europe` is `EU` here."""
    with pytest.raises(
        exceptions.BadRequest, match="The specified location constraint is not valid"
    ):
        owner.create_bucket("placed-bucket", location=place)


def test_a_bucket_has_the_settings_of_its_creation(owner: Client, model: Bucket) -> None:
    """Location, uniform access, public access prevention, soft delete, labels."""
    stored = owner.get_bucket("model-bucket")
    assert (stored.location, stored.storage_class) == ("US-WEST1", "STANDARD")
    assert stored.project_number == int("1" * 12)
    assert stored.iam_configuration.uniform_bucket_level_access_enabled
    assert stored.iam_configuration.public_access_prevention == "enforced"
    assert stored.soft_delete_policy.retention_duration_seconds == 0
    assert stored.labels == model.labels


def test_a_patch_changes_only_the_settings_that_it_names(cloud: Cloud, model: Bucket) -> None:
    """A nested setting leaves its neighbours; null removes a label; the name stays."""
    before = cloud.buckets[model.name].meta
    changes = {
        "name": "renamed",
        "labels": {"goog-pulumi-provisioned": None, "team": "vision"},
        "iamConfiguration": {"publicAccessPrevention": "inherited"},
    }
    after = call(cloud, "PATCH", f"/b/{model.name}", json=changes).json()
    assert {key for key in after if after[key] != before[key]} == {
        *("labels", "iamConfiguration", "metageneration", "etag", "updated")
    }
    assert after["labels"] == {"team": "vision"}
    assert after["iamConfiguration"]["publicAccessPrevention"] == "inherited"
    assert after["iamConfiguration"]["uniformBucketLevelAccess"] == {"enabled": True}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "BAD_Upper"}, "Invalid bucket name: 'BAD_Upper'"),
        ({"name": "ab"}, "Invalid bucket name: 'ab'"),
        ({"name": "goog-mine"}, "Invalid bucket name"),
        ({"name": "fine-name", "storageClass": "WARM"}, "Invalid storage class: 'WARM'"),
        (
            {"name": "fine-name", "iamConfiguration": {"publicAccessPrevention": "on"}},
            "public access prevention: 'on'",
        ),
    ],
)
def test_invalid_settings_are_400(cloud: Cloud, settings: dict[str, Any], message: str) -> None:
    """No bucket is created."""
    answer = call(cloud, "POST", "/b?project=primus-models", json=settings)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert not cloud.buckets


def test_a_body_that_is_no_json_is_400(cloud: Cloud) -> None:
    """The service does not crash."""
    answer = call(cloud, "POST", "/b?project=primus-models", data="{")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("Invalid JSON payload received.")


def test_a_bucket_name_is_unique_across_projects(owner: Client, model: Bucket) -> None:
    """Another project gets 409, and the same one gets it in other words."""
    with pytest.raises(exceptions.Conflict, match="and you already own it"):
        owner.create_bucket(model.name, project="primus-models")
    with pytest.raises(exceptions.Conflict, match="The requested bucket name is not available"):
        owner.create_bucket(model.name, project="secundus-vision")


def test_only_an_empty_bucket_can_be_deleted(owner: Client, cloud: Cloud, model: Bucket) -> None:
    """409 with an object in it; the Pulumi provider lists caches first."""
    with pytest.raises(exceptions.Conflict, match="The bucket you tried to delete is not empty"):
        model.delete()
    model.blob("model").delete()
    assert call(cloud, "GET", "/b/model-bucket/anywhereCaches/").status_code == 200
    model.delete()
    with pytest.raises(exceptions.NotFound, match="The specified bucket does not exist"):
        owner.get_bucket(model.name)


def _get(bucket: Bucket) -> None:
    bucket.blob("model").download_as_bytes()


def _list(bucket: Bucket) -> None:
    list(bucket.list_blobs())


def _create(bucket: Bucket) -> None:
    bucket.blob("new").upload_from_string(b"")


def _overwrite(bucket: Bucket) -> None:
    bucket.blob("model").upload_from_string(b"")


def _update(bucket: Bucket) -> None:
    blob: Blob = bucket.blob("model")
    blob.metadata = {"k": "v"}
    blob.patch()


def _delete(bucket: Bucket) -> None:
    bucket.blob("model").delete()


OPERATIONS: dict[str, tuple[Callable[[Bucket], None], str]] = {
    "get": (_get, "storage.objects.get"),
    "list": (_list, "storage.objects.list"),
    "create": (_create, "storage.objects.create"),
    "overwrite": (_overwrite, "storage.objects.delete"),
    "update": (_update, "storage.objects.update"),
    "delete": (_delete, "storage.objects.delete"),
}
ALLOWED = {
    "objectViewer": {"get", "list"},
    "objectCreator": {"create"},
    "objectUser": set(OPERATIONS),
    "legacyBucketReader": {"list"},
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", ALLOWED)
def test_a_role_allows_exactly_its_operations_on_its_bucket(
    model: Bucket, other: Bucket, storage_as: Callable[[str], Client], role: str, operation: str
) -> None:
    """On another bucket it allows none."""
    grant(model, f"roles/storage.{role}", WORKLOAD)
    act, permission = OPERATIONS[operation]
    client = storage_as(WORKLOAD)
    with pytest.raises(exceptions.Forbidden, match=r"workload-sa@.* does not have storage"):
        act(client.bucket(other.name))
    if operation in ALLOWED[role]:
        act(client.bucket(model.name))
        return
    if operation == "overwrite" and role != "objectCreator":
        permission = "storage.objects.create"  # checked first
    kind = "bucket" if operation == "list" else "object"
    with pytest.raises(exceptions.Forbidden) as refused:
        act(client.bucket(model.name))
    assert refused.value.response.json()["error"]["message"] == (
        f"{WORKLOAD.partition(':')[2]} does not have {permission} access to the Google Cloud "
        f"Storage {kind}. Permission '{permission}' denied on resource (or it may not exist)."
    )


@pytest.mark.parametrize(
    ("role", "permission"),
    [("objectViewer", "storage.objects.create"), ("objectCreator", "storage.objects.get")],
)
def test_a_copy_needs_to_read_its_source_and_to_write_its_target(
    model: Bucket, storage_as: Callable[[str], Client], role: str, permission: str
) -> None:
    """Either right alone is refused for want of the other one."""
    grant(model, f"roles/storage.{role}", WORKLOAD)
    bucket = storage_as(WORKLOAD).bucket(model.name)
    with pytest.raises(exceptions.Forbidden, match=f"does not have {permission} access"):
        bucket.blob("copy").rewrite(bucket.blob("model"))


def test_each_decision_is_in_the_audit_log(
    cloud: Cloud, model: Bucket, storage_as: Callable[[str], Client]
) -> None:
    """Granted or refused: the caller, the permission, the object."""
    grant(model, "roles/storage.objectViewer", READER)
    cloud.audit.clear()
    _get(storage_as(READER).bucket(model.name))
    with pytest.raises(exceptions.Forbidden):
        _get(storage_as(WORKLOAD).bucket(model.name))
    resource = "projects/_/buckets/model-bucket/objects/model"
    assert cloud.audit == [
        AuditEntry(READER, "storage.objects.get", resource, allowed=True),
        AuditEntry(WORKLOAD, "storage.objects.get", resource, allowed=False),
    ]


def test_an_anonymous_caller_is_401(model: Bucket) -> None:
    """The refusal is about authentication."""
    answer = read_anonymously(model)
    assert answer.status_code == 401
    message = answer.json()["error"]["message"]
    assert message.startswith("Anonymous caller does not have storage.objects.get access")


@pytest.mark.parametrize("age", [3600, 0])
def test_an_expired_or_unknown_token_is_401(cloud: Cloud, model: Bucket, age: int) -> None:
    """The cloud's own clock decides, not the client."""
    token = cloud.mint("user:deployer@primus.example") if age else "ya29.made-up"
    cloud.clock_offset = age
    answer = requests.get(
        f"{API}/b/{model.name}", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert answer.status_code == 401
    assert "invalid authentication credentials" in answer.json()["error"]["message"]


def test_a_role_on_a_project_covers_its_buckets_only(
    cloud: Cloud, model: Bucket, other: Bucket, storage_as: Callable[[str], Client]
) -> None:
    """Allow policies are inherited downwards."""
    binding = {"role": "roles/storage.objectViewer", "members": [WORKLOAD]}
    cloud.projects["secundus-vision"].policy.bindings.append(binding)  # type: ignore[arg-type]  # a literal
    _get(storage_as(WORKLOAD).bucket(other.name))
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.get"):
        _get(storage_as(WORKLOAD).bucket(model.name))


def test_a_caller_without_the_project_role_cannot_create_buckets(
    cloud: Cloud, storage_as: Callable[[str], Client]
) -> None:
    """Creating a bucket needs a permission on the project."""
    with pytest.raises(exceptions.Forbidden, match=r"buckets\.create access to the .*project"):
        storage_as(WORKLOAD).create_bucket("mine-now")
    assert not cloud.buckets


@pytest.mark.parametrize(("name", "allowed"), [("public/a", True), ("secret/a", False)])
def test_a_conditional_grant_holds_where_its_condition_is_true(
    model: Bucket, storage_as: Callable[[str], Client], name: str, allowed: bool
) -> None:
    """The condition sees the requested resource."""
    model.blob(name).upload_from_string(b"")
    prefix = "projects/_/buckets/model-bucket/objects/public/"
    expression = f"resource.name.startsWith('{prefix}') && resource.type.endsWith('/Object')"
    condition = {"title": "public only", "expression": expression}
    grant(model, "roles/storage.objectViewer", WORKLOAD, condition)
    blob = storage_as(WORKLOAD).bucket(model.name).blob(name)
    if allowed:
        blob.download_as_bytes()
        return
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.get"):
        blob.download_as_bytes()


def test_a_policy_is_not_overwritten_with_an_old_etag(model: Bucket) -> None:
    """412, and the policy stays."""
    stale = model.get_iam_policy(requested_policy_version=3)
    grant(model, "roles/storage.objectViewer", READER)
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions"):
        model.set_iam_policy(stale)
    assert holders(model, "roles/storage.objectViewer") == {READER}


@pytest.mark.parametrize(
    ("role", "member", "message"),
    [
        (
            "roles/storage.objectViewer",
            "serviceAccount:typo@primus-models.iam.gserviceaccount.com",
            "Service account typo@primus-models.iam.gserviceaccount.com does not exist.",
        ),
        ("roles/storage.objectViewer", "bogus:thing", "The member bogus:thing is of an unknown"),
        ("roles/storage.objectViewer", "reader@primus.example", "is of an unknown type"),
        (
            "roles/storage.objectViewer",
            f"principalSet://iam.googleapis.com/{POOL}-typo/*",
            f"Identity Pool does not exist ({POOL}-typo)",
        ),
        (
            "roles/storage.objectVewer",
            "user:a@primus.example",
            "is not supported for this resource",
        ),
    ],
)
def test_a_grant_to_an_unknown_member_or_role_is_400(
    model: Bucket, role: str, member: str, message: str
) -> None:
    """It is not stored."""
    with pytest.raises(exceptions.BadRequest) as refused:
        grant(model, role, member)
    assert message in refused.value.message
    assert holders(model, role) == set()


def test_a_grant_to_a_deleted_pool_is_400(cloud: Cloud, model: Bucket) -> None:
    """Although its id stays reserved for 30 days."""
    cloud.pools[POOL] = Pool(POOL, "primus-models", {}, deleted_at=cloud.now())
    with pytest.raises(exceptions.BadRequest, match="Identity Pool does not exist"):
        grant(model, "roles/storage.objectViewer", f"principalSet://iam.googleapis.com/{POOL}/*")


@pytest.mark.parametrize(
    "member",
    [
        f"principalSet://iam.googleapis.com/{POOL}/attribute.image_digest/sha256:{'a' * 64}",
        SERVICE_ACCOUNTS_OF_PROJECT.format(number="2" * 12),
        "group:readers@primus.example",
    ],
)
def test_a_member_of_any_existing_kind_is_accepted(
    cloud: Cloud, model: Bucket, member: str
) -> None:
    """Principal sets of a pool that exists, of a project, and groups."""
    cloud.pools[POOL] = Pool(POOL, "primus-models", {})
    grant(model, "roles/storage.objectViewer", member)
    assert holders(model, "roles/storage.objectViewer") == {member}


def test_other_grants_can_be_made_after_a_members_account_was_deleted(
    cloud: Cloud, model: Bucket
) -> None:
    """The old grant stays in the policy."""
    grant(model, "roles/storage.objectViewer", READER)
    del cloud.service_accounts[READER.partition(":")[2]]
    grant(model, "roles/storage.objectViewer", WORKLOAD)
    assert holders(model, "roles/storage.objectViewer") == {READER, WORKLOAD}


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers"])
def test_public_access_prevention_refuses_a_public_grant(model: Bucket, member: str) -> None:
    """412 in Google's words, and the policy stays."""
    with pytest.raises(exceptions.PreconditionFailed, match="public access prevention is enforced"):
        grant(model, "roles/storage.objectViewer", member)
    assert holders(model, "roles/storage.objectViewer") == set()


def test_public_access_prevention_overrides_an_older_public_grant(
    cloud: Cloud, other: Bucket
) -> None:
    """The public is refused as soon as the prevention is on."""
    grant(other, "roles/storage.objectViewer", "allUsers")
    assert read_anonymously(other).content == b"picture"
    enforced = {"iamConfiguration": {"publicAccessPrevention": "enforced"}}
    call(cloud, "PATCH", f"/b/{other.name}", json=enforced)
    assert read_anonymously(other).status_code == 401
