"""The gcp plugin with the real engine: every resource type from creation to deletion.

The tests run in order: each one continues with the stack of the last one. They also hold for the
genuine plugin (GCP_PLUGIN): machines stay on until it has seen them RUNNING, and the program sets
the order of replacements.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi_gcp as gcp
import pytest
from pulumi import FileAsset, ResourceOptions, automation, export

from rehearsal.cloud.compute.machines import GENUINE_PLUGIN_SECONDS
from rehearsal.cloud.http.server import LocalCloud, running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.pulumi_plugins.genuine_gcp import genuine_gcp_plugin
from rehearsal.pulumi_plugins.install import install
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi.automation import events

pytestmark = [
    pytest.mark.engine,
    # The SDK imports its own deprecated modules.
    pytest.mark.filterwarnings("ignore:gcp[.].* has been deprecated:DeprecationWarning"),
]

PROJECT, NUMBER = "secundus-vision", "222222222222"
APIS = (
    *("artifactregistry", "cloudresourcemanager", "compute", "iam", "pubsub", "serviceusage"),
    "storage",
)
DEPLOYER = "user:deployer@secundus.example"
POOL = f"projects/{NUMBER}/locations/global/workloadIdentityPools/pool-a"
PROVIDER = f"{POOL}/providers/provider-a"
IMAGE = "projects/confidential-space-images/global/images/confidential-space-260900"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/sub-a"
GROUP = f"projects/{PROJECT}/zones/us-west1-b/instanceGroupManagers/group-a"
INSTANCE = f"projects/{PROJECT}/zones/us-west1-b/instances/vm-a"


class Program:
    """A program with one resource of each type; the tests change the attributes."""

    def __init__(self, picture: Path) -> None:
        self.picture = picture
        self.condition = "assertion.swname == 'CONFIDENTIAL_SPACE'"
        self.metadata = {"tee-restart-policy": "Never"}
        self.labels = {"cost": "a"}
        self.confidential = "SEV"
        self.location = "us-west1"
        self.lease = 60
        self.machine_type = "n2d-standard-2"
        self.most = 1
        self.replace_on_changes: list[str] = []

    def __call__(self) -> None:
        """Declare everything."""
        api = gcp.projects.Service("api", service="sts.googleapis.com", disable_on_destroy=False)
        bucket = gcp.storage.Bucket(
            "bucket",
            name="plugin-test-bucket",
            location=self.location,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            soft_delete_policy={"retention_duration_seconds": 0},
            labels=self.labels,
            force_destroy=True,
        )
        gcp.storage.BucketObject(
            "picture", bucket=bucket.name, name="a/p.png", source=FileAsset(str(self.picture))
        )
        account = gcp.serviceaccount.Account("account", account_id="plugin-sa", display_name="P")
        gcp.storage.BucketIAMMember(
            "reads", bucket=bucket.name, role="roles/storage.objectViewer", member=account.member
        )
        gcp.projects.IAMMember(
            "logs", project=PROJECT, role="roles/logging.logWriter", member=account.member
        )
        acts = gcp.serviceaccount.IAMMember(
            "acts",
            service_account_id=account.name,
            role="roles/iam.serviceAccountUser",
            member=DEPLOYER,
        )
        pool = gcp.iam.WorkloadIdentityPool("pool", workload_identity_pool_id="pool-a")
        provider = gcp.iam.WorkloadIdentityPoolProvider(
            "provider",
            workload_identity_pool_id=pool.workload_identity_pool_id,
            workload_identity_pool_provider_id="provider-a",
            attribute_mapping={"google.subject": "assertion.sub"},
            attribute_condition=self.condition,
            oidc={"issuer_uri": "https://confidentialcomputing.googleapis.com/"},
        )
        repository = gcp.artifactregistry.Repository(
            "repository", repository_id="repo-a", location="us-west1", format="DOCKER"
        )
        gcp.artifactregistry.RepositoryIamMember(
            "pulls",
            repository=repository.name,
            location=repository.location,
            role="roles/artifactregistry.reader",
            member=account.member,
        )
        network = gcp.compute.Network("network", name="net-a", auto_create_subnetworks=False)
        subnetwork = gcp.compute.Subnetwork(
            "subnetwork",
            name="sub-a",
            network=network.id,
            ip_cidr_range="10.0.0.0/24",
            private_ip_google_access=True,
        )
        gcp.compute.Firewall(
            "firewall",
            name="fw-a",
            network=network.id,
            direction="INGRESS",
            denies=[{"protocol": "all"}],
            source_ranges=["0.0.0.0/0"],
        )
        vm = gcp.compute.Instance(
            "vm",
            name="vm-a",
            machine_type="n2d-standard-2",
            boot_disk={"initialize_params": {"image": IMAGE, "size": 20}},
            network_interfaces=[{"subnetwork": subnetwork.id}],
            service_account={"email": account.email, "scopes": [SCOPE]},
            confidential_instance_config={"confidential_instance_type": self.confidential},
            shielded_instance_config={"enable_secure_boot": True},
            scheduling={"on_host_maintenance": "MIGRATE"},
            metadata=self.metadata,
            opts=ResourceOptions(
                depends_on=[acts, api],
                replace_on_changes=self.replace_on_changes,
                # The plugin would change these in place, so it sets no order of replacement.
                delete_before_replace=True,
            ),
        )
        self._fleet(bucket, subnetwork, account, acts)
        export("member", account.member)
        export("pool", pool.name)
        export("provider", provider.name)
        export("registry", repository.registry_uri)
        export("started", vm.creation_timestamp)
        export("url", bucket.url)

    def _fleet(
        self,
        bucket: gcp.storage.Bucket,
        subnetwork: gcp.compute.Subnetwork,
        account: gcp.serviceaccount.Account,
        acts: gcp.serviceaccount.IAMMember,
    ) -> None:
        """Messages, and a group of machines that follows their number."""
        identity = gcp.projects.ServiceIdentity("identity", service="pubsub.googleapis.com")
        topic = gcp.pubsub.Topic("topic", name="topic-a")
        work = gcp.pubsub.Subscription(
            "work",
            name="sub-a",
            topic=topic.id,
            ack_deadline_seconds=self.lease,
            expiration_policy={"ttl": ""},
            dead_letter_policy={"dead_letter_topic": topic.id, "max_delivery_attempts": 6},
        )
        gcp.pubsub.SubscriptionIAMMember(
            "takes", subscription=work.name, role="roles/pubsub.subscriber", member=identity.member
        )
        storage = gcp.storage.get_project_service_account_output()
        publishes = gcp.pubsub.TopicIAMMember(
            "publishes", topic=topic.name, role="roles/pubsub.publisher", member=storage.member
        )
        gcp.storage.Notification(
            "notification",
            bucket=bucket.name,
            topic=topic.id,
            payload_format="JSON_API_V1",
            event_types=["OBJECT_FINALIZE"],
            opts=ResourceOptions(depends_on=[publishes]),
        )
        template = gcp.compute.InstanceTemplate(
            "template",
            name_prefix="group-a-",
            machine_type=self.machine_type,
            disks=[{"source_image": IMAGE, "boot": True, "interface": "NVME"}],
            network_interfaces=[{"subnetwork": subnetwork.id}],
            service_account={"email": account.email, "scopes": [SCOPE]},
            confidential_instance_config={"confidential_instance_type": "SEV"},
            shielded_instance_config={"enable_secure_boot": True},
            scheduling={"on_host_maintenance": "TERMINATE"},
            metadata={"tee-restart-policy": "Never"},
            region="us-west1",
            opts=ResourceOptions(depends_on=[acts]),
        )
        group = gcp.compute.InstanceGroupManager(
            "group",
            name="group-a",
            base_instance_name="vm-of-group",
            versions=[{"instance_template": template.id}],
            update_policy={
                "type": "PROACTIVE",
                "minimal_action": "REPLACE",
                "max_surge_fixed": 0,
                "max_unavailable_fixed": 1,
            },
        )
        gcp.compute.Autoscaler(
            "autoscaler",
            name="group-a",
            target=group.id,
            autoscaling_policy={
                "min_replicas": 0,
                "max_replicas": self.most,
                "metrics": [
                    {
                        "name": "pubsub.googleapis.com/subscription/num_undelivered_messages",
                        "filter": "resource.type = pubsub_subscription AND"
                        ' resource.label.subscription_id = "sub-a"',
                        "single_instance_assignment": 4,
                    }
                ],
            },
        )


@pytest.fixture(scope="module")
def local() -> Iterator[LocalCloud]:
    """A running cloud with the two companies' empty projects."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as started:
        started.machines.least_seconds = GENUINE_PLUGIN_SECONDS
        # A picture that is uploaded makes a message, and that makes the group larger: its size, and
        # with it the fingerprint, must not change between two requests of one update.
        started.groups.paused = True
        yield started


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The program, with a picture to upload."""
    picture = tmp_path_factory.mktemp("picture") / "p.png"
    picture.write_bytes(b"\x89PNG first")
    return Program(picture)


@pytest.fixture(scope="module")
def stack(
    local: LocalCloud,
    pulumi_cli: Path,
    tmp_path_factory: pytest.TempPathFactory,
    program: Program,
) -> automation.Stack:
    """An empty stack with the plugin; its deployer has all permissions that the program needs."""
    tmp_path = tmp_path_factory.mktemp("engine")
    project = local.cloud.projects[PROJECT]
    project.policy.bindings = [
        {"role": role, "members": [DEPLOYER]}
        for company in COMPANIES.values()
        for role in (*company.roles, *company.fleet_roles)
    ]
    project.services |= {f"{name}.googleapis.com" for name in APIS}
    for folder in ("cli", "state", "home", "tmp"):
        (tmp_path / folder).mkdir()
    (tmp_path / "cli" / "bin").symlink_to(pulumi_cli)
    install(tmp_path / "home", Path(sys.executable), REPOSITORY, genuine_gcp_plugin())
    environment = {
        **local.environment(),
        "GOOGLE_OAUTH_ACCESS_TOKEN": local.cloud.mint(DEPLOYER),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "TMPDIR": str(tmp_path / "tmp"),  # the plugin leaves its copies of uploads there
    }
    options = automation.LocalWorkspaceOptions(
        env_vars=environment,
        pulumi_command=automation.PulumiCommand(root=str(tmp_path / "cli")),
    )
    created = automation.create_stack("test", "plugin", program, opts=options)
    places = {"project": PROJECT, "region": "us-west1", "zone": "us-west1-b"}
    created.set_all_config({f"gcp:{k}": automation.ConfigValue(v) for k, v in places.items()})
    return created


def changed(result: automation.PreviewResult) -> dict[str, int]:
    """The number of each operation in a preview, without unchanged resources."""
    return {str(op): count for op, count in result.change_summary.items() if op != "same"}


def test_up_creates_everything_once(stack: automation.Stack, local: LocalCloud) -> None:
    """The outputs are Google's; the next preview shows no change."""
    outputs = {name: output.value for name, output in stack.up().outputs.items()}
    assert outputs == {
        "member": f"serviceAccount:plugin-sa@{PROJECT}.iam.gserviceaccount.com",
        "pool": POOL,
        "provider": PROVIDER,
        "registry": f"us-west1-docker.pkg.dev/{PROJECT}/repo-a",
        "started": local.cloud.instances[INSTANCE].doc["creationTimestamp"],
        "url": "gs://plugin-test-bucket",
    }
    assert changed(stack.preview(expect_no_changes=True)) == {}


def test_condition_metadata_and_labels_change_in_place(
    stack: automation.Stack, program: Program, local: LocalCloud
) -> None:
    """The machine stays, and so does a group that gets another template. A file is replaced."""
    cloud = local.cloud
    group = cloud.groups[GROUP].doc["id"]
    program.lease, program.most, program.machine_type = 30, 2, "n2d-standard-4"
    machine = cloud.instances[INSTANCE].id
    program.condition = "assertion.swname == 'CONFIDENTIAL_SPACE' && assertion.secboot == true"
    program.metadata = {"tee-restart-policy": "Never", "run": "again"}
    program.labels = {"cost": "b", "team": "c"}
    program.picture.write_bytes(b"\x89PNG second")
    assert changed(stack.preview()) == {"update": 6, "replace": 2}
    stack.up(refresh=True)  # the autoscaler has changed the group since
    (template,) = cloud.templates.values()
    assert template["properties"]["machineType"] == program.machine_type
    live = cloud.groups[GROUP].doc
    assert (live["id"], live["instanceTemplate"].split("/")[-1]) == (group, template["name"])
    (autoscaler,) = cloud.autoscalers.values()
    assert autoscaler.doc["autoscalingPolicy"]["maxNumReplicas"] == program.most
    assert cloud.subscriptions[SUBSCRIPTION].doc["ackDeadlineSeconds"] == program.lease
    assert cloud.providers[PROVIDER].doc["attributeCondition"] == program.condition
    assert cloud.instances[INSTANCE].metadata == program.metadata
    assert cloud.instances[INSTANCE].id == machine
    bucket = cloud.buckets["plugin-test-bucket"]
    assert bucket.meta["labels"] == {**program.labels, "goog-pulumi-provisioned": "true"}
    assert bucket.objects["a/p.png"].data == b"\x89PNG second"


def test_a_bucket_that_moves_is_replaced_with_its_objects(
    stack: automation.Stack, program: Program, local: LocalCloud
) -> None:
    """And a machine, if the program asks for it."""
    machine = local.cloud.instances[INSTANCE].id
    program.location = "us-east1"
    program.replace_on_changes = ["metadata", "confidentialInstanceConfig"]
    program.metadata = {"tee-restart-policy": "Always"}
    replaced: dict[str, list[str]] = {}

    def note(event: events.EngineEvent) -> None:
        step = event.resource_pre_event and event.resource_pre_event.metadata
        if step and step.op == "replace":
            replaced[step.urn.rpartition("::")[2]] = step.keys or []

    stack.preview(on_event=note)
    assert (replaced["bucket"], replaced["vm"]) == (["location"], ["metadata"])
    stack.up()
    bucket = local.cloud.buckets["plugin-test-bucket"]
    assert bucket.meta["location"] == "US-EAST1"
    assert set(bucket.objects) == {"a/p.png"}
    assert bucket.policy.members("roles/storage.objectViewer")
    assert bucket.notifications
    assert local.cloud.instances[INSTANCE].id != machine
    assert local.cloud.instances[INSTANCE].metadata == program.metadata


def test_refresh_finds_changes_by_hand_and_up_reverts_them(
    stack: automation.Stack, local: LocalCloud
) -> None:
    """A loosened condition and bucket, a removed grant, and an exchanged picture in the bucket.

    The preview shows the live value, and the value after the update.
    """
    cloud, bucket = local.cloud, local.cloud.buckets["plugin-test-bucket"]
    condition = cloud.providers[PROVIDER].doc["attributeCondition"]
    cloud.providers[PROVIDER].doc["attributeCondition"] = "assertion.swname != ''"
    bucket.meta["iamConfiguration"]["publicAccessPrevention"] = "inherited"
    bucket.policy.bindings = []
    bucket.objects["a/p.png"].meta["md5Hash"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    preview = stack.preview(refresh=True, diff=True, color="never")
    assert '"inherited" => "enforced"' in preview.stdout
    assert f'"assertion.swname != \'\'" => "{condition}"' in preview.stdout
    stack.refresh()
    assert changed(stack.preview()) == {"update": 3, "create": 1}
    stack.up()
    assert bucket.meta["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    assert cloud.providers[PROVIDER].doc["attributeCondition"] == condition
    assert bucket.policy.members("roles/storage.objectViewer")


def test_another_confidential_type_is_reported_and_never_applied(
    stack: automation.Stack, program: Program, local: LocalCloud
) -> None:
    """Danger: the update succeeds, the machine is unchanged, the next preview shows it again."""
    program.replace_on_changes = []
    program.confidential = "TDX"
    stack.up()
    doc = local.cloud.instances[INSTANCE].doc
    assert doc["confidentialInstanceConfig"] == {"confidentialInstanceType": "SEV"}
    assert changed(stack.preview()) == {"update": 1}
    program.replace_on_changes = ["confidentialInstanceConfig"]
    assert changed(stack.preview()) == {"replace": 1}


def test_destroy_leaves_only_reserved_ids_and_enabled_apis(
    stack: automation.Stack, local: LocalCloud
) -> None:
    """Others may use the APIs."""
    local.groups.paused = False
    stack.destroy()
    cloud = local.cloud
    left = cloud.buckets, cloud.service_accounts, cloud.repositories, cloud.networking
    assert left == ({}, {}, {}, {})
    of_fleet = cloud.topics, cloud.subscriptions, cloud.templates, cloud.groups, cloud.autoscalers
    assert of_fleet == ({}, {}, {}, {}, {})
    assert not cloud.instances
    assert all(pool.deleted_at for pool in cloud.pools.values())
    assert cloud.projects[PROJECT].policy.members("roles/logging.logWriter") == set()
    assert "sts.googleapis.com" in cloud.projects[PROJECT].services
