"""The claims of a token, from the machine, the image and the operator's settings."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.cloud.confidential_space import launch_spec
from rehearsal.cloud.confidential_space.claims import BootImage, Container, claims
from rehearsal.cloud.state import Instance, Json, Project

PRODUCTION = BootImage(debug=False, version="260900")
CONTAINER = Container("sha256:d", "sha256:c", ("python", "-m", "x"), {"A": "2", "HOSTNAME": "vm"})
GOOGLES = "https://x/projects/confidential-space-images/global/images"
ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"


def token(
    boot: BootImage = PRODUCTION, metadata: dict[str, str] | None = None, **doc: Any
) -> dict[str, Any]:
    """The claims of a machine that differs in some fields from the usual one."""
    usual: Json = {
        "serviceAccounts": [{"email": ACCOUNT}],
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "shieldedInstanceConfig": {"enableSecureBoot": True},
    }
    attributes = {"tee-image-reference": "us-west1-docker.pkg.dev/p/r/i:v1", **(metadata or {})}
    return claims(
        Instance("77", "secundus-vision", "us-west1-b", "vm", {**usual, **doc}),
        Project("secundus-vision", "222222222222"),
        boot,
        launch_spec.parse(attributes, hardened=not boot.debug),
        CONTAINER,
        1_700_000_000.9,
    )


def test_a_launch_without_overrides_has_exactly_these_claims() -> None:
    """An override that was not set has no claim: a condition must handle that."""
    assert token() == {
        "iss": "https://confidentialcomputing.googleapis.com",
        "aud": "https://sts.googleapis.com",
        "sub": "https://www.googleapis.com/compute/v1/projects/secundus-vision/zones/us-west1-b"
        "/instances/vm",
        "iat": 1_700_000_000,
        "nbf": 1_700_000_000,
        "exp": 1_700_003_600,
        "eat_profile": "https://cloud.google.com/confidential-computing/confidential-space/docs"
        "/reference/token-claims",
        "secboot": True,
        "oemid": 11129,
        "hwmodel": "GCP_AMD_SEV",
        "swname": "CONFIDENTIAL_SPACE",
        "swversion": ["260900"],
        "dbgstat": "disabled-since-boot",
        "google_service_accounts": [ACCOUNT],
        "submods": {
            "confidential_space": {
                "support_attributes": ["LATEST", "STABLE", "USABLE"],
                "monitoring_enabled": {"memory": False},
            },
            "container": {
                "image_reference": "us-west1-docker.pkg.dev/p/r/i:v1",
                "image_digest": "sha256:d",
                "image_id": "sha256:c",
                "restart_policy": "Never",
                "args": ["python", "-m", "x"],
                "env": {"A": "2", "HOSTNAME": "vm"},
            },
            "gce": {
                "zone": "us-west1-b",
                "project_id": "secundus-vision",
                "project_number": "222222222222",
                "instance_name": "vm",
                "instance_id": "77",
            },
        },
    }


def test_each_override_of_the_operator_is_in_the_token() -> None:
    """Command, variables, restarts, monitoring and accounts."""
    found = token(
        metadata={
            "tee-cmd": '["y"]',
            "tee-env-A": "2",
            "tee-restart-policy": "Always",
            "tee-monitoring-memory-enable": "true",
            "tee-impersonate-service-accounts": "other@p.iam",
        }
    )
    container = found["submods"]["container"]
    assert container["cmd_override"] == ["y"]
    assert container["env_override"] == {"A": "2"}
    assert container["restart_policy"] == "Always"
    assert found["submods"]["confidential_space"]["monitoring_enabled"]["memory"] is True
    assert found["google_service_accounts"] == [ACCOUNT, "other@p.iam"]


def test_monitoring_of_everything_leaves_the_memory_claim_false() -> None:
    """As in the real launcher: only the level `memoryOnly` sets it."""
    found = token(metadata={"tee-monitoring-enable": "all"})
    assert found["submods"]["confidential_space"]["monitoring_enabled"]["memory"] is False


@pytest.mark.parametrize(
    ("config", "hardware"),
    [
        ({"confidentialInstanceType": "SEV"}, "GCP_AMD_SEV"),
        ({"confidentialInstanceType": "TDX"}, "GCP_INTEL_TDX"),
        ({"enableConfidentialCompute": True}, "GCP_AMD_SEV"),
        (None, "GCP_SHIELDED_VM"),
    ],
)
def test_the_hardware_claim_is_that_of_the_machine(config: Json | None, hardware: str) -> None:
    """A machine without memory encryption gets a token, too, and the token says so."""
    assert token(confidentialInstanceConfig=config)["hwmodel"] == hardware


def test_a_tdx_machine_has_claims_about_its_firmware() -> None:
    """Trusted computing base of TDX."""
    found = token(confidentialInstanceConfig={"confidentialInstanceType": "TDX"})
    assert found["attester_tcb"] == ["INTEL"]
    assert found["tdx"] == {
        "gcp_attester_tcb_status": "UpToDate",
        "gcp_attester_tcb_date": "2024-03-13T00:00:00Z",
        "tcb_evaluation_data_number": 17,
    }


def test_a_sev_snp_machine_gets_no_claims() -> None:
    """Google's attestation service does not support it."""
    with pytest.raises(KeyError, match="SEV_SNP"):
        token(confidentialInstanceConfig={"confidentialInstanceType": "SEV_SNP"})


def test_a_debug_image_is_not_stable_and_has_debugging_enabled() -> None:
    """Both claims tell it apart from a production image."""
    found = token(BootImage(debug=True, version="260900"))
    assert found["dbgstat"] == "enabled"
    assert "STABLE" not in found["submods"]["confidential_space"]["support_attributes"]


@pytest.mark.parametrize("config", [None, {}, {"enableSecureBoot": False}])
def test_secure_boot_is_false_by_default(config: Json | None) -> None:
    """Compute Engine's default."""
    assert token(shieldedInstanceConfig=config)["secboot"] is False


@pytest.mark.parametrize(
    ("source", "boot"),
    [
        (f"{GOOGLES}/confidential-space-260800", BootImage(debug=False, version="260800")),
        (f"{GOOGLES}/confidential-space-debug-260900", BootImage(debug=True, version="260900")),
        ("images/debian-13", None),
        (f"{GOOGLES}/my-confidential-space-260800", None),
        ("projects/own/global/images/confidential-space-260800", None),
        ("", None),
    ],
)
def test_only_confidential_space_images_have_a_launcher(
    source: str, boot: BootImage | None
) -> None:
    """The image's name decides."""
    assert BootImage.named(source) == boot
