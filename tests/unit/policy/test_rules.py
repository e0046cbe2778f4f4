"""Every rule, on resources that keep it and on resources that break it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from infra import launch, naming
from infra.attestation import policy_values, release_policy
from infra.attestation.clause import in_one_line
from infra.attestation.release_policy import AND, CLAIMS, UNBUILT
from infra.config import machine_types, validators
from infra.launch import LaunchSpec
from policy.resource import UNKNOWN, Resource, UnknownError, is_unknown
from policy.rule import NotKnown, Rule, Violation, judge
from policy.rules import EVERY, pinned, release
from policy.rules.pinned import CLAUSES, ISSUER, MAPPING, METADATA_KEYS, TOKEN_AUDIENCE
from tests.fixtures.tokens import AUDIENCE, DIGEST, LAUNCHED, NEXT_DIGEST, READER, policy

TEXT = policy().condition
NOT_YET = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

PROVIDER = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
BUCKET = "gcp:storage/bucket:Bucket"
MACHINE = "gcp:compute/instance:Instance"
TEMPLATE = "gcp:compute/instanceTemplate:InstanceTemplate"
GROUP = "gcp:compute/instanceGroupManager:InstanceGroupManager"
AUTOSCALER = "gcp:compute/autoscaler:Autoscaler"
TOPIC = "gcp:pubsub/topic:Topic"
SUBSCRIPTION = "gcp:pubsub/subscription:Subscription"
NOTIFICATION = "gcp:storage/notification:Notification"
TOPIC_GRANT = "gcp:pubsub/topicIAMMember:TopicIAMMember"
SUBSCRIPTION_GRANT = "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember"
SECUNDUS = "confidential-inference:infra:Secundus"
ACCOUNT_GRANT = "gcp:serviceaccount/iAMMember:IAMMember"
BUCKET_GRANT = "gcp:storage/bucketIAMMember:BucketIAMMember"
REPOSITORY_GRANT = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
PROJECT_GRANT = "gcp:projects/iAMMember:IAMMember"
FIREWALL = "gcp:compute/firewall:Firewall"
PLUGIN = "pulumi:providers:gcp"
RELEASE = "confidential-inference:infra:ModelRelease"
POOL = AUDIENCE.removeprefix("//").partition("/providers/")[0]
PROJECT = "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount"
IMAGE = f"us-west1-docker.pkg.dev/p/r/workload@{DIGEST}"
CONFIDENTIAL_SPACE = "projects/confidential-space-images/global/images/confidential-space-260900"

TEMPLATES = "projects/p/global/instanceTemplates/"

LIKE_A_MACHINE: dict[str, Any] = {
    "labels": {"team": "vision"},
    "confidentialInstanceConfig": {"confidentialInstanceType": "TDX"},
    "shieldedInstanceConfig": {"enableSecureBoot": True, "enableVtpm": True},
    "networkInterfaces": [{"subnetwork": "s"}],
    "metadata": {"tee-image-reference": IMAGE, "tee-env-MODEL_URI": "gs://a/b"},
}
"""What a machine and a template have in common."""

GOOD: dict[str, dict[str, Any]] = {
    PROVIDER: {
        "attributeCondition": TEXT,
        "attributeMapping": dict(MAPPING),
        "oidc": {"issuerUri": ISSUER, "allowedAudiences": [TOKEN_AUDIENCE]},
    },
    BUCKET: {
        "uniformBucketLevelAccess": True,
        "publicAccessPrevention": "enforced",
        "forceDestroy": False,
        "labels": {"team": "models"},
    },
    ACCOUNT_GRANT: {
        "serviceAccountId": f"projects/primus-models/serviceAccounts/{READER}",
        "role": "roles/iam.workloadIdentityUser",
        "member": f"principalSet://{POOL}/attribute.image_digest/{DIGEST}",
    },
    BUCKET_GRANT: {
        "role": "roles/storage.objectViewer",
        "bucket": "models",
        "member": "serviceAccount:primus-sa@primus-models.iam.gserviceaccount.com",
        "condition": {"expression": naming.only_model("models", "c3" * 32)},
    },
    REPOSITORY_GRANT: {"role": "roles/artifactregistry.reader", "member": PROJECT},
    MACHINE: {
        **LIKE_A_MACHINE,
        "bootDisk": {"initializeParams": {"image": CONFIDENTIAL_SPACE}},
    },
    TEMPLATE: {
        **LIKE_A_MACHINE,
        "disks": [{"boot": True, "sourceImage": CONFIDENTIAL_SPACE, "diskSizeGb": 20}],
        "metadata": {"tee-image-reference": IMAGE, "tee-env-SUBSCRIPTION": "projects/p/s"},
    },
    GROUP: {
        "name": "fleet",
        "project": "p",
        "versions": [{"instanceTemplate": TEMPLATES + "fleet-20261128a7"}],
    },
    AUTOSCALER: {"target": "g", "autoscalingPolicy": {"minReplicas": 0, "maxReplicas": 1000}},
    TOPIC: {
        "labels": {"team": "vision"},
        "messageStoragePolicy": {"allowedPersistenceRegions": ["us-west1"]},
    },
    SUBSCRIPTION: {"labels": {"team": "vision"}, "topic": "projects/p/topics/t"},
    NOTIFICATION: {"bucket": "b", "topic": "projects/p/topics/t"},
    TOPIC_GRANT: {
        "topic": "t",
        "role": "roles/pubsub.publisher",
        "member": "user:deployer@secundus.example",
    },
    SUBSCRIPTION_GRANT: {
        "subscription": "s",
        "role": "roles/pubsub.subscriber",
        "member": "serviceAccount:service-1@gcp-sa-pubsub.iam.gserviceaccount.com",
    },
    SECUNDUS: {"approvedDigests": [DIGEST]},
    PROJECT_GRANT: {
        "role": "roles/logging.logWriter",
        "member": "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com",
    },
    FIREWALL: {"direction": "INGRESS", "denies": [{"protocol": "all"}]},
    PLUGIN: {"project": "p", "version": "10.2.0", "__internal": {}},
}
"""Resources that keep every rule."""

UNNAMED = AUDIENCE.replace("1a2b3c", naming.NO_SUFFIX)


def component(**changes: Any) -> Resource:
    """What the component above a provider declares before the image is built."""
    declared = policy(**{"image_digests": (UNBUILT,), "audience": UNNAMED, **changes})
    properties = {"declaredClauses": declared.described()}
    return Resource(type=RELEASE, name="release", properties=properties)


QUEUE = Resource(
    type="confidential-inference:infra:WorkQueue", name="queue", properties={"project": "p"}
)
MODEL_BUCKET = Resource(
    type="confidential-inference:infra:PrivateBucket", name="primus-model", properties={}
)


@pytest.mark.parametrize(
    ("above", "broken"),
    [
        (None, 1),
        (dataclasses.replace(MODEL_BUCKET, type="confidential-inference:infra:Secundus"), 1),
        (dataclasses.replace(MODEL_BUCKET, name="primus-models"), 1),
        (dataclasses.replace(MODEL_BUCKET, name="secundus-input"), 0),
        (dataclasses.replace(MODEL_BUCKET, name="secundus-result"), 0),
    ],
)
def test_only_a_grant_on_pictures_or_results_needs_no_condition(
    above: Resource | None, broken: int
) -> None:
    """They have one reader each; every other bucket may hold models."""
    properties = {key: GOOD[BUCKET_GRANT][key] for key in ("role", "bucket", "member")}
    granted = Resource(type=BUCKET_GRANT, name="it", properties=properties, parent=above)
    assert len(list(judge(EVERY, granted))) == broken


def without(*claims: str) -> str:
    """The condition without the clauses about some claims."""
    return AND.join(clause.cel for clause in policy().clauses if clause.claim not in claims)


BROKEN: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "release-condition": [
        (PROVIDER, {"attributeCondition": None}, "got no condition"),
        (PROVIDER, {"attributeCondition": " \n"}, "got no condition"),
        (PROVIDER, {"attributeCondition": ["odd"]}, "got no condition"),
        (PROVIDER, {"attributeCondition": "true"}, "what this program does not write"),
        (PROVIDER, {"attributeCondition": f"{TEXT} || true"}, "what this program does not write"),
        (PROVIDER, {"attributeCondition": without("dbgstat")}, "no clause about dbgstat"),
        (
            PROVIDER,
            {"attributeCondition": f"{TEXT}{AND}assertion.secboot == true"},
            "got 2 clauses about secboot, expected one",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace(f"'{DIGEST}'", "'sha256:abc'")},
            r"in \['sha256:abc'\]\", expected .* in \[<digests>\]",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace(f"  '{DIGEST}',\n", "")},
            r"image_digest in \[.*expected .* in \[<digests>\]",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace(policy_values.HARDWARE[0], "GCP_SHIELDED_VM")},
            r"got the clause .*GCP_SHIELDED_VM.*expected 'assertion.hwmodel in \[<hardware>\]'",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace("'INPUT_URI'", "'LD_PRELOAD'")},
            "got the clause .*LD_PRELOAD.*expected .*'INPUT_URI'",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace("'-m'", "'-c'")},
            "got the clause .*'-c'.*expected .*'-m'",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace("gs://primus", "gs://Primus")},
            "got the clause .*MODEL_URI.*expected .*gs://<bucket>/models/",
        ),
        (
            PROVIDER,
            {"attributeCondition": TEXT.replace(DIGEST, "a" * 4096)},
            "expected at most 4096: Google refuses more",
        ),
    ],
    "release-trust": [
        (PROVIDER, {"oidc": None}, "got the issuer None"),
        (PROVIDER, {"oidc": "odd"}, "got the issuer None"),
        (
            PROVIDER,
            {"oidc": {"issuerUri": "https://x.example", "allowedAudiences": [TOKEN_AUDIENCE]}},
            "got the issuer 'https://x.example'",
        ),
        (
            PROVIDER,
            {"oidc": {"issuerUri": ISSUER, "allowedAudiences": [TOKEN_AUDIENCE, "x"]}},
            "got the audiences",
        ),
        (
            PROVIDER,
            {
                "oidc": {
                    "issuerUri": ISSUER,
                    "allowedAudiences": [TOKEN_AUDIENCE],
                    "jwksJson": "{}",
                }
            },
            "got keys in jwksJson",
        ),
        (PROVIDER, {"aws": {"accountId": "1"}}, "got a provider of kind aws"),
        (PROVIDER, {"saml": {}}, "got a provider of kind saml"),
        (PROVIDER, {"attributeMapping": {"google.subject": "assertion.sub"}}, "got the attribute"),
    ],
    "release-declared": [
        (
            PROVIDER,
            {"attributeCondition": policy(**{key: value}).condition},
            f"got .*{claim}.*, expected .*{claim}.*, as the component {RELEASE} declares",
        )
        for key, value, claim in (
            ("project_number", "666666666666", "project_number"),
            ("model_bucket", "another-bucket", "MODEL_URI"),
            ("audience", AUDIENCE.replace("1111", "6666"), "MODEL_AUDIENCE"),
            ("image_digests", (DIGEST, NEXT_DIGEST), "image_digest"),
        )
    ],
    "release-pool": [
        (
            ACCOUNT_GRANT,
            {"serviceAccountId": "projects/p/serviceAccounts/other@p.iam.gserviceaccount.com"},
            f"got a grant on the account other@p.iam.gserviceaccount.com, expected {READER}",
        ),
        *(
            (
                ACCOUNT_GRANT,
                {"member": f"principalSet://{pool}/attribute.image_digest/{DIGEST}"},
                f"got an image of the pool principalSet://{pool}, expected .*-000000, which the",
            )
            for pool in (
                POOL.replace("primus-wip", "eve"),
                POOL.replace("111111111111", "666666666666"),
                f"{POOL}1",
            )
        ),
    ],
    "grant-members": [
        (BUCKET_GRANT, {"member": "allUsers"}, "got the member allUsers"),
        (BUCKET_GRANT, {"member": "allAuthenticatedUsers"}, "it is public"),
        (REPOSITORY_GRANT, {"member": "allUsers"}, "got the member allUsers"),
        (ACCOUNT_GRANT, {"member": f"principalSet://{POOL}/*"}, "more than one image"),
        (ACCOUNT_GRANT, {"member": f"principalSet://{POOL}/attribute.x/y"}, "more than one image"),
        (ACCOUNT_GRANT, {"member": f"principalSet://{POOL}/group/g"}, "more than one image"),
        (
            ACCOUNT_GRANT,
            {"member": f"principalSet://{POOL}/attribute.image_digest/*"},
            "more than one image",
        ),
        (ACCOUNT_GRANT, {"member": f"principal://{POOL}"}, "more than one image"),
        (ACCOUNT_GRANT, {"member": f"principal://{POOL}/subject/x"}, "more than one image"),
        (
            ACCOUNT_GRANT,
            {
                "member": "principalSet://iam.googleapis.com/locations/global/workforcePools/p"
                "/attribute.image_digest/" + DIGEST
            },
            "more than one image",
        ),
        (BUCKET_GRANT, {"member": "allusers"}, "it is public"),
        (BUCKET_GRANT, {"member": "domain:x.example"}, "it can be many"),
        (BUCKET_GRANT, {"member": "serviceAccount:p.svc.id.goog[a/b]"}, "it can be many"),
        (BUCKET_GRANT, {"member": "allUsers\n"}, "it can be many"),
        (BUCKET_GRANT, {"member": ["user:a@b.example"]}, "it can be many"),
        (
            REPOSITORY_GRANT,
            {"role": "roles/artifactregistry.writer"},
            "it is everybody of a project",
        ),
        (
            REPOSITORY_GRANT,
            {"member": PROJECT.replace("projects/1/type/ServiceAccount", "organizations/1")},
            "it is everybody of a project",
        ),
        (ACCOUNT_GRANT, {"member": PROJECT}, "it is everybody of a project"),
        (BUCKET_GRANT, {"member": "projectViewer:p"}, "it is everybody of a project"),
        (
            "gcp:storage/bucketIAMBinding:BucketIAMBinding",
            {"members": ["user:a@b.example", "allUsers"]},
            "got the member allUsers",
        ),
        (TOPIC_GRANT, {"member": "allAuthenticatedUsers"}, "it is public"),
        (SUBSCRIPTION_GRANT, {"member": "allUsers"}, "it is public"),
        (SUBSCRIPTION_GRANT, {"member": "domain:x.example"}, "it can be many"),
        (
            "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
            {"member": "allUsers"},
            "got the member allUsers",
        ),
    ],
    "grant-roles": [
        (BUCKET_GRANT, {"role": "roles/owner"}, "got roles/owner"),
        (BUCKET_GRANT, {"role": "roles/editor"}, "got roles/editor"),
        (BUCKET_GRANT, {"role": "roles/viewer"}, "got roles/viewer"),
        (
            ACCOUNT_GRANT,
            {"role": "roles/iam.serviceAccountTokenCreator"},
            "acts as the account without any attestation",
        ),
        (ACCOUNT_GRANT, {"member": "user:eve@x.example"}, "for an attested image alone"),
        (
            "gcp:serviceaccount/iAMBinding:IAMBinding",
            {
                "role": "roles/iam.workloadIdentityUser",
                "members": [GOOD[ACCOUNT_GRANT]["member"], "user:eve@x.example"],
            },
            "for user:eve@x.example, expected it for an attested image alone",
        ),
        (BUCKET_GRANT, {"role": "roles/storage.admin"}, "can give the model or the pictures"),
        (TOPIC_GRANT, {"role": "roles/pubsub.admin"}, "decides where the messages go"),
        (SUBSCRIPTION_GRANT, {"role": "roles/pubsub.editor"}, "can delete the work that waits"),
        (TOPIC_GRANT, {"role": "roles/editor"}, "got roles/editor"),
        (PROJECT_GRANT, {"role": "roles/pubsub.subscriber"}, "account, topic or subscription"),
        (
            PROJECT_GRANT,
            {"role": "roles/iam.workloadIdentityPoolAdmin"},
            "can give the model or the pictures to anybody",
        ),
        (
            PROJECT_GRANT,
            {"role": "roles/iam.serviceAccountUser"},
            "on the one bucket, account, topic",
        ),
        (
            PROJECT_GRANT,
            {"role": "roles/storage.objectViewer"},
            "on the one bucket, account, topic",
        ),
        (
            "gcp:folder/iAMMember:IAMMember",
            {"role": "roles/storage.objectViewer"},
            "on the one bucket, account, topic",
        ),
    ],
    "grant-one-model": [
        (BUCKET_GRANT, {"condition": None}, "got the condition None, expected one for one model"),
        (BUCKET_GRANT, {"condition": {"expression": "true"}}, "got the condition 'true'"),
        (BUCKET_GRANT, {"bucket": "others"}, "expected one for one model's object"),
        (BUCKET_GRANT, {"member": "user:eve@x.example"}, "expected the account that an attested"),
        (BUCKET_GRANT, {"role": "roles/storage.objectUser"}, "whoever has more can replace"),
        (
            BUCKET_GRANT,
            {"condition": {"expression": naming.only_model("models", "c3" * 32)[:-20] + '")'}},
            "expected one for one model's object",
        ),
    ],
    "grant-kinds": [
        ("gcp:storage/bucketIAMBinding:BucketIAMBinding", {}, "it removes every grant"),
        ("gcp:projects/iAMPolicy:IAMPolicy", {}, "it removes every grant"),
        (
            "gcp:artifactregistry/repositoryIamPolicy:RepositoryIamPolicy",
            {},
            "it removes every grant",
        ),
        ("gcp:storage/bucketACL:BucketACL", {}, "hides grants"),
        ("gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl", {}, "hides grants"),
        ("gcp:pubsub/topicIAMPolicy:TopicIAMPolicy", {}, "it removes every grant"),
        ("gcp:serviceaccount/key:Key", {}, "whoever has the key is the account"),
        ("gcp:storage/hmacKey:HmacKey", {}, "whoever has the key is the account"),
    ],
    "bucket-private": [
        (BUCKET, {"uniformBucketLevelAccess": False}, "got False, expected true"),
        (BUCKET, {"uniformBucketLevelAccess": None}, "got None, expected true"),
        (BUCKET, {"uniformBucketLevelAccess": "true"}, "got 'true', expected true"),
        (BUCKET, {"publicAccessPrevention": "inherited"}, "got 'inherited', expected 'enforced'"),
        (BUCKET, {"publicAccessPrevention": None}, "got None, expected 'enforced'"),
    ],
    "bucket-force-destroy": [(BUCKET, {"forceDestroy": True}, "got true, expected false")],
    "labels": [
        (BUCKET, {"labels": {}}, "got no labels"),
        *(
            (kind, {"labels": None}, "got no labels")
            for kind in (MACHINE, TEMPLATE, TOPIC, SUBSCRIPTION)
        ),
    ],
    "machine-confidential": [
        (MACHINE, {"bootDisk": {"initializeParams": {"image": each}}}, f"image: got {each!r}")
        for each in (
            None,
            "confidential-space",
            "projects/confidential-space-images/global/images/family/confidential-space",
            CONFIDENTIAL_SPACE.replace("space-2", "space-debug-2"),
            "projects/other/global/images/confidential-space-260900",
        )
    ]
    + [
        (
            MACHINE,
            {"confidentialInstanceConfig": {"confidentialInstanceType": "SEV_SNP"}},
            "got 'SEV_SNP', expected SEV or TDX",
        ),
        (MACHINE, {"confidentialInstanceConfig": None}, "got None, expected SEV or TDX"),
        (
            MACHINE,
            {"shieldedInstanceConfig": {"enableSecureBoot": False, "enableVtpm": True}},
            "enableSecureBoot: got False",
        ),
        (
            MACHINE,
            {"shieldedInstanceConfig": {"enableSecureBoot": True}},
            "enableVtpm: got None",
        ),
        (
            "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
            {},
            "no rule judges this kind",
        ),
        ("gcp:compute/perInstanceConfig:PerInstanceConfig", {}, "no rule judges this kind"),
        (
            "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
            {},
            "no rule judges this kind",
        ),
        (TEMPLATE, {"disks": None}, r"disks.0.sourceImage: got None, expected a production"),
        (
            TEMPLATE,
            {"disks": [{"boot": True, "sourceImage": CONFIDENTIAL_SPACE}, {"source": "another"}]},
            r"disks.1.sourceImage: got None, expected a production",
        ),
    ],
    "machine-unreachable": [
        (
            MACHINE,
            {"networkInterfaces": [{}, {key: [{"natIp": "1.2.3.4"}]}]},
            rf"networkInterfaces\[1\].{key}: got",
        )
        for key in ("accessConfigs", "ipv6AccessConfigs")
    ]
    + [
        (MACHINE, {"networkInterfaces": [{"accessConfigs": [{}]}]}, "external address"),
        (FIREWALL, {"allows": [{"protocol": "tcp"}]}, "nobody needs to reach the machine"),
        (
            FIREWALL,
            {"allows": [{"protocol": "tcp"}], "direction": None},
            "nobody needs to reach the machine",
        ),
    ],
    "machine-launch": [
        (MACHINE, {"metadata": None}, "tee-image-reference: got None"),
        (
            MACHINE,
            {"metadata": {"tee-image-reference": "host/p/workload:1"}},
            "expected an image by digest",
        ),
        (
            MACHINE,
            {"metadata": {"tee-image-reference": IMAGE, "tee-cmd": '["sh"]'}},
            "metadata.tee-cmd: expected no other keys",
        ),
        (
            MACHINE,
            {"metadata": {"tee-image-reference": IMAGE, "startup-script": "x"}},
            "metadata.startup-script",
        ),
        (MACHINE, {"metadataStartupScript": "x"}, "metadataStartupScript: expected none"),
        (
            GROUP,
            {"allInstancesConfig": {"metadata": {"tee-image-reference": IMAGE}}},
            "it overrides what the template's launcher reads",
        ),
        *[
            (
                GROUP,
                {"versions": versions},
                r"versions\[0\].instanceTemplate: got .*, expected a template of this stack",
            )
            for versions in (
                None,
                [{"name": "x"}],
                [{"instanceTemplate": TEMPLATES + "other-1"}],
                [{"instanceTemplate": TEMPLATES + "fleet-x"}],
                [{"instanceTemplate": "projects/eve/global/instanceTemplates/fleet-1"}],
                [{"instanceTemplate": "projects/p/regions/r/instanceTemplates/fleet-1"}],
            )
        ],
    ],
    "fleet-limited": [
        (AUTOSCALER, {"autoscalingPolicy": None}, "maxReplicas: got None, expected a number"),
        (AUTOSCALER, {"autoscalingPolicy": {"maxReplicas": 1001}}, "got 1001, .*at most 1000"),
        (AUTOSCALER, {"autoscalingPolicy": {"maxReplicas": True}}, "got True, expected a number"),
        (GROUP, {"targetSize": 3}, "targetSize: got 3, expected none"),
        (GROUP, {"targetSize": 0}, "targetSize: got 0, expected none"),
    ],
    "fleet-messages": [
        (SUBSCRIPTION, {"pushConfig": {"pushEndpoint": "https://x.example"}}, "got pushConfig"),
        (SUBSCRIPTION, {"bigqueryConfig": {"table": "t"}}, "got bigqueryConfig, expected none"),
        (SUBSCRIPTION, {"cloudStorageConfig": {}}, "the names of pictures elsewhere"),
        *[
            (kind, {"topic": topic}, f"topic: got {topic!r}, expected a topic of the stack's")
            for kind in (NOTIFICATION, SUBSCRIPTION)
            for topic in ("projects/eve/topics/t", "projects/p/topics/a/b", "t", None)
        ],
        (
            SUBSCRIPTION,
            {"deadLetterPolicy": {"deadLetterTopic": "projects/eve/topics/d"}},
            "deadLetterPolicy.deadLetterTopic: got 'projects/eve/topics/d'",
        ),
        *[
            (
                TOPIC,
                {"messageStoragePolicy": {"allowedPersistenceRegions": regions}},
                "allowedPersistenceRegions: got .*, expected the one region",
            )
            for regions in (None, ["us-west1", "europe-west1"], "us-west1")
        ],
    ],
    "plugin-google": [
        (PLUGIN, {"storageCustomEndpoint": "https://x.example/"}, "uploaded to another address"),
        (PLUGIN, {"universeDomain": "x.example"}, "uploaded to another address"),
        (PLUGIN, {"accessToken": "x"}, "got accessToken, expected none: the state would hold"),
        (PLUGIN, {"credentials": "x"}, "got credentials, expected none: the state would hold"),
    ],
    "approved-images": [
        (SECUNDUS, {"approvedDigests": None}, "got none"),
        (SECUNDUS, {"approvedDigests": []}, "got none"),
    ],
}
"""By rule: the type of a resource, what differs from the good one, and what the rule says."""

for _rule in ("machine-confidential", "machine-unreachable", "machine-launch"):
    # A template is held to each rule of a machine, in its own words for the boot disk.
    BROKEN[_rule] += [
        (
            TEMPLATE,
            {"disks": [{"sourceImage": changes["bootDisk"]["initializeParams"]["image"]}]}
            if "bootDisk" in changes
            else changes,
            message.replace("image: got", "sourceImage: got") if "bootDisk" in changes else message,
        )
        for type_, changes, message in BROKEN[_rule]
        if type_ == MACHINE
    ]

BY_NAME = {rule.name: rule for rule in EVERY}


def resource(type_: str, changes: dict[str, Any]) -> Resource:
    """A good resource with changes, below its component; None removes a property."""
    properties = {**GOOD.get(type_, {}), **changes}
    kept = {key: value for key, value in properties.items() if value is not None}
    above = {BUCKET_GRANT: MODEL_BUCKET, SUBSCRIPTION: QUEUE, NOTIFICATION: QUEUE}.get(type_)
    return Resource(type=type_, name="it", properties=kept, parent=above or component())


@pytest.mark.parametrize("kind", [SUBSCRIPTION, NOTIFICATION])
def test_what_names_a_topic_belongs_to_the_queue(kind: str) -> None:
    """Elsewhere nothing says which project the stack's is."""
    for above in (None, component()):
        outside = Resource(type=kind, name="it", properties=GOOD[kind], parent=above)
        (judged,) = judge((BY_NAME["fleet-messages"],), outside)
        assert isinstance(judged, Violation)
        assert "outside of the component confidential-inference:infra:WorkQueue" in judged.message


def test_an_unknown_topic_does_not_hide_one_of_others() -> None:
    """Both are reported."""
    dead = {"deadLetterPolicy": {"deadLetterTopic": "projects/eve/topics/d"}}
    broken = resource(SUBSCRIPTION, {"topic": NOT_YET, **dead})
    assert [type(each) for each in judge((BY_NAME["fleet-messages"],), broken)] == [
        Violation,
        NotKnown,
    ]


@pytest.mark.parametrize("type_", GOOD)
def test_a_good_resource_keeps_every_rule(type_: str) -> None:
    """Otherwise the failures below would show nothing."""
    assert list(judge(EVERY, resource(type_, {}))) == []


def test_every_rule_is_broken_by_a_case() -> None:
    """A rule that nothing breaks would be untested: add cases to BROKEN."""
    assert BROKEN.keys() == BY_NAME.keys()


@pytest.mark.parametrize(
    ("name", "type_", "changes", "message"),
    [(name, *case) for name, cases in BROKEN.items() for case in cases],
)
def test_a_resource_that_breaks_a_rule_is_reported(
    name: str, type_: str, changes: dict[str, Any], message: str
) -> None:
    """With what was got and what was expected."""
    found = [each for each in BY_NAME[name].check(resource(type_, changes)) if message]
    assert found
    with pytest.raises(AssertionError, match=message):
        raise AssertionError("\n".join(found))


@pytest.mark.parametrize(
    ("name", "type_", "changes"),
    [
        ("release-condition", PROVIDER, {"attributeCondition": NOT_YET}),
        ("release-trust", PROVIDER, {"oidc": NOT_YET}),
        ("release-trust", PROVIDER, {"oidc": {"issuerUri": NOT_YET}}),
        ("release-trust", PROVIDER, {"attributeMapping": NOT_YET}),
        ("release-trust", PROVIDER, {"attributeMapping": {"google.subject": NOT_YET}}),
        ("release-declared", PROVIDER, {"attributeCondition": NOT_YET}),
        ("release-pool", ACCOUNT_GRANT, {"member": NOT_YET}),
        ("grant-members", BUCKET_GRANT, {"member": NOT_YET}),
        ("grant-members", REPOSITORY_GRANT, {"role": NOT_YET}),
        ("grant-members", "gcp:projects/iAMBinding:IAMBinding", {"members": [NOT_YET]}),
        ("grant-roles", BUCKET_GRANT, {"role": NOT_YET}),
        ("bucket-private", BUCKET, {"uniformBucketLevelAccess": NOT_YET}),
        ("bucket-private", BUCKET, {"publicAccessPrevention": NOT_YET}),
        ("bucket-force-destroy", BUCKET, {"forceDestroy": NOT_YET}),
        ("labels", BUCKET, {"labels": NOT_YET}),
        ("machine-confidential", MACHINE, {"bootDisk": {"initializeParams": NOT_YET}}),
        ("machine-confidential", MACHINE, {"shieldedInstanceConfig": NOT_YET}),
        ("machine-unreachable", MACHINE, {"networkInterfaces": NOT_YET}),
        ("machine-unreachable", MACHINE, {"networkInterfaces": [NOT_YET]}),
        ("machine-unreachable", MACHINE, {"networkInterfaces": [{"accessConfigs": NOT_YET}]}),
        ("machine-launch", MACHINE, {"metadata": NOT_YET}),
        ("machine-launch", MACHINE, {"metadata": {"tee-image-reference": NOT_YET}}),
        ("machine-confidential", TEMPLATE, {"disks": NOT_YET}),
        ("machine-confidential", TEMPLATE, {"disks": [{"sourceImage": NOT_YET}]}),
        ("machine-launch", TEMPLATE, {"metadata": NOT_YET}),
        ("machine-launch", GROUP, {"allInstancesConfig": NOT_YET}),
        ("machine-launch", GROUP, {"versions": NOT_YET}),
        ("machine-launch", GROUP, {"versions": [{"instanceTemplate": NOT_YET}]}),
        ("fleet-limited", AUTOSCALER, {"autoscalingPolicy": {"maxReplicas": NOT_YET}}),
        ("fleet-limited", GROUP, {"targetSize": NOT_YET}),
        ("fleet-messages", SUBSCRIPTION, {"pushConfig": NOT_YET}),
        ("fleet-messages", SUBSCRIPTION, {"topic": NOT_YET}),
        ("fleet-messages", SUBSCRIPTION, {"deadLetterPolicy": NOT_YET}),
        ("fleet-messages", NOTIFICATION, {"topic": NOT_YET}),
        ("fleet-messages", TOPIC, {"messageStoragePolicy": NOT_YET}),
        ("grant-members", TOPIC_GRANT, {"member": NOT_YET}),
        ("machine-unreachable", FIREWALL, {"allows": NOT_YET}),
        ("machine-unreachable", FIREWALL, {"direction": NOT_YET}),
        ("plugin-google", PLUGIN, {"credentials": NOT_YET}),
        ("approved-images", SECUNDUS, {"approvedDigests": NOT_YET}),
    ],
)
def test_an_unknown_value_is_reported_as_unknown(
    name: str, type_: str, changes: dict[str, Any]
) -> None:
    """Neither broken nor kept: `up` judges it."""
    judged = list(judge((BY_NAME[name],), resource(type_, changes)))
    assert [type(each) for each in judged if isinstance(each, NotKnown)] == [NotKnown]


def test_what_is_wrong_beside_an_unknown_value_is_reported_too() -> None:
    """One does not hide the other."""
    broken = {"uniformBucketLevelAccess": False, "publicAccessPrevention": NOT_YET}
    violation, unknown = judge((BY_NAME["bucket-private"],), resource(BUCKET, broken))
    assert isinstance(violation, Violation)
    assert isinstance(unknown, NotKnown)
    assert unknown.path == ("publicAccessPrevention",)


@pytest.mark.parametrize("odd", [None, [], {}, 7, True, "odd", [None], {"a": None}])
@pytest.mark.parametrize("rule", EVERY, ids=lambda rule: rule.name)
def test_a_property_of_another_type_ends_in_no_stack_trace(rule: Rule, odd: Any) -> None:
    """A program may hand anything to the engine; a crash would hide what is wrong."""
    for type_, properties in GOOD.items():
        for key in properties:
            made = Resource(type=type_, name="it", properties={**properties, key: odd})
            assert all(isinstance(each, Violation) for each in judge((rule,), made))
    for declared in ({"declaredClauses": odd}, {"declaredClauses": {"swname": odd}}):
        for type_ in (PROVIDER, ACCOUNT_GRANT):
            above = Resource(type=RELEASE, name="release", properties=declared)
            made = Resource(type=type_, name="it", properties=GOOD[type_], parent=above)
            assert all(isinstance(each, Violation) for each in judge((rule,), made))


def test_the_pinned_clauses_are_those_of_the_release_policy() -> None:
    """The list is a second one on purpose; a clause that is added must be added to it, too."""
    assert CLAUSES.keys() == CLAIMS


@pytest.mark.parametrize("clause", policy().clauses, ids=lambda clause: clause.claim)
def test_a_clause_that_is_written_in_another_way_breaks_the_rule(
    monkeypatch: pytest.MonkeyPatch, clause: Any
) -> None:
    """Although the program on the branch takes it for its own: `|| true` in a clause it writes."""
    weak = [
        dataclasses.replace(each, cel=f"({each.cel} || true)") if each == clause else each
        for each in policy().clauses
    ]
    monkeypatch.setattr(release, "read", lambda _: tuple(weak))
    (problem,) = release.condition_problems(TEXT)
    assert "|| true" in problem or len(clause.cel) > 300
    assert problem.endswith("as in policy/rules/pinned.py")


def test_a_clause_of_the_program_that_is_not_pinned_breaks_the_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Somebody must add it to the list, and have that approved."""
    new = dataclasses.replace(policy().clauses[0], claim="iat")
    monkeypatch.setattr(release, "read", lambda _: (*policy().clauses, new))
    (problem,) = release.condition_problems(TEXT)
    assert problem.startswith("got a clause about iat, expected only those of policy/rules/pinned")


def test_what_is_pinned_beside_the_clauses_is_what_the_program_has() -> None:
    """Each a second time, on purpose."""
    assert release_policy.ISSUER == pinned.ISSUER
    assert release_policy.TOKEN_AUDIENCE == pinned.TOKEN_AUDIENCE
    assert release_policy.MAPPING == pinned.MAPPING
    assert launch.METADATA_KEYS == pinned.METADATA_KEYS
    assert naming.IMAGE_REFERENCE == pinned.IMAGE_REFERENCE
    assert machine_types.CONFIDENTIAL_TYPES == pinned.CONFIDENTIAL_TYPES
    assert validators.CONFIDENTIAL_SPACE.pattern == pinned.CONFIDENTIAL_SPACE


def test_the_agreed_metadata_is_what_the_program_writes() -> None:
    """Every key, with a run and without."""
    written = LaunchSpec(
        image=IMAGE, environment={**LAUNCHED, "SUBSCRIPTION": "s"}, run="1"
    ).metadata()
    assert written.keys() == METADATA_KEYS


@pytest.mark.parametrize(
    "digests", [(UNBUILT,), (DIGEST,), (UNBUILT, NEXT_DIGEST), (DIGEST, NEXT_DIGEST)]
)
def test_a_condition_may_differ_from_the_declared_one_by_the_built_image_and_the_pool(
    digests: tuple[str, ...],
) -> None:
    """What no preview knows."""
    deployed = tuple(DIGEST if each == UNBUILT else each for each in digests)
    made = Resource(
        type=PROVIDER,
        name="it",
        properties={"attributeCondition": policy(image_digests=deployed).condition},
        parent=component(image_digests=digests),
    )
    assert list(judge((BY_NAME["release-declared"],), made)) == []


@pytest.mark.parametrize("type_", [PROVIDER, ACCOUNT_GRANT])
@pytest.mark.parametrize("above", [None, SECUNDUS])
def test_a_provider_or_an_image_without_a_declaration_breaks_a_rule(
    type_: str, above: str | None
) -> None:
    """A grant or a provider beside the component is judged by no declaration."""
    parent = above and Resource(type=above, name="c", properties=component().properties)
    made = Resource(type=type_, name="it", properties=GOOD[type_], parent=parent or None)
    found = list(judge(EVERY, made))
    assert found
    assert {each.rule.name for each in found} <= {"release-declared", "release-pool"}


def test_a_clause_that_is_not_declared_breaks_the_rule() -> None:
    """Nobody has reviewed it."""
    above = component()
    del above.properties["declaredClauses"]["dbgstat"]
    made = Resource(type=PROVIDER, name="it", properties=GOOD[PROVIDER], parent=above)
    (found,) = judge(EVERY, made)
    assert isinstance(found, Violation)
    assert "dbgstat" in found.message
    assert "expected no clause about that claim" in found.message


def test_a_condition_that_cannot_be_read_is_the_matter_of_another_rule() -> None:
    """`release-condition` says which line; there is nothing to compare."""
    made = resource(PROVIDER, {"attributeCondition": "true"})
    assert {each.rule.name for each in judge(EVERY, made)} == {"release-condition"}


def test_an_unknown_declaration_is_reported_as_unknown() -> None:
    """Neither broken nor kept."""
    above = Resource(type=RELEASE, name="c", properties={"declaredClauses": {"swname": NOT_YET}})
    for type_ in (PROVIDER, ACCOUNT_GRANT):
        made = Resource(type=type_, name="it", properties=GOOD[type_], parent=above)
        (found,) = judge(EVERY, made)
        assert isinstance(found, NotKnown)


def test_a_condition_of_an_earlier_version_keeps_the_rule() -> None:
    """Each clause in one line."""
    text = AND.join(in_one_line(clause.cel) for clause in policy().clauses)
    assert list(release.condition_problems(text)) == []


@pytest.mark.parametrize("value", sorted(UNKNOWN))
def test_every_unknown_of_the_engine_is_known_as_such(value: str) -> None:
    """Also inside of objects; the path says where."""
    assert is_unknown(value)
    made = Resource(type="t", name="n", properties={"a": {"b": value}, "c": value})
    for path, upto in ((("a", "b"), "a.b"), (("c", "d", "e"), "c")):
        with pytest.raises(UnknownError, match=f"^{upto}$"):
            made.value(*path)
    assert made.value("a", "x") is None


def test_rules_have_names_of_their_own_and_sentences() -> None:
    """The engine refuses two policies of one name."""
    assert len(BY_NAME) == len(EVERY)
    assert all(rule.description.endswith(".") for rule in EVERY)


def test_a_template_that_is_not_known_hides_no_other_one() -> None:
    """A group can have two versions."""
    (rule,) = [each for each in EVERY if each.name == "machine-launch"]
    versions = [{"instanceTemplate": NOT_YET}, {"instanceTemplate": f"{TEMPLATES}other-1"}]
    group = Resource(type=GROUP, name="g", properties={**GOOD[GROUP], "versions": versions})
    broken, not_known = judge([rule], group)
    assert isinstance(broken, Violation)
    assert broken.message.startswith("versions[1].instanceTemplate: got ")
    assert isinstance(not_known, NotKnown)
