"""A policy for tests, and the claims of a token that it admits."""

from __future__ import annotations

import base64
import json
from typing import Any

from infra.attestation.release_policy import HARDWARE, AttestationPolicy
from infra.launch import ENVIRONMENT

DIGEST = "sha256:" + "a1" * 32
NEXT_DIGEST = "sha256:" + "b2" * 32
MODEL = "c3" * 32
BUCKET = "primus-models-model-bucket"
MODEL_URI = f"gs://{BUCKET}/models/{MODEL}/model.tar.gz"
AUDIENCE = (
    "//iam.googleapis.com/projects/111111111111/locations/global"
    "/workloadIdentityPools/primus-wip-1a2b3c/providers/primus-wip-provider"
)
READER = "primus-sa@primus-models.iam.gserviceaccount.com"
ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"
FIELDS: dict[str, Any] = {
    "image_digests": (DIGEST,),
    "arguments": ("python", "-m", "workload"),
    "model_hashes": (MODEL,),
    "environment": ENVIRONMENT,
    "model_bucket": BUCKET,
    "audience": AUDIENCE,
    "model_reader": READER,
    "hardware": HARDWARE,
    "project_number": "222222222222",
    "service_account": ACCOUNT,
}
TOLD = {
    "MODEL_URI": MODEL_URI,
    "MODEL_SHA256": MODEL,
    "MODEL_AUDIENCE": AUDIENCE,
    "MODEL_READER": READER,
    "INPUT_URI": "gs://secundus-vision-input-bucket",
    "RESULT_URI": "gs://secundus-vision-result-bucket",
}
"""What Secundus' stack tells the workload."""
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
                "env": {"HOSTNAME": "workload-vm", "PATH": "/usr/bin", **TOLD},
                "env_override": dict(TOLD),
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
