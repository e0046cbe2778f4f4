"""Each component can be declared twice in one stack, under physical names that its args give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from infra import program
from infra.attestation.release_policy import AttestationPolicy
from infra.components.confidential_vm import ConfidentialMachine, ConfidentialMachineArgs
from infra.components.fleet import Fleet, FleetArgs
from infra.components.model_release import ModelRelease, ModelReleaseArgs
from infra.components.pinned_machine import PinnedMachine
from infra.components.primus import Primus, PrimusArgs
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.private_network import PrivateNetwork, PrivateNetworkArgs
from infra.components.secundus import Secundus, SecundusArgs
from infra.components.work_queue import WorkQueueArgs
from infra.config import (
    fleet_settings,
    machine_types,
    model_archives,
    picture_folder,
    primus_settings,
    secundus_settings,
)
from infra.handover import Handover
from tests.fixtures.stack_files import committed
from tests.graph.mocked import HANDOVER, Graph, deploy

if TYPE_CHECKING:
    from collections.abc import Callable

DIGEST = "sha256:" + "aa" * 32


def two_of_each() -> None:
    """Declare two of each part of a company."""
    policy = AttestationPolicy(
        image_digests=(DIGEST,),
        arguments=("python", "-m", "workload"),
        model_hashes=("c3" * 32,),
        environment=("MODEL_URI",),
        model_bucket="primus-models",
        audience=HANDOVER["audience"],
        model_reader="reader@primus-models.iam.gserviceaccount.com",
        hardware=("GCP_AMD_SEV",),
        project_number="222222222222",
        service_account="workload-sa@secundus-vision.iam.gserviceaccount.com",
    )
    project = pulumi.Output.from_input("primus-models")  # an output, as a caller could have
    for name in ("red", "blue"):
        bucket = PrivateBucket(
            name,
            PrivateBucketArgs(
                bucket=pulumi.Output.from_input(f"{name}-bucket"),
                project=project,
                location="us-west1",
                labels={},
                force_destroy=False,
            ),
        )
        bucket.grant("reader", "roles/storage.objectViewer", "allUsers")
        ModelRelease(
            name,
            ModelReleaseArgs(
                project=project,
                project_number=pulumi.Output.from_input("111111111111"),
                pool=pulumi.Output.from_input(f"{name}-pool"),
                provider=pulumi.Output.from_input(f"{name}-provider"),
                suffix_scope=(),
                policy=lambda _: pulumi.Output.from_input(policy),
                configured_digests=(DIGEST,),
                built_digest=pulumi.Output.from_input(DIGEST),
                declared=policy,
                reader="reader",
                known_once_created=pulumi.Output.from_input("created"),
            ),
        )
        network = PrivateNetwork(
            name,
            PrivateNetworkArgs(
                project=project,
                region="us-west1",
                network=f"{name}-network",
                subnetwork=f"{name}-subnet",
                firewall=f"{name}-firewall",
                account=f"{name}@primus-models.iam.gserviceaccount.com",
            ),
        )
        machine = PinnedMachine(
            project=project,
            labels={},
            family=machine_types.family("SEV", "n2d-standard-2"),
            machine_type="n2d-standard-2",
            image="image",
            subnetwork=network.subnetwork,
            service_account="account",
            metadata={},
        )
        ConfidentialMachine(
            name,
            ConfidentialMachineArgs(
                instance=f"{name}-vm", zone="us-west1-b", machine=machine, after=[]
            ),
        )
        Fleet(
            f"{name}-fleet",
            FleetArgs(
                settings=fleet_settings.Fleet(
                    zones=("us-west1-a", "us-west1-b"),
                    most_machines=4,
                    least_machines=0,
                    provisioning="spot",
                    pictures_per_slice=512,
                    backlog_per_machine=4,
                    stream=False,
                    submitters=(),
                ),
                machine=machine,
                base_instance=f"{name}-vm",
                group=f"{name}-group",
                region="us-west1",
                queue=WorkQueueArgs(
                    project="primus-models",
                    project_number="111111111111",
                    region="us-west1",
                    labels={},
                    topic=f"{name}-topic",
                    dead_letters=f"{name}-dead",
                    worker="serviceAccount:worker@primus-models.iam.gserviceaccount.com",
                    submitters=["user:a@x.example"],
                    grant_wait=0,
                    pictures=None,
                ),
                after=[],
            ),
        )


def named(stack: str, name: str, *keys: str) -> dict[str, Any]:
    """A committed configuration whose resources have physical names of their own."""
    return {**committed(stack), "names": {key: f"{name}-{key.lower()}" for key in keys}}


def two_primuses() -> None:
    """Declare Primus twice: each stores a model, builds an image and has its own pool."""
    for name in ("red", "blue"):
        keys = ("modelBucket", "serviceAccount", "pool", "provider", "repository")
        settings = primus_settings.parse(named("primus", name, *keys))
        models = model_archives.of_settings(settings)
        Primus(name, PrimusArgs(settings=settings, models=models))


def two_secunduses() -> None:
    """Declare Secundus twice: each uploads pictures of the same names."""
    peer = Handover(
        image=HANDOVER["image"],
        audience=HANDOVER["audience"],
        model_uri=HANDOVER["modelUri"],
        model_sha256=HANDOVER["modelSha256"],
        model_reader=HANDOVER["modelReader"],
    )
    for name in ("red", "blue"):
        keys = ("inputBucket", "resultBucket", "serviceAccount", "network", "subnetwork", "vm")
        settings = secundus_settings.parse(named("secundus", name, *keys))
        assert settings.pictures is not None
        folder = picture_folder.of_folder(settings.pictures, settings.names.input_bucket)
        args = SecundusArgs(
            settings=settings,
            pictures=folder.pictures,
            handover=pulumi.Output.from_input(peer),
            image=pulumi.Output.from_input(peer.image),
        )
        Secundus(name, args)


def declared(
    monkeypatch: pytest.MonkeyPatch, program_body: Callable[[], None], stack: str = "primus"
) -> Graph:
    """The resources of another program than ours."""
    monkeypatch.setattr(program, "run", program_body)
    return deploy(stack, committed(stack))


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Graph:
    """The resources of a program that declares two of each component."""
    return declared(monkeypatch, two_of_each)


@pytest.mark.parametrize(
    ("body", "kinds"),
    [
        (two_of_each, ["ModelRelease", "ConfidentialMachine"]),
        (two_primuses, ["Primus", "WorkloadImage", "Image", "BucketObject", "Stash"]),
        (two_secunduses, ["Secundus", "Uploads", "Instance"]),
    ],
)
def test_components_that_are_used_twice_share_no_urn(
    monkeypatch: pytest.MonkeyPatch, body: Callable[[], None], kinds: list[str]
) -> None:
    """The engine refuses a program that registers one URN twice; the mocks do not."""
    graph = declared(monkeypatch, body)
    assert {kind: len(graph.all(kind)) for kind in kinds} == dict.fromkeys(kinds, 2)
    urns = [resource.urn for resource in graph.resources]
    assert sorted(urns) == sorted(set(urns))


def test_model_release_takes_outputs_for_number_pool_and_provider(graph: Graph) -> None:
    """A grant has the number and the pool, the provider its id, as the outputs say."""
    pool, _ = (r.inputs["workloadIdentityPoolId"] for r in graph.all("WorkloadIdentityPool"))
    provider, _ = graph.all("WorkloadIdentityPoolProvider")
    assert provider.inputs["workloadIdentityPoolProviderId"] == "blue-provider"
    assert provider.inputs["workloadIdentityPoolId"] == pool
    assert pool.startswith("blue-pool-")
    grant, *_ = graph.all("IAMMember")
    assert grant.name.startswith("blue-release-")
    assert grant.inputs["member"].startswith(
        f"principalSet://iam.googleapis.com/projects/111111111111/locations/global"
        f"/workloadIdentityPools/{pool}/attribute."
    )


def test_physical_names_are_the_ones_in_the_arguments(graph: Graph) -> None:
    """No component makes up a name that a second one would take too."""
    for kind, suffix in (
        ("Bucket", "bucket"),
        ("Network", "network"),
        ("Subnetwork", "subnet"),
        ("Firewall", "firewall"),
        ("Instance", "vm"),
    ):
        names = [resource.inputs["name"] for resource in graph.all(kind)]
        assert names == [f"blue-{suffix}", f"red-{suffix}"]
