"""What others have made: looked up, checked, granted on, and never declared as the stack's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.existing import pool_providers
from tests.fixtures.stack_files import committed
from tests.graph.conftest import as_committed
from tests.graph.mocked import HANDOVER, Refused, deploy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.graph.mocked import Graph, LookUp

PRIMUS = ["modelBucket", "serviceAccount", "repository", "pool"]
SECUNDUS = ["inputBucket", "resultBucket", "serviceAccount", "network", "subnetwork"]
KIND = {
    "modelBucket": "Bucket",
    "inputBucket": "Bucket",
    "resultBucket": "Bucket",
    "serviceAccount": "Account",
    "repository": "Repository",
    "pool": "WorkloadIdentityPool",
    "network": "Network",
    "subnetwork": "Subnetwork",
}
READER = "primus-sa@primus-models.iam.gserviceaccount.com"
COMPUTE = "https://www.googleapis.com/compute/v1/projects/secundus-vision"
SAFE: dict[str, dict[str, Any]] = {
    "getBucket": {
        "location": "US-WEST1",
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": True,
    },
    "getBucketIamPolicy": {"policyData": json.dumps({"bindings": []})},
    "getAccount": {"disabled": False},
    "getIamPolicy": {"policyData": "{}"},
    "getRepository": {"format": "DOCKER", "mode": "STANDARD_REPOSITORY"},
    "getWorkloadIdentityPool": {"state": "ACTIVE"},
    "getClientConfig": {"accessToken": "of-the-plugin"},
    "getNetwork": {"selfLink": f"{COMPUTE}/global/networks/workload-network"},
    "getSubnetwork": {
        "ipCidrRange": "10.0.0.0/28",
        "network": f"{COMPUTE}/global/networks/workload-network",
        "privateIpGoogleAccess": True,
    },
}
"""What the plugin's functions answer of resources that may be used."""
NUMBERS = {"primus": 111111111111, "secundus": 222222222222}
OWN_PROVIDER = {"name": "projects/1/…/providers/primus-wip-provider", "state": "ACTIVE"}


@pytest.fixture(autouse=True)
def providers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The providers of every pool; a test changes the list."""
    listed = [OWN_PROVIDER]
    monkeypatch.setattr(pool_providers, "all_of", lambda *_: listed)
    return listed


def answering(stack: str, changes: Mapping[str, Any]) -> LookUp:
    """Everything exists and is safe, but for the changed answers; a text is an error."""

    def look_up(function: str, arguments: Mapping[str, Any]) -> dict[str, Any] | str:
        del arguments
        change = changes.get(function, {})
        if isinstance(change, str):
            return change
        return {"projectNumber": NUMBERS[stack], **SAFE[function], **change}

    return look_up


def run(stack: str, found: Mapping[str, Any] | None = None, **config: Any) -> Graph:
    """The company with these keys, where the plugin answers so."""
    names = {"names": {"pool": "shared-pool"}} if "pool" in config.get("existing", ()) else {}
    return deploy(
        stack,
        {**committed(stack), **names, **config},
        peer={"handover": HANDOVER} if stack == "secundus" else None,
        look_up=answering(stack, found or {}),
    )


def refused(stack: str, found: Mapping[str, Any], **config: Any) -> str:
    """The error of a run that asked a cloud for nothing."""
    with pytest.raises(Refused) as refusal:
        run(stack, found, **config)
    assert all(urn.endswith("::google") for urn in refusal.value.declared)
    return str(refusal.value)


def named(graph: Graph) -> set[tuple[str, str]]:
    """Everything declared, by logical name and kind."""
    return {(each.name, each.type.rpartition(":")[2]) for each in graph.resources}


ALL = [("primus", PRIMUS), ("secundus", SECUNDUS)]
EACH = [
    (stack, [*(["network"] if key == "subnetwork" else []), key])
    for stack, keys in ALL
    for key in keys
]


@pytest.mark.parametrize(("stack", "existing"), [*ALL, *EACH], ids=str)
def test_what_exists_is_read_and_everything_else_is_declared_as_ever(
    stack: str, existing: list[str]
) -> None:
    """All together and each alone; the pool's suffix goes with a pool of the stack's own."""
    graph = run(stack, existing=existing)
    suffix = {("primus-attestation-pool-suffix", "Stash")} if "pool" in existing else set()
    assert sorted(kind for _, kind in graph.reads) == sorted(KIND[key] for key in existing)
    assert named(as_committed(stack)) - named(graph) == graph.reads.keys() | suffix
    assert named(graph) <= named(as_committed(stack))


def test_what_is_read_has_the_id_that_it_has_in_the_state() -> None:
    """So the engine gives up what this stack has created, instead of replacing it."""
    assert {**run("primus", existing=PRIMUS).reads, **run("secundus", existing=SECUNDUS).reads} == {
        ("primus-model", "Bucket"): "primus-models-model-bucket",
        ("primus-model-reader", "Account"): f"projects/primus-models/serviceAccounts/{READER}",
        ("primus-images", "Repository"): (
            "projects/primus-models/locations/us-west1/repositories/primus-models-artifact-repo"
        ),
        ("primus-attestation", "WorkloadIdentityPool"): (
            "projects/primus-models/locations/global/workloadIdentityPools/shared-pool"
        ),
        ("secundus-input", "Bucket"): "secundus-vision-input-bucket",
        ("secundus-result", "Bucket"): "secundus-vision-result-bucket",
        ("secundus-workload", "Account"): (
            "projects/secundus-vision/serviceAccounts"
            "/workload-sa@secundus-vision.iam.gserviceaccount.com"
        ),
        ("secundus-workload", "Network"): "projects/secundus-vision/global/networks"
        "/workload-network",
        ("secundus-workload", "Subnetwork"): (
            "projects/secundus-vision/regions/us-west1/subnetworks/workload-subnet"
        ),
    }


def test_grants_provider_and_handover_are_about_what_exists() -> None:
    """The whole id of the pool is in config; the provider in it is the stack's."""
    graph = run("primus", existing=PRIMUS)
    pool = "projects/111111111111/locations/global/workloadIdentityPools/shared-pool"
    assert graph.exports["handover"]["audience"] == (
        f"//iam.googleapis.com/{pool}/providers/primus-wip-provider"
    )
    assert graph.exports["handover"]["modelReader"] == READER
    provider = graph.one("WorkloadIdentityPoolProvider").inputs
    assert provider["workloadIdentityPoolId"] == "shared-pool"
    assert "shared-pool/providers/primus-wip-provider" in provider["attributeCondition"]
    (release,) = graph.all("IAMMember")
    assert f"{pool}/attribute." in release.inputs["member"]
    assert release.inputs["serviceAccountId"].endswith(READER)
    assert graph.one("BucketIAMMember").inputs["member"] == f"serviceAccount:{READER}"


def test_the_rule_against_ingress_holds_in_a_network_of_others_for_the_machine_alone() -> None:
    """It would cut off the machines of others; in a network of its own it holds for all."""
    account = "workload-sa@secundus-vision.iam.gserviceaccount.com"
    rule = run("secundus", existing=["network"]).one("Firewall").inputs
    assert rule["targetServiceAccounts"] == [account]
    assert rule["network"] == "projects/secundus-vision/global/networks/workload-network"
    assert "targetServiceAccounts" not in as_committed("secundus").one("Firewall").inputs


PUBLIC = {"policyData": json.dumps({"bindings": [{"role": "r", "members": ["allUsers"]}]})}
OPEN_BUCKET = {"publicAccessPrevention": "inherited"}


def acting(role: str, member: str) -> dict[str, str]:
    """The policy of an account with one grant."""
    return {"policyData": json.dumps({"bindings": [{"role": role, "members": [member]}]})}


POOL = "principalSet://iam.googleapis.com/projects/111111111111/locations/global"
POOL += "/workloadIdentityPools/"
TOKENS = "roles/iam.serviceAccountTokenCreator"
FEDERATED = "roles/iam.workloadIdentityUser"
DIGEST = "sha256:" + "ab" * 32

UNSAFE: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("primus", "modelBucket", {"getBucket": {"projectNumber": 999999}}, "number 999999", "names."),
    ("primus", "modelBucket", {"getBucket": {"location": "EU"}}, "a bucket in EU", "`region`"),
    (
        "primus",
        "modelBucket",
        {"getBucket": {"uniformBucketLevelAccess": False}},
        "without uniform access",
        "--uniform-bucket-level-access",
    ),
    (
        "secundus",
        "inputBucket",
        {"getBucket": {"requesterPays": True}},
        "the reader pays",
        "--no-requester-pays",
    ),
    (
        "secundus",
        "resultBucket",
        {"getBucket": {"retentionPolicies": [{"retentionPeriod": "60"}]}},
        "a retention policy",
        "--clear-retention-period",
    ),
    (
        "secundus",
        "inputBucket",
        {"getBucket": OPEN_BUCKET, "getBucketIamPolicy": PUBLIC},
        "a public bucket: r to allUsers",
        "--public-access-prevention",
    ),
    (
        "secundus",
        "inputBucket",
        {"getBucket": OPEN_BUCKET, "getBucketIamPolicy": "Error 403: forbidden"},
        "no answer to who is granted what on it: ",
        "--public-access-prevention",
    ),
    ("primus", "serviceAccount", {"getAccount": {"disabled": True}}, "a disabled", "enable"),
    (
        "primus",
        "serviceAccount",
        {"getIamPolicy": acting(TOKENS, "group:all@primus.example")},
        f"as which group:all@primus.example may act, by {TOKENS}",
        "remove-iam-policy-binding",
    ),
    (
        "primus",
        "serviceAccount",
        {"getIamPolicy": acting(FEDERATED, f"{POOL}primus-wip-1a2b3c/*")},
        "primus-wip-1a2b3c/* may act",
        "remove-iam-policy-binding",
    ),
    (
        "primus",
        "serviceAccount",
        {"getIamPolicy": acting(FEDERATED, f"{POOL}other/attribute.image_digest/{DIGEST}")},
        "other/attribute.image_digest",
        "remove-iam-policy-binding",
    ),
    (
        "primus",
        "serviceAccount",
        {"getIamPolicy": acting("projects/p/roles/custom", "user:a@primus.example")},
        "by projects/p/roles/custom",
        "--role projects/p/roles/custom",
    ),
    (
        "primus",
        "serviceAccount",
        {"getIamPolicy": "Error 403: forbidden"},
        "no answer to who may act as it",
        "roles/iam.securityReviewer",
    ),
    (
        "secundus",
        "serviceAccount",
        {"getIamPolicy": acting(TOKENS, "allAuthenticatedUsers")},
        "as which allAuthenticatedUsers may act",
        "remove-iam-policy-binding",
    ),
    (
        "primus",
        "repository",
        {"getRepository": {"format": "MAVEN"}},
        "a repository of format MAVEN",
        "names.repository",
    ),
    (
        "primus",
        "repository",
        {"getRepository": {"mode": "REMOTE_REPOSITORY"}},
        "a repository of mode REMOTE_REPOSITORY",
        "names.repository",
    ),
    (
        "primus",
        "pool",
        {"getWorkloadIdentityPool": {"disabled": True}},
        "a disabled pool",
        "--no-disabled",
    ),
    (
        "primus",
        "pool",
        {"getWorkloadIdentityPool": {"mode": "TRUST_DOMAIN"}},
        "a pool of mode TRUST_DOMAIN",
        "names.pool",
    ),
    (
        "primus",
        "pool",
        {"getClientConfig": "no credentials"},
        "no answer to which providers it has: ",
        "roles/iam.workloadIdentityPoolViewer",
    ),
    (
        "secundus",
        "subnetwork",
        {"getSubnetwork": {"network": f"{COMPUTE}/global/networks/default"}},
        "of the network secundus-vision/global/networks/default",
        "names.network' default",
    ),
    (
        "secundus",
        "subnetwork",
        {"getSubnetwork": {"privateIpGoogleAccess": False}},
        "without Private Google Access",
        "--enable-private-ip-google-access",
    ),
]


@pytest.mark.parametrize(
    ("stack", "key", "found", "got", "cure"), UNSAFE, ids=[case[3] for case in UNSAFE]
)
def test_what_is_not_safe_to_use_is_refused_with_its_cure(
    stack: str, key: str, found: dict[str, Any], got: str, cure: str
) -> None:
    """One problem, and nothing is declared."""
    existing = ["network", key] if key == "subnetwork" else [key]
    told = refused(stack, found, existing=existing)
    assert f"1 problem with what exists in the cloud of stack '{stack}'" in told
    assert f"1. names.{key}\n" in told
    assert got in told
    assert cure in told.partition("fix:")[2]


@pytest.mark.parametrize(("stack", "existing"), ALL, ids=str)
def test_all_that_is_missing_is_named_at_once(stack: str, existing: list[str]) -> None:
    """Each with the command that creates it as this program would have."""
    absent = dict.fromkeys(SAFE, "googleapi: Error 404: not there")
    told = refused(stack, absent, existing=existing)
    assert f"{len(existing)} problems" in told
    for key in existing:
        assert f"names.{key}\n    got:         no " in told
    assert told.count("    fix:         gcloud ") == len(existing)


def test_what_may_not_be_looked_up_is_not_used() -> None:
    """That it is safe must be seen, and not be hoped."""
    told = refused("primus", {"getBucket": "googleapi: Error 403: no"}, existing=["modelBucket"])
    assert "no answer to whether there is a bucket primus-models-model-bucket: " in told
    assert "cannot be judged" in told


def test_another_provider_in_the_pool_is_refused(providers: list[dict[str, Any]]) -> None:
    """The identities of a pool are the same whichever of its providers gives them."""
    providers.append({"name": "projects/1/…/providers/github", "state": "ACTIVE"})
    told = refused("primus", {}, existing=["pool"])
    assert "a pool with another provider, github" in told
    assert "providers delete github --workload-identity-pool shared-pool" in told


def test_a_deleted_provider_only_takes_its_own_name(providers: list[dict[str, Any]]) -> None:
    """It gives no identities, but its id is reserved."""
    providers[:] = [{"name": "projects/1/…/providers/github", "state": "DELETED"}]
    assert run("primus", existing=["pool"]).reads
    providers[:] = [{**OWN_PROVIDER, "state": "DELETED"}]
    told = refused("primus", {}, existing=["pool"])
    assert "1. names.provider\n    got:         'primus-wip-provider', the id of a deleted" in told


@pytest.mark.parametrize(
    "policy",
    [
        acting(FEDERATED, f"{POOL}primus-wip-1a2b3c/attribute.image_digest/{DIGEST}"),
        acting(FEDERATED, f"{POOL}primus-wip-1a2b3c/attribute.built_image_digest/{DIGEST}"),
        acting("roles/iam.serviceAccountViewer", "group:all@primus.example"),
        acting(TOKENS, "deleted:user:a@primus.example?uid=1"),
    ],
)
def test_the_stacks_own_grants_on_its_reader_are_no_problem(policy: dict[str, str]) -> None:
    """Nor are roles by which nobody acts as the account."""
    assert run("primus", {"getIamPolicy": policy}, existing=["serviceAccount"]).reads


def test_whoever_may_start_machines_may_act_as_the_workloads_account() -> None:
    """That is Secundus' own decision, and its operators need it."""
    policy = acting("roles/iam.serviceAccountUser", "group:team@secundus.example")
    assert run("secundus", {"getIamPolicy": policy}, existing=["serviceAccount"]).reads


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"getBucket": OPEN_BUCKET}, "nothing prevents that somebody makes it so"),
        (
            {"getBucket": {"softDeletePolicies": [{"retentionDurationSeconds": "604800"}]}},
            "keeps what is deleted (soft delete)",
        ),
        ({"getBucket": {"versionings": [{"enabled": True}]}}, "(versions)"),
        ({"getBucket": {"retentionPolicies": [{"retentionPeriod": "60"}]}}, "(retention)"),
    ],
)
def test_what_may_be_meant_is_a_warning(found: dict[str, Any], words: str) -> None:
    """A withdrawn model could be restored; a bucket could become public."""
    (warning,) = run("primus", found, existing=["modelBucket"]).warnings
    assert words in warning
    assert "gcloud storage buckets update gs://primus-models-model-bucket" in warning


def test_pictures_that_can_be_restored_are_no_warning() -> None:
    """They are Secundus' own, in its own bucket."""
    found = {"getBucket": {"softDeletePolicies": [{"retentionDurationSeconds": "604800"}]}}
    warnings = run("secundus", found, existing=["inputBucket"]).warnings
    assert not [each for each in warnings if "bucket" in each]


def test_a_named_operator_has_lists_of_its_own() -> None:
    """Its account and pool exist; those of the operator without a name are created."""
    operator = {"project": "acme-ml-prod", "projectNumber": "333333333333"}
    lists = {"existing": ["pool", "serviceAccount"], "names": {"pool": "acme-pool"}}
    graph = run("primus", operators={"acme": {**operator, **lists}})
    assert {name for name, _ in graph.reads} == {
        "primus-operator-acme-attestation",
        "primus-operator-acme-model-reader",
    }
    disabled = {"getAccount": {"disabled": True}}
    told = refused("primus", disabled, operators={"acme": {**operator, **lists}})
    assert "1. operators.acme.names.serviceAccount\n" in told


ADOPTED: dict[str, dict[str, Any]] = {
    "primus": {"adopt": PRIMUS, "names": {"pool": "primus-wip-1a2b3c"}},
    "secundus": {"adopt": SECUNDUS},
}


@pytest.mark.parametrize("stack", ADOPTED)
def test_what_is_adopted_is_imported_and_declared_as_the_stacks_own(stack: str) -> None:
    """The checks are the same; the graph is that of a stack that has created it."""
    graph = run(stack, **ADOPTED[stack])
    imported = {r.name: r.request.importId for r in graph.resources if r.request.importId}
    assert (
        imported.items()
        >= {
            name: identity.replace("shared-pool", "primus-wip-1a2b3c")
            for (name, _), identity in run(stack, existing=ADOPTED[stack]["adopt"]).reads.items()
            if name != "secundus-workload"
        }.items()
    )
    assert not graph.reads
    assert named(graph) == named(as_committed(stack))
    assert "a disabled account" in refused(
        stack, {"getAccount": {"disabled": True}}, **ADOPTED[stack]
    )


LINKS = [f"{COMPUTE}/regions/us-west1/subnetworks/{name}" for name in ("workload-subnet", "web")]


@pytest.mark.parametrize(
    ("stack", "found", "key", "got"),
    [
        ("secundus", {"getNetwork": {"description": "of all"}}, "network", "with description"),
        (
            "secundus",
            {"getNetwork": {"subnetworksSelfLinks": LINKS}},
            "network",
            "a network with 1 other subnetwork",
        ),
        (
            "secundus",
            {"getSubnetwork": {"ipCidrRange": "10.9.0.0/24"}},
            "subnetwork",
            "with ipCidrRange '10.9.0.0/24'",
        ),
        ("primus", {"getRepository": {"kmsKeyName": "key"}}, "repository", "with kmsKeyName"),
    ],
)
def test_what_could_only_be_adopted_by_deleting_it_is_refused(
    stack: str, found: dict[str, Any], key: str, got: str
) -> None:
    """As existing it may be so."""
    told = refused(stack, found, **ADOPTED[stack])
    assert f"1. names.{key}\n" in told
    assert got in told
    assert f"existing[0]' {key}   # and remove it from `adopt`" in told
    assert run(stack, found, existing=ADOPTED[stack]["adopt"]).reads


FLEET = {"run": "", "fleet": {"mostMachines": 13}}


def test_a_fleet_needs_room_in_a_subnetwork_of_others() -> None:
    """A machine without an address is never made, and no update would say so."""
    existing = ["network", "subnetwork"]
    told = refused("secundus", {}, existing=existing, **FLEET)
    assert "1. names.subnetwork\n" in told
    assert "a subnetwork of 10.0.0.0/28: room for 12 machines" in told
    assert "room for 13, which is fleet.mostMachines" in told
    assert "fleet.mostMachines' 12" in told
    larger = {"getSubnetwork": {"ipCidrRange": "10.0.0.0/27"}}
    assert run("secundus", larger, existing=existing, **FLEET).reads


def test_a_fleet_adopts_a_subnetwork_of_its_own_range_only() -> None:
    """The plugin imports what the program declares."""
    adopt = ["network", "subnetwork"]
    told = refused("secundus", {}, adopt=adopt, **FLEET)
    assert "with ipCidrRange '10.0.0.0/28'" in told
    assert "'10.0.0.0/22', as this stack creates it" in told


def test_a_stack_that_has_another_pool_adopts_none() -> None:
    """It would replace the adopted one as soon as `adopt` is removed."""
    with pytest.raises(Refused, match=r"adopt: got the pool primus-wip-1a2b3c, expected the one"):
        deploy(
            "primus",
            {**committed("primus"), **ADOPTED["primus"]},
            look_up=answering("primus", {}),
            suffix="ffffff",
        )


def test_an_adopted_pool_keeps_its_suffix() -> None:
    """The state takes it from config, so that the next `up` without `adopt` keeps the pool."""
    graph = run("primus", **ADOPTED["primus"])
    suffix = graph.one("Stash", "primus-attestation-pool-suffix")
    assert suffix.inputs["input"] == "1a2b3c"
    pool = graph.one("WorkloadIdentityPool").inputs["workloadIdentityPoolId"]
    assert pool == "primus-wip-1a2b3c"


def test_on_the_first_preview_a_name_that_is_taken_is_refused() -> None:
    """With what to do; a bucket, an account, a repository, and no pool: its id has a suffix."""
    with pytest.raises(Refused) as refusal:
        deploy("primus", committed("primus"), first=True, look_up=answering("primus", {}))
    told = str(refusal.value)
    assert "3 problems" in told
    for place, key in enumerate(("modelBucket", "repository", "serviceAccount")):
        assert f"names.{key}\n" in told
        assert f"existing[{place}]' {key}" in told
        assert f"adopt[{place}]' {key}" in told


def test_the_commands_against_clashes_fill_the_lists_that_there_are() -> None:
    """Entries behind those that config has; an operator's own lists have numbers of their own."""
    operator = {"project": "acme-ml-prod", "projectNumber": "333333333333"}
    with pytest.raises(Refused) as refusal:
        deploy(
            "primus",
            {
                **committed("primus"),
                "existing": ["modelBucket"],
                "operators": {"acme": operator},
            },
            first=True,
            look_up=answering("primus", {"getBucket": {"location": "EU"}}),
        )
    told = str(refusal.value)
    assert "confidential-inference:existing[1]' repository" in told
    assert "confidential-inference:existing[2]' serviceAccount" in told
    assert "confidential-inference:adopt[1]' serviceAccount" in told
    assert "confidential-inference:operators.acme.existing[0]' serviceAccount" in told


def test_a_machine_of_others_can_only_be_avoided() -> None:
    """It does not run the workload."""
    absent = dict.fromkeys(SAFE, "googleapi: Error 404: not there")
    with pytest.raises(Refused) as refusal:
        deploy(
            "secundus",
            committed("secundus"),
            peer={"handover": HANDOVER},
            first=True,
            look_up=lambda function, _: {} if function == "getInstance" else absent[function],
        )
    told = str(refusal.value)
    assert "there is a machine workload-vm already" in told
    assert "adopt" not in told


@pytest.mark.parametrize(
    "error",
    [
        "googleapi: Error 404: not there",
        "googleapi: Error 403: API has not been used in project 1 before, accessNotConfigured",
        "Error 503",
    ],
)
def test_a_look_up_without_an_answer_refuses_no_first_preview(error: str) -> None:
    """Whoever previews need not be allowed to look, and an API may be off before the first `up`."""
    graph = deploy("primus", committed("primus"), first=True, look_up=lambda *_: error)
    assert graph.all("Bucket")
    assert graph.warnings == []


def test_a_bucket_that_is_forbidden_on_the_first_preview_is_a_warning() -> None:
    """All buckets of the world share their names."""
    error = "googleapi: Error 403: denied on resource (or it may not exist)., forbidden"
    graph = deploy("primus", committed("primus"), first=True, look_up=lambda *_: error)
    (warning,) = graph.warnings
    assert "bucket primus-models-model-bucket may exist already, and belong to somebody" in warning


def test_a_deployed_stack_is_not_asked_for_its_own_names() -> None:
    """They exist because it has created them."""
    asked: list[str] = []

    def look_up(function: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        del arguments
        asked.append(function)
        return {}

    deploy("primus", committed("primus"), look_up=look_up)
    assert asked == []
