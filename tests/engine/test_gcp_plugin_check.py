"""Which inputs the stand-in gcp plugin refuses before it sends a request, and which not."""

from __future__ import annotations

import copy
import importlib
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.pulumi_plugins import gcp_arguments
from rehearsal.pulumi_plugins.gcp import resources
from rehearsal.pulumi_plugins.gcp_api import Api
from rehearsal.pulumi_plugins.provider import UNKNOWN

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json

RESOURCES = resources(Api(project="primus-models", region="us-west1", zone="us-west1-b"))

GOOD: dict[str, Json] = {
    "gcp:storage/bucket:Bucket": {"name": "b", "location": "us-west1"},
    "gcp:storage/bucketObject:BucketObject": {"name": "o", "bucket": "b", "content": "text"},
    "gcp:storage/bucketIAMMember:BucketIAMMember": {
        "bucket": "b",
        "role": "roles/storage.objectViewer",
        "member": "user:a@b.example",
    },
    "gcp:serviceaccount/account:Account": {"accountId": "primus-sa"},
    "gcp:serviceaccount/iAMMember:IAMMember": {
        "serviceAccountId": "projects/p/serviceAccounts/s@p.iam.gserviceaccount.com",
        "role": "roles/iam.serviceAccountUser",
        "member": "user:a@b.example",
    },
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": {"workloadIdentityPoolId": "pool"},
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": {
        "workloadIdentityPoolId": "pool",
        "workloadIdentityPoolProviderId": "provider",
        "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
        "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com/"},
    },
    "gcp:artifactregistry/repository:Repository": {
        "repositoryId": "images",
        "location": "us-west1",
        "format": "DOCKER",
    },
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": {
        "repository": "images",
        "role": "roles/artifactregistry.reader",
        "member": "user:a@b.example",
    },
    "gcp:projects/iAMMember:IAMMember": {
        "project": "p",
        "role": "roles/browser",
        "member": "user:a@b.example",
    },
    "gcp:projects/service:Service": {"service": "iam.googleapis.com"},
    "gcp:projects/serviceIdentity:ServiceIdentity": {"service": "pubsub.googleapis.com"},
    "gcp:compute/network:Network": {"name": "net"},
    "gcp:compute/subnetwork:Subnetwork": {"name": "sub", "network": "net"},
    "gcp:compute/firewall:Firewall": {
        "name": "fw",
        "network": "net",
        "denies": [{"protocol": "all"}],
    },
    "gcp:compute/instance:Instance": {
        "name": "vm",
        "machineType": "n2d-standard-2",
        "bootDisk": {"initializeParams": {"image": "projects/p/global/images/i", "size": 20}},
        "networkInterfaces": [{"network": "net"}],
        "serviceAccount": {"email": "a@b.example", "scopes": ["cloud-platform"]},
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
    },
    "gcp:compute/instanceTemplate:InstanceTemplate": {
        "namePrefix": "fleet-",
        "machineType": "n2d-standard-2",
        "disks": [{"sourceImage": "projects/p/global/images/i", "interface": "NVME"}],
        "networkInterfaces": [{"network": "net"}],
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
    },
    "gcp:compute/instanceGroupManager:InstanceGroupManager": {
        "name": "fleet",
        "baseInstanceName": "vm",
        "versions": [{"instanceTemplate": "projects/p/global/instanceTemplates/t"}],
        "updatePolicy": {"type": "PROACTIVE", "minimalAction": "REPLACE"},
    },
    "gcp:compute/autoscaler:Autoscaler": {
        "name": "fleet",
        "target": "projects/p/zones/us-west1-b/instanceGroupManagers/fleet",
        "autoscalingPolicy": {
            "minReplicas": 0,
            "maxReplicas": 4,
            "metrics": [{"name": "m", "singleInstanceAssignment": 4.5}],
        },
    },
    "gcp:pubsub/topic:Topic": {"name": "slices"},
    "gcp:pubsub/topicIAMMember:TopicIAMMember": {
        "topic": "slices",
        "role": "roles/pubsub.publisher",
        "member": "user:a@b.example",
    },
    "gcp:pubsub/subscription:Subscription": {
        "name": "slices",
        "topic": "slices",
        "expirationPolicy": {"ttl": ""},
    },
    "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember": {
        "subscription": "slices",
        "role": "roles/pubsub.subscriber",
        "member": "user:a@b.example",
    },
    "gcp:storage/notification:Notification": {
        "bucket": "b",
        "topic": "projects/p/topics/slices",
        "payloadFormat": "JSON_API_V1",
        "eventTypes": ["OBJECT_FINALIZE"],
    },
}
TOKEN = {token.rpartition("/")[2]: token for token in GOOD}
INSTANCE = TOKEN["instance:Instance"]


def check(token: str, **changed: Any) -> list[str]:
    """The failures for good inputs with some changed (None: left out)."""
    news = {k: v for k, v in {**copy.deepcopy(GOOD[token]), **changed}.items() if v is not None}
    return RESOURCES[token].check("x", news)[1]


def test_each_resource_type_has_valid_inputs_in_these_tables() -> None:
    """The tables below cover each type of the plugin."""
    assert GOOD.keys() == RESOURCES.keys()


@pytest.mark.parametrize("token", GOOD)
def test_valid_inputs_are_accepted(token: str) -> None:
    """Without an error."""
    assert check(token) == []


@pytest.mark.parametrize("token", GOOD)
def test_an_unknown_key_is_refused(token: str) -> None:
    """The message names the path."""
    wrong = "Invalid or unknown key. Examine values at 'x.nosuch'."
    assert wrong in check(token, nosuch=1)


REFUSED: list[tuple[str, Json, str]] = [
    ("bucket:Bucket", {"location": None}, 'The argument "location" is required'),
    ("bucket:Bucket", {"name": None}, "makes up no names"),
    ("bucket:Bucket", {"labels": {"Upper": "x"}}, "invalid key"),
    ("bucket:Bucket", {"labels": ["x"]}, "expected a map"),
    ("bucket:Bucket", {"forceDestroy": "maybe"}, "expected a bool"),
    ("bucket:Bucket", {"versioning": {"enabled": True, "on": 1}}, "'x.versioning.on'"),
    ("bucket:Bucket", {"lifecycleRules": [{"action": {"type": "Delete"}}]}, '"condition" is'),
    ("bucketObject:BucketObject", {"content": None}, "one of `content,source`"),
    ("bucketObject:BucketObject", {"source": {"path": "p"}}, "one of `content,source`"),
    ("account:Account", {"accountId": "short"}, "(6 - 30)"),
    ("account:Account", {"accountId": "a" * 31}, "(6 - 30)"),
    ("account:Account", {"accountId": "1starts-with-digit"}, "doesn't match regexp"),
    ("account:Account", {"description": "d" * 257}, "(0 - 256)"),
    *(
        ("workloadIdentityPool:WorkloadIdentityPool", {"workloadIdentityPoolId": pool}, says)
        for pool, says in {
            "abc": "(4 - 32)",
            "a" * 33: "(4 - 32)",
            "Pool": "doesn't match regexp",
            "gcp-pool": "doesn't match regexp",
        }.items()
    ),
    ("workloadIdentityPool:WorkloadIdentityPool", {"mode": "OPEN"}, "one of"),
    *(
        ("workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", changed, says)
        for changed, says in (
            ({"workloadIdentityPoolProviderId": "gcp-x"}, "doesn't match regexp"),
            ({"oidc": None}, "one of `aws,oidc,saml,x509`"),
            ({"aws": {"accountId": "1"}}, "one of `aws,oidc,saml,x509`"),
            ({"oidc": {}}, '"issuer_uri" is required'),
        )
    ),
    ("repository:Repository", {"format": None}, '"format" is required'),
    ("repository:Repository", {"mode": "ODD"}, "one of"),
    *(
        (kind, {"member": member}, "type:value")
        for kind in (
            "bucketIAMMember:BucketIAMMember",
            "repositoryIamMember:RepositoryIamMember",
        )
        for member in ("nobody", "user:", "deleted:user:a@b.example?uid=1")
    ),
    ("bucketIAMMember:BucketIAMMember", {"condition": {"title": "t"}}, '"expression" is'),
    ("service:Service", {"service": "iam"}, "doesn't match regexp"),
    ("network:Network", {"name": "Net"}, "doesn't match regexp"),
    ("firewall:Firewall", {"direction": "SIDEWAYS"}, "one of"),
    ("firewall:Firewall", {"denies": [{"ports": ["22"]}]}, '"protocol" is required'),
    ("firewall:Firewall", {"denies": None}, "one of `allow,deny` must be specified"),
    ("firewall:Firewall", {"allows": [{"protocol": "tcp"}]}, "one of `allow,deny` must be"),
    *(
        ("instance:Instance", changed, says)
        for changed, says in (
            ({"name": "VM"}, "doesn't match regexp"),
            ({"name": "a" * 64}, "doesn't match regexp"),
            ({"machineType": None}, '"machine_type" is required'),
            ({"bootDisk": None}, '"boot_disk" is required'),
            ({"networkInterfaces": None}, '"network_interfaces" is required'),
            ({"bootDisk": {"initializeParams": {"size": 0}}}, "at least (1)"),
            ({"bootDisk": {"initializeParams": {"zise": 9}}}, "'x.bootDisk.initializeParams.zise'"),
            ({"confidentialInstanceConfig": {}}, "at least one argument"),
            ({"serviceAccount": {"email": "a@b.example"}}, '"scopes" is required'),
        )
    ),
    *(
        ("instanceTemplate:InstanceTemplate", changed, says)
        for changed, says in (
            ({"namePrefix": "a" * 55}, "cannot be longer than 54 characters"),
            ({"namePrefix": None}, "one of `name_prefix` must be specified"),
            ({"disks": None}, '"disks" is required'),
            ({"disks": [{"size": 20}]}, "'x.disks[0].size'"),
            ({"confidentialInstanceConfig": {}}, "at least one argument"),
        )
    ),
    *(
        ("instanceGroupManager:InstanceGroupManager", changed, says)
        for changed, says in (
            ({"versions": None}, '"versions" is required'),
            ({"versions": [{}]}, '"instance_template" is required'),
            ({"baseInstanceName": None}, '"base_instance_name" is required'),
            ({"updatePolicy": {"type": "PROACTIVE"}}, '"minimal_action" is required'),
            ({"updatePolicy": {"type": "AT_ONCE", "minimalAction": "REPLACE"}}, "one of"),
        )
    ),
    *(
        ("autoscaler:Autoscaler", changed, says)
        for changed, says in (
            ({"name": "Fleet"}, "doesn't match regexp"),
            ({"target": None}, '"target" is required'),
            ({"autoscalingPolicy": {"maxReplicas": 4}}, '"min_replicas" is required'),
            (
                {
                    "autoscalingPolicy": {
                        "minReplicas": 0,
                        "maxReplicas": 1,
                        "metrics": [{"name": "m", "singleInstanceAssignment": "four"}],
                    }
                },
                "expected a float",
            ),
        )
    ),
    ("serviceIdentity:ServiceIdentity", {"service": None}, '"service" is required'),
    ("topic:Topic", {"name": None}, "makes up no names"),
    ("subscription:Subscription", {"topic": None}, '"topic" is required'),
    ("subscription:Subscription", {"expirationPolicy": {}}, '"ttl" is required'),
    ("topicIAMMember:TopicIAMMember", {"member": "nobody"}, "type:value"),
    ("notification:Notification", {"payloadFormat": "XML"}, "one of"),
    ("notification:Notification", {"eventTypes": ["OBJECT_READ"]}, "expected to have only"),
]


@pytest.mark.parametrize(("kind", "changed", "says"), REFUSED, ids=str)
def test_check_refuses_these_inputs(kind: str, changed: Json, says: str) -> None:
    """As the genuine plugin does, as observed."""
    found = check(TOKEN[kind], **changed)
    assert len(found) == 1
    assert says in found[0]


@pytest.mark.parametrize("member", ["nobody", "deleted:user:a@b.example?uid=1"])
@pytest.mark.parametrize("folder", ["serviceaccount", "projects"])
def test_members_of_projects_and_accounts_are_checked_in_the_same_way(
    folder: str, member: str
) -> None:
    """These two types have the same name, so they have a separate test."""
    assert len(check(f"gcp:{folder}/iAMMember:IAMMember", member=member)) == 1


def test_a_grant_on_an_account_needs_its_full_name() -> None:
    """An e-mail alone is refused."""
    token = "gcp:serviceaccount/iAMMember:IAMMember"  # noqa: S105  a Pulumi type
    assert "doesn't match regexp" in check(token, serviceAccountId="s@p.example")[0]


ACCEPTED: list[tuple[str, Json]] = [
    *(("bucket:Bucket", {"name": name}) for name in ("BAD_Upper", "ab", "a" * 64)),
    ("bucket:Bucket", {"location": ""}),
    ("bucket:Bucket", {"storageClass": "BANANA", "publicAccessPrevention": "maybe"}),
    ("bucket:Bucket", {"forceDestroy": "true"}),
    ("bucketObject:BucketObject", {"name": ""}),
    ("account:Account", {"displayName": "d" * 101}),
    ("account:Account", {"accountId": UNKNOWN}),
    ("workloadIdentityPool:WorkloadIdentityPool", {"displayName": "d" * 33, "mode": ""}),
    *(
        ("workloadIdentityPoolProvider:WorkloadIdentityPoolProvider", {"attributeCondition": text})
        for text in ("x" * 4097, "", None, "broken (", UNKNOWN)
    ),
    (
        "workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
        {"oidc": {"issuerUri": "http://plain.example"}},
    ),
    ("repository:Repository", {"format": "BANANA", "location": None, "repositoryId": "BAD Id"}),
    *(
        ("bucketIAMMember:BucketIAMMember", {"member": member})
        for member in (
            "allUsers",
            "bogus:thing",
            "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount",
        )
    ),
    ("bucketIAMMember:BucketIAMMember", {"role": ""}),
    ("instance:Instance", {"confidentialInstanceConfig": {"confidentialInstanceType": "SGX"}}),
    ("instance:Instance", {"scheduling": {"onHostMaintenance": "MIGRATE"}, "zone": None}),
    ("instance:Instance", {"metadata": {"tee-image-reference": "not a reference"}}),
    ("instanceTemplate:InstanceTemplate", {"disks": [{"sourceImage": "i", "interface": "SCSI"}]}),
    ("instanceGroupManager:InstanceGroupManager", {"name": "BAD_Upper"}),
    ("topic:Topic", {"name": "goog"}),
    ("subscription:Subscription", {"ackDeadlineSeconds": 1, "topic": "_deleted-topic_"}),
]


@pytest.mark.parametrize(("kind", "changed"), ACCEPTED, ids=str)
def test_check_accepts_inputs_that_only_the_api_refuses(kind: str, changed: Json) -> None:
    """As the genuine plugin does."""
    assert check(TOKEN[kind], **changed) == []


def test_a_boolean_or_number_in_a_text_is_converted() -> None:
    """To the type that the argument has."""
    token = TOKEN["bucket:Bucket"]
    news = {"location": "US", "forceDestroy": "true", "softDeletePolicy": {}}
    news["softDeletePolicy"] = {"retentionDurationSeconds": "7"}
    inputs, _ = RESOURCES[token].check("x", news)
    assert inputs["forceDestroy"] is True
    assert inputs["softDeletePolicy"] == {"retentionDurationSeconds": 7}


# The SDK imports its own deprecated modules.
@pytest.mark.filterwarnings("ignore:gcp[.].* has been deprecated:DeprecationWarning")
@pytest.mark.parametrize("token", GOOD)
def test_the_arguments_are_those_of_the_sdk(token: str) -> None:
    """The SDK's text and the imported SDK have the same."""
    _, module, kind = token.split(":")
    folder = module.partition("/")[0]
    sdk = getattr(importlib.import_module(f"pulumi_gcp.{folder}"), f"{kind}Args")
    names = {
        getattr(member.fget, "_pulumi_name", name)
        for name, member in vars(sdk).items()
        if isinstance(member, property)
    }
    path = f"{folder}/{gcp_arguments.snake(kind)}"
    assert gcp_arguments.arguments(path, kind).keys() == names
