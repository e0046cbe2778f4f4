"""The differences of the stand-in gcp plugin: replacement, update in place, or none."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.pulumi_plugins.gcp import resources
from rehearsal.pulumi_plugins.gcp_api import Api
from rehearsal.pulumi_plugins.gcp_custom_methods import Account
from rehearsal.pulumi_plugins.gcp_difference import refreshed_inputs
from rehearsal.pulumi_plugins.provider import SIGNATURE, UNKNOWN, Difference, Json, ProviderError

API = Api(project="primus-models", region="us-west1", zone="us-west1-b")
RESOURCES = {token.rpartition("/")[2]: found for token, found in resources(API).items()}
MEMBERS = {t: r for t, r in resources(API).items() if "ember:" in t}
LINK = "https://www.googleapis.com/compute/v1/projects/p/"
THERE: dict[str, Json] = {
    "bucket:Bucket": {
        "name": "b",
        "location": "us-west1",
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": True,
        "versioning": {"enabled": True},
        "softDeletePolicy": {"retentionDurationSeconds": 0},
        "labels": {"a": "1"},
        "forceDestroy": True,
    },
    "bucketObject:BucketObject": {
        "name": "o",
        "bucket": "b",
        "content": "text",
        "contentType": "text/plain",
        "metadata": {"a": "1"},
    },
    "account:Account": {"accountId": "primus-sa", "displayName": "A"},
    "workloadIdentityPool:WorkloadIdentityPool": {
        "workloadIdentityPoolId": "pool",
        "displayName": "A",
        "mode": "FEDERATION_ONLY",
    },
    "workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
        "workloadIdentityPoolId": "pool",
        "workloadIdentityPoolProviderId": "provider",
        "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
        "attributeMapping": {"google.subject": "assertion.sub"},
        "oidc": {"issuerUri": "https://a.example", "allowedAudiences": ["a"]},
    },
    "repository:Repository": {
        "repositoryId": "images",
        "location": "us-west1",
        "format": "DOCKER",
        "dockerConfig": {"immutableTags": True},
    },
    "service:Service": {"service": "iam.googleapis.com", "disableOnDestroy": True},
    "network:Network": {"name": "net", "autoCreateSubnetworks": False},
    "subnetwork:Subnetwork": {
        "name": "sub",
        "network": "net",
        "ipCidrRange": "10.0.0.0/24",
        "privateIpGoogleAccess": True,
    },
    "firewall:Firewall": {
        "name": "fw",
        "network": "net",
        "direction": "INGRESS",
        "denies": [{"protocol": "all"}],
        "priority": 0,
        "sourceRanges": ["0.0.0.0/0", "10.0.0.0/8"],
    },
    "instance:Instance": {
        "name": "vm",
        "zone": "us-west1-b",
        "machineType": "n2d-standard-2",
        "minCpuPlatform": "AMD Milan",
        "bootDisk": {"initializeParams": {"image": "projects/p/global/images/i-1", "size": 20}},
        "networkInterfaces": [{"network": "net", "subnetwork": "sub"}],
        "serviceAccount": {"email": "a@b.example", "scopes": ["cloud-platform"]},
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "shieldedInstanceConfig": {"enableSecureBoot": True},
        "scheduling": {"onHostMaintenance": "MIGRATE", "provisioningModel": "STANDARD"},
        "metadata": {"tee-image-reference": "a@sha256:1", "tee-restart-policy": "Never"},
        "labels": {"a": "1"},
    },
}
"""Inputs of an existing resource; for these tests, its outputs are the same."""


def difference(kind: str, changed: Json, state: Json | None = None) -> Difference:
    """What the plugin finds for inputs with some changed (None: left out)."""
    before = THERE[kind]
    news = {key: value for key, value in {**before, **changed}.items() if value is not None}
    return RESOURCES[kind].diff(
        before, {**before, "project": "primus-models", **(state or {})}, news
    )


def diff(kind: str, changed: Json, state: Json | None = None) -> dict[str, bool]:
    """Path -> whether its change replaces the resource."""
    found = difference(kind, changed, state).changes
    return {path: change.replaces for path, change in found.items()}


def changed(path: str, value: Any, kind: str) -> Json:
    """The top-level input with the value at a dotted path below it."""
    top, *steps = path.split(".")
    if not steps:
        return {top: value}
    below: Any = THERE[kind].get(top, {})
    for step in reversed(steps):
        value = {step: value}
    return {top: _merged(below, value)}


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    return new


@pytest.mark.parametrize("kind", THERE)
def test_the_same_inputs_are_no_difference(kind: str) -> None:
    """Nothing changes."""
    assert diff(kind, {}) == {}


PROVIDER = "workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
POOL = "workloadIdentityPool:WorkloadIdentityPool"
VM = "instance:Instance"

REPLACED: list[tuple[str, str, Any]] = [
    *(("bucket:Bucket", key, "other") for key in ("name", "location", "project")),
    *(("bucketObject:BucketObject", key, "other") for key in ("name", "bucket", "contentType")),
    ("bucketObject:BucketObject", "metadata.a", "2"),
    ("bucketObject:BucketObject", "storageClass", "NEARLINE"),
    *(("account:Account", key, "other") for key in ("accountId", "project")),
    *((POOL, key, "other") for key in ("workloadIdentityPoolId", "project")),
    *(
        (PROVIDER, key, "other")
        for key in ("workloadIdentityPoolId", "workloadIdentityPoolProviderId", "project")
    ),
    *(
        ("repository:Repository", key, "OTHER")
        for key in ("repositoryId", "location", "format", "mode", "kmsKeyName", "project")
    ),
    *(("service:Service", key, "other.example") for key in ("service", "project")),
    *((VM, key, "other") for key in ("name", "zone", "project", "hostname")),
    (VM, "bootDisk.initializeParams.image", "projects/p/global/images/i-2"),
    (VM, "bootDisk.initializeParams.type", "pd-ssd"),
    (VM, "scheduling.provisioningModel", "SPOT"),
    ("network:Network", "autoCreateSubnetworks", True),
    ("bucketObject:BucketObject", "source", {SIGNATURE: "asset", "hash": "of another file"}),
    ("subnetwork:Subnetwork", "ipCidrRange", "10.1.0.0/24"),
    ("subnetwork:Subnetwork", "ipCidrRange", "10.0.0.0/25"),
    ("subnetwork:Subnetwork", "ipCidrRange", UNKNOWN),
    ("firewall:Firewall", "direction", "EGRESS"),
]


@pytest.mark.parametrize(("kind", "path", "value"), REPLACED)
def test_a_change_of_these_inputs_replaces_the_resource(kind: str, path: str, value: Any) -> None:
    """It cannot be made in place."""
    assert diff(kind, changed(path, value, kind)) == {path: True}


IN_PLACE: list[tuple[str, str, Any]] = [
    ("bucket:Bucket", "storageClass", "NEARLINE"),
    ("bucket:Bucket", "uniformBucketLevelAccess", False),
    ("bucket:Bucket", "publicAccessPrevention", "inherited"),
    ("bucket:Bucket", "versioning.enabled", False),
    ("bucket:Bucket", "softDeletePolicy.retentionDurationSeconds", 604800),
    ("bucket:Bucket", "labels.b", "2"),
    ("bucket:Bucket", "forceDestroy", False),
    ("bucketObject:BucketObject", "content", "other"),
    *(("account:Account", key, "other") for key in ("displayName", "description")),
    ("account:Account", "disabled", True),
    *((POOL, key, "other") for key in ("displayName", "description", "mode")),
    (POOL, "disabled", True),
    *((PROVIDER, "attributeCondition", text) for text in ("true == true", "", None, UNKNOWN)),
    (PROVIDER, "oidc.issuerUri", "https://b.example"),
    (PROVIDER, "oidc.jwksJson", "{}"),
    (PROVIDER, "disabled", True),
    ("repository:Repository", "dockerConfig.immutableTags", False),
    ("repository:Repository", "description", "other"),
    ("service:Service", "disableOnDestroy", False),
    (VM, "metadata.tee-image-reference", "a@sha256:2"),
    (VM, "metadata.run", "again"),
    (VM, "metadata.empty", ""),
    (VM, "machineType", "n2d-standard-4"),
    (VM, "minCpuPlatform", "AMD Genoa"),
    (VM, "shieldedInstanceConfig.enableSecureBoot", False),
    (VM, "serviceAccount.email", "other@b.example"),
    (VM, "scheduling.onHostMaintenance", "TERMINATE"),
    (VM, "bootDisk.initializeParams.size", 30),
    # Danger 1: reported as done without any request (tests/engine/test_gcp_plugin.py).
    (VM, "confidentialInstanceConfig.confidentialInstanceType", "TDX"),
    ("subnetwork:Subnetwork", "privateIpGoogleAccess", False),
    ("subnetwork:Subnetwork", "ipCidrRange", "10.0.0.0/20"),
    ("firewall:Firewall", "priority", 900),
    ("firewall:Firewall", "priority", None),
    ("firewall:Firewall", "network", "other"),
    (VM, "description", "other"),
]


@pytest.mark.parametrize(("kind", "path", "value"), IN_PLACE)
def test_a_change_of_these_inputs_is_made_in_place(kind: str, path: str, value: Any) -> None:
    """The resource stays."""
    assert diff(kind, changed(path, value, kind)) == {path: False}


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        (VM, "machineType", "n2d-standard-4"),
        (VM, "bootDisk.initializeParams.size", 30),
        (VM, "networkInterfaces", [{"network": "net", "subnetwork": "other"}]),
        ("account:Account", "description", "other"),
        ("subnetwork:Subnetwork", "privateIpGoogleAccess", False),
    ],
)
def test_an_unsupported_change_in_place_is_refused(kind: str, path: str, value: Any) -> None:
    """No request is sent, and no success reported."""
    state, news = THERE[kind], {**THERE[kind], **changed(path, value, kind)}
    with pytest.raises(ProviderError, match="cannot make in place: nothing was changed"):
        RESOURCES[kind].update("there", state, news)


SUBNETWORK = f"{LINK}regions/us-west1/subnetworks/sub"
HALF_MADE = {"networkInterfaces": [{"subnetwork": SUBNETWORK}]}
"""The state of a machine that was inserted and could not be read afterwards."""


def test_a_machine_that_was_never_read_needs_its_subnetworks_project() -> None:
    """Without it the diff fails; with it there is no difference."""
    with pytest.raises(ProviderError, match=r'project p in .* must match subnetwork_project ""'):
        diff(VM, HALF_MADE, HALF_MADE)
    given = {"networkInterfaces": [{"subnetwork": SUBNETWORK, "subnetworkProject": "p"}]}
    assert diff(VM, given, given) == {}


def test_a_machine_that_was_read_has_its_subnetworks_project() -> None:
    """Then the program may omit it, and may add it."""
    read = {"networkInterfaces": [{"subnetwork": SUBNETWORK, "subnetworkProject": "p"}]}
    assert diff(VM, HALF_MADE, read) == {}
    assert diff(VM, read, read) == {}


def test_an_external_address_that_was_added_by_hand_is_a_difference() -> None:
    """The program has none, so an update removes it."""
    (interface,) = THERE[VM]["networkInterfaces"]
    by_hand = {**interface, "accessConfigs": [{"natIp": "192.0.2.1"}]}
    assert diff(VM, {}, {"networkInterfaces": [by_hand]}) == {
        "networkInterfaces[0].accessConfigs": False
    }


def test_an_import_of_an_object_by_its_id_is_refused() -> None:
    """The id does not say where the bucket's name ends."""
    with pytest.raises(ProviderError, match="got the id there alone"):
        RESOURCES["bucketObject:BucketObject"].read("there", {}, {})


NOT_SEEN: list[tuple[str, str, Any]] = [
    *(
        ("bucket:Bucket", key, None)
        for key in ("publicAccessPrevention", "versioning", "softDeletePolicy")
    ),
    ("bucket:Bucket", "location", "US-WEST1"),
    (POOL, "mode", None),
    *(
        (VM, key, None)
        for key in (
            "zone",
            "minCpuPlatform",
            "shieldedInstanceConfig",
            "scheduling",
            "confidentialInstanceConfig",  # danger: the machine is unchanged
        )
    ),
    (VM, "serviceAccount.scopes", ["https://www.googleapis.com/auth/cloud-platform"]),
    ("subnetwork:Subnetwork", "network", f"{LINK}global/networks/net"),
    ("firewall:Firewall", "sourceRanges", ["10.0.0.0/8", "0.0.0.0/0"]),
]


@pytest.mark.parametrize(("kind", "path", "value"), NOT_SEEN)
def test_these_changes_are_no_difference(kind: str, path: str, value: Any) -> None:
    """As in the genuine plugin."""
    assert diff(kind, changed(path, value, kind)) == {}


@pytest.mark.parametrize("token", MEMBERS)
@pytest.mark.parametrize("key", ["role", "member", "condition"])
def test_each_change_of_a_grant_replaces_it(token: str, key: str) -> None:
    """A grant is its role, its member and its condition."""
    state = {"role": "r", "member": "user:a@b.example"}
    found = MEMBERS[token].diff(state, state, {**state, key: "other"})
    assert {path: change.replaces for path, change in found.changes.items()} == {key: True}


def test_a_change_by_hand_is_a_difference() -> None:
    """A value that the program does not set, and the cloud does not choose, is removed."""
    found = diff("repository:Repository", {}, {"description": "by hand", "labels": {"a": "1"}})
    assert found == {"description": False, "labels": False}


def test_another_project_of_the_provider_replaces_the_resource() -> None:
    """A resource without its own project has the provider's."""
    assert diff("bucket:Bucket", {}, {"project": "elsewhere"}) == {"project": True}


CREATED_FIRST = {POOL, PROVIDER, "repository:Repository", "service:Service"}


@pytest.mark.parametrize(("kind", "path", "value"), REPLACED)
def test_a_resource_with_a_fixed_name_is_deleted_before_its_replacement(
    kind: str, path: str, value: Any
) -> None:
    """A name cannot be used twice; some types need no deletion first."""
    found = difference(kind, changed(path, value, kind))
    assert found.delete_before_replace is (kind not in CREATED_FIRST)


@pytest.mark.parametrize(("kind", "path", "value"), IN_PLACE)
def test_a_change_in_place_sets_no_order_of_replacement(kind: str, path: str, value: Any) -> None:
    """With `replace_on_changes`, the program must set the order."""
    assert difference(kind, changed(path, value, kind)).delete_before_replace is False


def test_only_project_grants_are_deleted_before_their_replacement() -> None:
    """The others are created first: of two that mean the same, deleting one deletes both."""
    state = {"role": "r", "member": "user:a@b.example"}
    other = {**state, "role": "s"}
    first = {t for t, r in MEMBERS.items() if r.diff(state, state, other).delete_before_replace}
    assert first == {"gcp:projects/iAMMember:IAMMember"}


def test_an_accounts_email_is_known_in_a_preview() -> None:
    """It follows from the id and the project; the unique id does not."""
    planned = RESOURCES["account:Account"].plan({"accountId": "primus-sa"}, None)
    assert planned["email"] == "primus-sa@primus-models.iam.gserviceaccount.com"
    assert planned["member"] == f"serviceAccount:{planned['email']}"
    assert planned["uniqueId"] == UNKNOWN


@pytest.mark.parametrize(
    ("kind", "output"),
    [(POOL, "name"), (PROVIDER, "name"), ("bucket:Bucket", "url"), (VM, "creationTimestamp")],
)
def test_outputs_that_only_the_cloud_knows_are_unknown_in_a_preview(kind: str, output: str) -> None:
    """A program must not depend on them."""
    assert RESOURCES[kind].plan(THERE[kind], None)[output] == UNKNOWN


@pytest.mark.parametrize(
    ("asked", "live", "found"),
    [
        ({"mode": "enforced"}, {"mode": "inherited"}, {"mode": "inherited"}),
        ({"labels": {"a": "1", "b": "2"}}, {"labels": {"a": "9"}}, {"labels": {"a": "9"}}),
        ({"name": "n"}, {"name": "n", "etag": "x"}, {"name": "n"}),
        ({"description": "d"}, {}, {}),
        ({"location": "us-west1"}, {"location": "US-WEST1"}, {"location": "us-west1"}),
        ({"network": "net"}, {"network": f"{LINK}global/networks/net"}, {"network": "net"}),
        ({"scopes": ["cloud-platform"]}, {"scopes": ["userinfo"]}, {"scopes": ["userinfo"]}),
        ({"nics": [{"a": "1"}, {"a": "2"}]}, {"nics": [{"a": "9"}]}, {"nics": [{"a": "9"}]}),
    ],
)
def test_a_read_returns_the_inputs_with_their_live_values(
    asked: Json, live: Json, found: Json
) -> None:
    """A changed value is the live one, a missing one is missing, and nothing is added."""
    assert refreshed_inputs(asked, live) == found


def test_a_read_keeps_the_uploaded_file() -> None:
    """The cloud does not return it; its hash shows a difference."""
    source = {SIGNATURE: "asset", "hash": "h", "path": "p"}
    assert refreshed_inputs({"source": source}, {"source": source}) == {"source": source}


def test_an_account_is_disabled_by_an_update_and_never_at_creation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Google's provider documents it; a new name for people is another request."""
    account = RESOURCES["account:Account"]
    assert isinstance(account, Account)
    sent: list[tuple[str, str, Any]] = []

    def send(verb: str, path: str, _identity: str, _doing: str, **parts: Any) -> Json:
        sent.append((verb, path, parts["json"]))
        return {"name": "a"}

    monkeypatch.setattr(account, "send", send)
    account.insert({"accountId": "primus-sa", "project": "p", "disabled": True})
    account.patch("a", {}, {"disabled": True}, ["disabled"])
    account.patch("a", {}, {}, ["disabled"])
    account.patch("a", {}, {"displayName": "B"}, ["displayName"])
    named = {"serviceAccount": {"displayName": "B"}, "updateMask": "display_name"}
    assert sent == [
        ("POST", "projects/p/serviceAccounts", {"accountId": "primus-sa", "serviceAccount": {}}),
        ("POST", "a:disable", {}),
        ("POST", "a:enable", {}),
        ("PATCH", "a", named),
    ]
