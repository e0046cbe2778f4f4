"""Legitimate runs, which must be admitted: a policy that refuses everything refuses lies, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.attacks.deployment import OLD_IMAGE, OLD_MODEL
from rehearsal.attacks.gates import RELEASED
from rehearsal.attacks.scenario import Row, claiming, drop, launching, put, running
from rehearsal.attacks.scenarios.claims import CONTAINER, DIGEST, ENV, GCE, SPACE

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Attempt
    from rehearsal.cloud.state import Instance


BUCKET = "primus-models-model-bucket"
TCB = {
    "gcp_attester_tcb_status": "UpToDate",
    "gcp_attester_tcb_date": "2024-03-13T00:00:00Z",
    "tcb_evaluation_data_number": 17,
}
"""As tokens of 2026 carry it."""


def _tdx(_: Target, machine: Instance) -> None:
    machine.doc["confidentialInstanceConfig"] = {"confidentialInstanceType": "TDX"}


def _row(lie: str, attempt: Attempt) -> Row:
    return Row(layer="legitimate", lie=lie, by=None, says=RELEASED, attempt=attempt)


ROWS = (
    _row("the machine as it was declared", launching()),
    _row("the workload, up to where it loads the model", running()),
    _row("Intel TDX", launching(machine=_tdx)),
    _row("a run again", launching({"run": "once more"})),
    *(
        _row(f"restart policy {policy}", launching({"tee-restart-policy": policy}))
        for policy in ("Never", "Always", "OnFailure")
    ),
    _row("the image before, during a rollout", claiming(put(DIGEST, OLD_IMAGE))),
    _row(
        "the model before, during a rollout",
        claiming(
            put(f"{ENV}.MODEL_SHA256", OLD_MODEL),
            put(f"{ENV}.MODEL_URI", f"gs://{BUCKET}/models/{OLD_MODEL}/model.tar.gz"),
        ),
    ),
    _row(
        "the claims that only TDX has",
        claiming(
            put("hwmodel", "GCP_INTEL_TDX"),
            put("attester_tcb", ["INTEL"]),
            put("tdx", TCB),
        ),
    ),
    _row(
        "a supported image that is not the latest",
        claiming(put(f"{SPACE}.support_attributes", ["STABLE", "USABLE"])),
    ),
    _row("another version of Confidential Space", claiming(put("swversion", ["270100"]))),
    _row("an empty command override", claiming(put(f"{CONTAINER}.cmd_override", []))),
    _row("no override of variables stated", claiming(drop(f"{CONTAINER}.env_override"))),
    _row(
        "signatures of the image, and a nonce",
        claiming(put(f"{CONTAINER}.image_signatures", []), put("eat_nonce", "0123456789")),
    ),
    _row(
        "claims that nobody has heard of yet", claiming(put("tomorrow", {"is": ["another", "day"]}))
    ),
    _row(
        "another machine in another zone",
        claiming(put(f"{GCE}.instance_name", "workload-vm-2"), put(f"{GCE}.zone", "us-west1-a")),
    ),
    _row("the longest instance id there is", claiming(put(f"{GCE}.instance_id", str(2**64 - 1)))),
    _row(
        "an audience among several",
        claiming(put("aud", ["https://secundus.example", "https://sts.googleapis.com"])),
    ),
)
