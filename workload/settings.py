"""Reads the settings of a launch from the environment: six for one machine, seven for a fleet.

They come from `tee-env-*` metadata that the operator writes, so they are validated like any input.
None is a secret: metadata, token and launcher log show them. None decides about the release of the
model: the condition of the model's owner does, on the measured token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workload.errors import Detail, Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

OVERRIDABLE = (
    "MODEL_URI",
    "MODEL_SHA256",
    "MODEL_AUDIENCE",
    "MODEL_READER",
    "INPUT_URI",
    "RESULT_URI",
    "SUBSCRIPTION",
)
"""The settings of the operator, in the order of the image's label `allow_env_override`."""

OPTIONAL = frozenset({"SUBSCRIPTION"})
"""Set on each machine of a fleet, and on no other machine."""

TOKEN_FILE = "/run/container_launcher/attestation_verifier_claims_token"  # noqa: S105  a path
"""The Confidential Space launcher keeps a fresh attestation token there."""

GRANT_SECONDS = 480
"""How long to wait until a grant is in force: the documented maximum (seven minutes) plus one.
https://cloud.google.com/iam/docs/access-change-propagation"""

MODEL_SECONDS = 900
"""For one call of the model: a batch of the largest classifiers takes some seconds on one core."""

_BUCKET = r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])"
_PATTERNS = {
    "MODEL_URI": _BUCKET + r"/(?P<object>[^\r\n]{1,1024})",
    "MODEL_SHA256": r"[0-9a-f]{64}",
    "MODEL_AUDIENCE": (
        r"//iam\.googleapis\.com/projects/[0-9]+/locations/global"
        r"/workloadIdentityPools/[a-z0-9-]{4,32}/providers/[a-z0-9-]{4,32}"
    ),
    # It becomes part of a URL: allow no character that could change the request's target.
    "MODEL_READER": r"[a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z0-9][a-z0-9.-]*\.iam\.gserviceaccount\.com",
    "INPUT_URI": _BUCKET,
    "RESULT_URI": _BUCKET,
    # It becomes part of a URL, too.
    # https://docs.cloud.google.com/pubsub/docs/pubsub-basics#resource_names
    "SUBSCRIPTION": (
        r"projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/subscriptions/[A-Za-z][A-Za-z0-9._~-]{2,254}"
    ),
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Validated settings: what to read, with which identity, and where to write results."""

    model_bucket: str
    model_object: str
    model_sha256: str
    model_audience: str
    model_reader: str
    input_bucket: str
    result_bucket: str
    token_file: Path
    grant_seconds: float
    subscription: str | None = None
    """where a machine of a fleet gets its work; None: it classifies the whole bucket once"""


def parse(environment: Mapping[str, str]) -> Settings:
    """The settings of a launch; raises SETTINGS_INVALID with a sentence for each problem."""
    matches = {
        name: re.fullmatch(_PATTERNS[name], environment.get(name, "")) for name in OVERRIDABLE
    }
    valid = {name: match for name, match in matches.items() if match}
    unset = OPTIONAL - environment.keys()
    problems = [Detail[name] for name in OVERRIDABLE if name not in {*valid, *unset}]
    if "INPUT_URI" in valid and "RESULT_URI" in valid:
        buckets = valid["INPUT_URI"]["bucket"], valid["RESULT_URI"]["bucket"]
        # The listing of pictures would contain the results.
        problems += [Detail.SAME_BUCKET] if buckets[0] == buckets[1] else []
    if problems:
        raise WorkloadError(Failure.SETTINGS_INVALID, *problems)
    return Settings(
        model_bucket=valid["MODEL_URI"]["bucket"],
        model_object=valid["MODEL_URI"]["object"],
        model_sha256=valid["MODEL_SHA256"][0],
        model_audience=valid["MODEL_AUDIENCE"][0],
        model_reader=valid["MODEL_READER"][0],
        input_bucket=valid["INPUT_URI"]["bucket"],
        result_bucket=valid["RESULT_URI"]["bucket"],
        subscription=valid["SUBSCRIPTION"][0] if "SUBSCRIPTION" in valid else None,
        token_file=Path(environment.get("ATTESTATION_TOKEN_FILE", TOKEN_FILE)),
        grant_seconds=grant_seconds(environment),
    )


def grant_seconds(environment: Mapping[str, str]) -> float:
    """How long to wait for a grant; only the local cloud sets it (0: its grants are immediate)."""
    return float(environment.get("GRANT_SECONDS", GRANT_SECONDS))


def in_fleet(environment: Mapping[str, str]) -> bool:
    """Whether this machine belongs to a fleet, even if its settings are invalid."""
    return "SUBSCRIPTION" in environment


def machine(environment: Mapping[str, str]) -> str:
    """The name of the virtual machine: the launcher sets HOSTNAME after the operator's settings."""
    name = environment.get("HOSTNAME", "").partition(".")[0]
    return name if re.fullmatch(r"[a-z][a-z0-9-]{0,62}", name) else "unknown"


def result_bucket(environment: Mapping[str, str]) -> str:
    """The bucket for the result, even if other settings are invalid; raises like `parse`."""
    match = re.fullmatch(_PATTERNS["RESULT_URI"], environment.get("RESULT_URI", ""))
    return match["bucket"] if match else parse(environment).result_bucket
