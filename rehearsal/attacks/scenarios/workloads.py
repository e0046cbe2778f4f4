"""Lies to the workload, which its own checks refuse before it loads a model.

Secundus' operator writes the settings, and may put archives where the reader reads. `models` has
the hostile archives of Primus itself.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.attacks import gates
from rehearsal.attacks.archives import environment, packed, received
from rehearsal.attacks.gates import Gate
from rehearsal.attacks.scenario import Row, running
from rehearsal.attacks.scenarios import models
from rehearsal.attacks.scenarios.access import READER
from rehearsal.cloud.state import StoredObject
from workload import credentials, settings, storage
from workload.errors import Detail, Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Verdict
    from rehearsal.attacks.scenario import Attempt

ACCOUNT = READER.removeprefix("serviceAccount:")
RESULT = "gs://secundus-vision-result-bucket"


def _refused(lie: str, failure: Failure, attempt: Attempt, *details: Detail) -> Row:
    says = str(WorkloadError(failure, *details))
    return Row(layer="workload", lie=lie, by=Gate.WORKLOAD, says=says, attempt=attempt)


def _set(lie: str, values: Mapping[str, str], *details: Detail) -> Row:
    """Secundus' operator launches with these settings."""
    target = running({f"tee-env-{name}": value for name, value in values.items()})
    return _refused(lie, Failure.SETTINGS_INVALID, target, *details)


def _replaced(target: Target) -> None:
    """Somebody has replaced the admitted archive by another valid one."""
    bucket, name = target.model
    bucket.objects[name] = StoredObject(bucket.objects[name].meta, packed())


def _gone(target: Target) -> None:
    """Primus has deleted the model that it still admits."""
    bucket, name = target.model
    del bucket.objects[name]


class _Narrow(storage.Bucket):
    """The workload's own bucket with a low limit: no test can afford the real gigabyte."""

    def fetch(self, name: str, to: Path, limit: int) -> str:
        return super().fetch(name, to, min(limit, len(packed()) - 1))


def _without_token(target: Target) -> Verdict:
    """Ask for the model on a machine without a token."""
    with tempfile.TemporaryDirectory() as empty:
        chosen = replace(settings.parse(environment(target)), token_file=Path(empty) / "token")
        return gates.work(lambda: credentials.model_reader(chosen))


SETTINGS = (
    _set(
        "MODEL_URI by HTTPS",
        {"MODEL_URI": "https://storage.googleapis.com/primus-models-model-bucket/model.tar.gz"},
        Detail.MODEL_URI,
    ),
    _set(
        "MODEL_URI of two lines",
        {"MODEL_URI": "gs://primus-models-model-bucket/model\n.tar.gz"},
        Detail.MODEL_URI,
    ),
    _set("MODEL_SHA256 in capitals", {"MODEL_SHA256": "A" * 64}, Detail.MODEL_SHA256),
    _set("no MODEL_SHA256", {"MODEL_SHA256": ""}, Detail.MODEL_SHA256),
    _set(
        "MODEL_AUDIENCE that is no provider",
        {"MODEL_AUDIENCE": "https://sts.googleapis.com"},
        Detail.MODEL_AUDIENCE,
    ),
    *(
        _set(f"MODEL_READER that {does}", {"MODEL_READER": reader}, Detail.MODEL_READER)
        for does, reader in {
            "asks another method of IAM credentials": f"{ACCOUNT}:signJwt?",
            "leads to another path of IAM credentials": f"../../v1/{ACCOUNT}",
            "is somebody's own account": "deployer@secundus.example",
        }.items()
    ),
    _set(
        "INPUT_URI with a folder",
        {"INPUT_URI": "gs://secundus-vision-input-bucket/folder"},
        Detail.INPUT_URI,
    ),
    _set("RESULT_URI with a folder", {"RESULT_URI": f"{RESULT}/folder"}, Detail.RESULT_URI),
    _set(
        "SUBSCRIPTION that leads to another path of Pub/Sub",
        {"SUBSCRIPTION": "projects/secundus-vision/subscriptions/x:modifyPushConfig?"},
        Detail.SUBSCRIPTION,
    ),
    _set("results among the pictures", {"INPUT_URI": RESULT}, Detail.SAME_BUCKET),
    _set(
        "everything wrong at once",
        dict.fromkeys(settings.OVERRIDABLE, "x"),
        *(Detail[name] for name in settings.OVERRIDABLE),
    ),
)

RECEIVED = (
    _refused(
        "the workload outside of a Confidential Space",
        Failure.ATTESTATION_TOKEN_MISSING,
        _without_token,
    ),
    _refused(
        "the agreed archive is gone from its place",
        Failure.MODEL_NOT_READABLE,
        running(before=_gone),
    ),
    _refused(
        "a valid archive in the place of the agreed one",
        Failure.MODEL_HASH_MISMATCH,
        running(before=_replaced),
    ),
    _refused(
        "Primus: an archive that is larger than the workload takes",
        Failure.MODEL_TOO_LARGE,
        received(packed(), _Narrow),
    ),
)

ROWS = (*SETTINGS, *RECEIVED, *models.ROWS)
