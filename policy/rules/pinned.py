"""What a deployment must be, written here a second time on purpose.

The program has the same in `infra`. Whoever changes it there must change it here, too, in a file
with its own owners. A rule that took it from the program would accept the change that it must stop.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER: Final = "https://confidentialcomputing.googleapis.com/"
TOKEN_AUDIENCE: Final = "https://sts.googleapis.com"  # noqa: S105  an address, not a password

_DIGEST_CLAIM: Final = "assertion.submods.container.image_digest"
MAPPING: Final[Mapping[str, str]] = {
    "google.subject": (
        f'"gcpcs::" + {_DIGEST_CLAIM} + "::" + assertion.submods.gce.project_number'
        ' + "::" + assertion.submods.gce.instance_id'
    ),
    "attribute.image_digest": _DIGEST_CLAIM,
    "attribute.built_image_digest": _DIGEST_CLAIM,
}

DIGEST: Final = r"sha256:[0-9a-f]{64}"
ATTESTED: Final = re.compile(
    r"(principalSet://iam\.googleapis\.com/projects/[0-9]+/locations/global"
    rf"/workloadIdentityPools/[a-z0-9-]+)/attribute\.(built_)?image_digest/{DIGEST}"
)
"""An attested image as the member of a grant; the first group is its pool."""

_CONTAINER: Final = "assertion.submods.container"
_SPACE: Final = "assertion.submods.confidential_space"
CLAUSES: Final[Mapping[str, str]] = {
    "swname": "assertion.swname == 'CONFIDENTIAL_SPACE'",
    "submods.confidential_space.support_attributes": f"'STABLE' in {_SPACE}.support_attributes",
    "dbgstat": "assertion.dbgstat == 'disabled-since-boot'",
    "secboot": "assertion.secboot == true",
    "hwmodel": "assertion.hwmodel in [<hardware>]",
    "submods.confidential_space.monitoring_enabled.memory": (
        f"{_SPACE}.monitoring_enabled.memory == false"
    ),
    "submods.nvidia_gpu": "!has(assertion.submods.nvidia_gpu)",
    "submods.container.image_digest": f"{_DIGEST_CLAIM} in [<digests>]",
    "submods.container.args": f"{_CONTAINER}.args == ['python', '-m', 'workload']",
    "submods.container.cmd_override": (
        f"(!has({_CONTAINER}.cmd_override) || size({_CONTAINER}.cmd_override) == 0)"
    ),
    "submods.container.env_override": (
        f"(!has({_CONTAINER}.env_override) || {_CONTAINER}.env_override.all(name, name in"
        " ['INPUT_URI', 'MODEL_AUDIENCE', 'MODEL_READER', 'MODEL_SHA256', 'MODEL_URI',"
        " 'RESULT_URI', 'SUBSCRIPTION']))"
    ),
    "submods.container.env.MODEL_SHA256": f"{_CONTAINER}.env.MODEL_SHA256 in [<hashes>]",
    "submods.container.env.MODEL_URI": (
        f"{_CONTAINER}.env.MODEL_URI == 'gs://<bucket>/models/' + {_CONTAINER}.env.MODEL_SHA256"
        " + '/model.tar.gz'"
    ),
    "submods.container.env.MODEL_AUDIENCE": (
        f"{_CONTAINER}.env.MODEL_AUDIENCE =="
        " '//iam.googleapis.com/projects/<number>/locations/global'"
        " + '/workloadIdentityPools/<id>/providers/<id>'"
    ),
    "submods.container.env.MODEL_READER": f"{_CONTAINER}.env.MODEL_READER == '<account>'",
    "submods.gce.project_number": "assertion.submods.gce.project_number == '<number>'",
    "google_service_accounts": (
        "size(assertion.google_service_accounts) == 1"
        " && assertion.google_service_accounts[0] == '<account>'"
    ),
}
"""By claim, its clause in one line. A name between angle brackets is a value that may differ."""

_HARDWARE: Final = "'(GCP_AMD_SEV|GCP_INTEL_TDX)'"
_HASH: Final = "'[0-9a-f]{64}'"
_VALUES: Final[Mapping[str, str]] = {
    "account": r"[a-z0-9-]+@[a-z0-9-]+\.iam\.gserviceaccount\.com",
    "bucket": "[a-z0-9_-]+",
    "digests": f"'{DIGEST}'(, '{DIGEST}')*",
    "hardware": f"{_HARDWARE}(, {_HARDWARE})*",
    "hashes": f"{_HASH}(, {_HASH})*",
    "id": "[a-z0-9-]+",
    "number": "[0-9]+",
}

ONE_MODEL: Final = re.compile(
    r'resource\.name\.startsWith\("projects/_/buckets/(?P<bucket>[a-z0-9_-]+)/objects'
    r'/models/(?P<sha256>[0-9a-f]{64})/model\.tar\.gz"\)'
)
"""The condition of a grant for one model."""

METADATA_KEYS: Final = frozenset(
    {
        "run",
        "serial-port-logging-enable",
        "tee-env-INPUT_URI",
        "tee-env-MODEL_AUDIENCE",
        "tee-env-MODEL_READER",
        "tee-env-MODEL_SHA256",
        "tee-env-MODEL_URI",
        "tee-env-RESULT_URI",
        "tee-env-SUBSCRIPTION",
        "tee-image-reference",
        "tee-restart-policy",
    }
)
IMAGE_REFERENCE: Final = rf"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+((\.|_{{1,2}}|-+)[a-z0-9]+)*)+@{DIGEST}"
CONFIDENTIAL_SPACE: Final = (
    r"projects/confidential-space-images/global/images/"
    r"confidential-space-(?!.*(debug|preview))[a-z0-9-]*[0-9]"
)
CONFIDENTIAL_TYPES: Final = ("SEV", "TDX")
MOST_MACHINES: Final = 1000
"""Of one group."""


def is_pinned(claim: str, clause: str) -> bool:
    """Whether a clause, in one line, is the one about its claim."""
    pattern = re.sub("<([a-z]+)>", lambda name: _VALUES[name[1]], re.escape(CLAUSES[claim]))
    return re.fullmatch(pattern, clause) is not None
