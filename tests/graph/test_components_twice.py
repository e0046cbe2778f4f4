"""Each component can be declared twice in one stack, under physical names that its args give."""

from __future__ import annotations

import pulumi
import pytest

from infra import program
from infra.attestation.release_policy import AttestationPolicy
from infra.components.confidential_vm import ConfidentialMachine, ConfidentialMachineArgs
from infra.components.model_release import ModelRelease, ModelReleaseArgs
from infra.components.private_bucket import PrivateBucket, PrivateBucketArgs
from infra.components.private_network import PrivateNetwork, PrivateNetworkArgs
from infra.config import machine_types
from tests.fixtures.stack_files import committed
from tests.graph.mocked import HANDOVER, Graph, deploy

DIGEST = "sha256:" + "aa" * 32


def two_of_each() -> None:
    """Declare two of each component that has children."""
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
                project_number="111111111111",
                pool=f"{name}-pool",
                provider=f"{name}-provider",
                policy=lambda _: pulumi.Output.from_input(policy),
                configured_digests=(DIGEST,),
                built_digest=pulumi.Output.from_input(DIGEST),
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
            ),
        )
        ConfidentialMachine(
            name,
            ConfidentialMachineArgs(
                instance=f"{name}-vm",
                project=project,
                zone="us-west1-b",
                labels={},
                family=machine_types.family("SEV", "n2d-standard-2"),
                machine_type="n2d-standard-2",
                image="image",
                subnetwork=network.subnetwork,
                service_account="account",
                metadata={},
                after=[],
            ),
        )


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Graph:
    """The resources of a program that declares two of each component."""
    monkeypatch.setattr(program, "run", two_of_each)
    return deploy("primus", committed("primus"))


def test_two_of_each_component_share_no_urn(graph: Graph) -> None:
    """The engine refuses a program that registers one URN twice; the mocks do not."""
    urns = [resource.urn for resource in graph.resources]
    assert len(graph.all("ModelRelease")) == len(graph.all("ConfidentialMachine")) == 2
    assert sorted(urns) == sorted(set(urns))


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
