"""The claims of an attestation token about a machine and its container.

The launcher provides the facts, `token_issuer` signs. Claims of GPUs, nonces and image signatures
are not modelled.
https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.cloud.confidential_space.launch_spec import Monitoring
from rehearsal.cloud.confidential_space.token_issuer import ISSUER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.confidential_space.launch_spec import LaunchSpec
    from rehearsal.cloud.state import Instance, Json, Project

AUDIENCE = "https://sts.googleapis.com"
PROFILE = (
    "https://cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims"
)
LIFETIME_SECONDS = 3600
GOOGLE_OEM_ID = 11129
"""Google's IANA private enterprise number."""

TCB_DATE, TCB_EVALUATION = "2024-03-13T00:00:00Z", 17
"""The firmware of Intel TDX machines in published tokens; the values do not matter here."""

BOOT_IMAGE = re.compile(
    r".*/projects/confidential-space-images/global/images/confidential-space(-debug)?-(\d+)"
)

HARDWARE = {"SEV": "GCP_AMD_SEV", "TDX": "GCP_INTEL_TDX", None: "GCP_SHIELDED_VM"}


@dataclass(frozen=True)
class BootImage:
    """The Confidential Space image that a VM was booted from."""

    debug: bool
    version: str

    @classmethod
    def named(cls, source: str) -> BootImage | None:
        """The image that a `sourceImage` names; None if it is not a Confidential Space image."""
        found = BOOT_IMAGE.fullmatch(source)
        return cls(found[1] is not None, found[2]) if found else None


@dataclass(frozen=True)
class Container:
    """The container as it will run: its image, and its complete argv and environment."""

    digest: str
    image_id: str
    args: tuple[str, ...]
    env: Mapping[str, str]


def confidential_type(instance: Instance) -> str | None:
    """The VM's confidential computing technology; None for a VM without."""
    config = instance.doc.get("confidentialInstanceConfig") or {}
    return config.get("confidentialInstanceType") or (
        "SEV" if config.get("enableConfidentialCompute") else None
    )


def claims(
    instance: Instance,
    project: Project,
    boot: BootImage,
    spec: LaunchSpec,
    container: Container,
    now: float,
) -> Json:
    """Every claim of the default token; `now` in seconds since the epoch.

    KeyError for a confidential type that cannot be attested.
    """
    issued = int(now)
    shielded = instance.doc.get("shieldedInstanceConfig") or {}
    technology = confidential_type(instance)
    token_claims: Json = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"https://www.googleapis.com/compute/v1/projects/{project.id}"
        f"/zones/{instance.zone}/instances/{instance.name}",
        "iat": issued,
        "nbf": issued,
        "exp": issued + LIFETIME_SECONDS,
        "eat_profile": PROFILE,
        "secboot": shielded.get("enableSecureBoot", False),
        "oemid": GOOGLE_OEM_ID,
        "hwmodel": HARDWARE[technology],
        "swname": "CONFIDENTIAL_SPACE",
        "swversion": [boot.version],
        "dbgstat": "enabled" if boot.debug else "disabled-since-boot",
        "google_service_accounts": [
            *filter(None, [instance.service_account]),
            *spec.impersonated,
        ],
        "submods": {
            "confidential_space": {
                # A debug image is never STABLE; a recorded debug token has the other two.
                "support_attributes": ["LATEST", *([] if boot.debug else ["STABLE"]), "USABLE"],
                "monitoring_enabled": {"memory": spec.monitoring is Monitoring.MEMORY_ONLY},
            },
            "container": _container(spec, container),
            "gce": {
                "zone": instance.zone,
                "project_id": project.id,
                "project_number": project.number,
                "instance_name": instance.name,
                "instance_id": instance.id,
            },
        },
    }
    if technology == "TDX":
        token_claims["attester_tcb"] = ["INTEL"]
        # As in tokens of 2026; Google's page describes a list with one such object.
        token_claims["tdx"] = {
            "gcp_attester_tcb_status": "UpToDate",
            "gcp_attester_tcb_date": TCB_DATE,
            "tcb_evaluation_data_number": TCB_EVALUATION,
        }
    return token_claims


def _container(spec: LaunchSpec, container: Container) -> Json:
    overrides: Json = {}
    if spec.command:
        overrides["cmd_override"] = list(spec.command)
    if spec.env:
        overrides["env_override"] = dict(spec.env)
    # Without an override the claim is absent, not empty: a condition must handle both.
    return {
        "image_reference": spec.image_reference,
        "image_digest": container.digest,
        "image_id": container.image_id,
        "restart_policy": spec.restart_policy,
        "args": list(container.args),
        "env": dict(container.env),
        **overrides,
    }
