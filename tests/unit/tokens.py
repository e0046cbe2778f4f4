"""A policy for tests, and the claims of a token that it admits."""

from __future__ import annotations

import base64
import json
from typing import Any

from infra.attestation import HARDWARE, AttestationPolicy
from infra.launch import ENVIRONMENT

DIGEST = "sha256:" + "a1" * 32
NEXT_DIGEST = "sha256:" + "b2" * 32
MODEL = "c3" * 32
ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"
FIELDS: dict[str, Any] = {
    "image_digests": (DIGEST,),
    "arguments": ("python", "-m", "workload"),
    "model_hashes": (MODEL,),
    "environment": ENVIRONMENT,
    "hardware": HARDWARE,
    "project_number": "222222222222",
    "service_account": ACCOUNT,
}
Claims = dict[str, Any]


def policy(**changes: Any) -> AttestationPolicy:
    """The policy of the example, with some fields replaced."""
    return AttestationPolicy(**{**FIELDS, **changes})


def unsigned(claims: Any) -> str:
    """A token with these claims, for whoever does not look at its signature."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2lnbmF0dXJl"


def genuine() -> Claims:
    """The claims of a production token that Primus means to admit.

    Shape and values as Google documents them and as live tokens carry them; `cmd_override` and
    `env_override` are left out, as in current tokens, where nothing was overridden.
    https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
    """
    return {
        "iss": "https://confidentialcomputing.googleapis.com",
        "aud": "https://sts.googleapis.com",
        "sub": "https://www.googleapis.com/compute/v1/projects/secundus-vision/zones/us-west1-b"
        "/instances/workload-vm",
        "eat_profile": "https://cloud.google.com/confidential-computing/confidential-space/docs",
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
                "image_reference": f"us-west1-docker.pkg.dev/primus-models/r/workload@{DIGEST}",
                "image_digest": DIGEST,
                "image_id": "sha256:" + "d4" * 32,
                "restart_policy": "Never",
                "args": ["python", "-m", "workload"],
                "env": {"HOSTNAME": "workload-vm", "MODEL_SHA256": MODEL, "PATH": "/usr/bin"},
                "env_override": {"MODEL_SHA256": MODEL},
            },
            "gce": {
                "zone": "us-west1-b",
                "project_id": "secundus-vision",
                "project_number": "222222222222",
                "instance_name": "workload-vm",
                "instance_id": "5931486520014322321",
            },
        },
    }
