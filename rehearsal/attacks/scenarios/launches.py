"""Lies at the launch: what the metadata asks of the launcher, and which image it names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from infra.launch import ENVIRONMENT
from rehearsal.attacks.gates import REJECTED, Gate
from rehearsal.attacks.image_editions import edition, store
from rehearsal.attacks.scenario import Row, launching
from rehearsal.attacks.scenarios.machines import debug
from rehearsal.cloud.confidential_space import launch_policy
from rehearsal.cloud.state import Repository

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Attempt
    from rehearsal.cloud.state import Instance
    from rehearsal.image_builder.oci import Image

VARIABLES = (
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GCE_METADATA_HOST",
    "STORAGE_EMULATOR_HOST",
    "API_ENDPOINT_OVERRIDE",
    "ATTESTATION_TOKEN_FILE",
    "TF_CPP_MIN_LOG_LEVEL",
    "model_sha256",
)
"""Each of these loads code, leads elsewhere, or says what is not for an operator to say."""

PERMISSIVE = {
    launch_policy.CMD_OVERRIDE: "true",
    launch_policy.ENV_OVERRIDE: ",".join((*ENVIRONMENT, "LD_PRELOAD")),
    launch_policy.LOG_REDIRECT: "always",
}

NO_VARIABLE = "is not allowed to be overridden on this image; allowed envs to be overridden: ["
NO_COMMAND = "CMD is not allowed to be overridden on this image"
NO_LOGS = "logging redirection not allowed by image"
NO_MONITORING = "error verifying monitoring config: spec configured for"
NO_MOUNTS = "destination mount points are not allowed: "

OWN = "projects/secundus-vision/locations/us-west1/repositories/custom-image"
OWN_IMAGE = "us-west1-docker.pkg.dev/secundus-vision/custom-image/workload"


def own_repository(target: Target, image: Image, tag: str) -> None:
    """Push an image into Secundus' own repository, which its machine may read."""
    reader = f"serviceAccount:{target.machine.service_account}"
    repository = target.cloud.repositories.setdefault(OWN, Repository(OWN, "secundus-vision", {}))
    repository.policy.bindings = [{"role": "roles/artifactregistry.reader", "members": [reader]}]
    store(repository, image, tag)


def _own_image(reference: str, **config: object) -> Attempt:
    """Launch a changed image from Secundus' own repository; {} in the reference is its digest."""

    def change(target: Target, machine: Instance) -> None:
        changed = edition(target.published(), **config)
        own_repository(target, target.published(), "v1")
        own_repository(target, changed, "v1")  # the tag is pushed again, to other code
        _name(machine, f"{OWN_IMAGE}{reference.format(changed.digest)}")

    return launching(machine=change)


def _primus_repository(tag_only: bool) -> Attempt:
    """Primus has pushed an image that it does not admit, under the tag of an admitted one."""

    def change(target: Target, machine: Instance) -> None:
        changed = edition(target.published(), Env=["EDITION=2"])
        store(target.repository, target.published(), "current")
        store(target.repository, changed, "current")
        name = target.handover["image"].partition("@")[0]
        _name(machine, name + (":current" if tag_only else f"@{changed.digest}"))

    return launching(machine=change)


def _name(machine: Instance, reference: str) -> None:
    for item in machine.doc["metadata"]["items"]:
        if item["key"] == "tee-image-reference":
            item["value"] = reference


def _without_entry_point(target: Target, machine: Instance) -> None:
    labels = target.published().config["Labels"] | {launch_policy.CMD_OVERRIDE: "true"}
    changed = edition(target.published(), Entrypoint=None, Labels=labels)
    own_repository(target, changed, "v2")
    _name(machine, f"{OWN_IMAGE}@{changed.digest}")


def _row(lie: str, says: str, attempt: Attempt, by: Gate = Gate.LAUNCHER) -> Row:
    return Row(layer="launch", lie=lie, by=by, says=says, attempt=attempt)


def _rejected(lie: str, attempt: Attempt) -> Row:
    return _row(lie, REJECTED, attempt, Gate.CONDITION)


ROWS = (
    _row("another command: tee-cmd", NO_COMMAND, launching({"tee-cmd": '["-c", "import os"]'})),
    _row("one argument more: tee-cmd", NO_COMMAND, launching({"tee-cmd": '["--verbose"]'})),
    _row("a command that is no list", "json: cannot unmarshal", launching({"tee-cmd": '"sh"'})),
    *(
        _row(
            f"tee-env-{name}",
            NO_VARIABLE,
            launching({f"tee-env-{name}": "x"}),
        )
        for name in VARIABLES
    ),
    *(
        _row(
            f"output redirected to {where}",
            NO_LOGS,
            launching({"tee-container-log-redirect": where}),
        )
        for where in ("true", "cloud_logging", "serial")
    ),
    _row(
        "memory monitored, by the older key",
        NO_MONITORING,
        launching({"tee-monitoring-memory-enable": "true"}),
    ),
    _row(
        "memory monitored, by the newer key",
        NO_MONITORING,
        launching({"tee-monitoring-enable": "memoryOnly"}),
    ),
    # The claim stays false then, though memory is exported: only the image's labels refuse.
    _row("everything monitored", NO_MONITORING, launching({"tee-monitoring-enable": "all"})),
    _row(
        "a debug image with monitoring",
        NO_MONITORING,
        launching({"tee-monitoring-enable": "memoryOnly"}, machine=debug),
    ),
    _row(
        "a folder mounted over the workload's code",
        NO_MOUNTS,
        launching({"tee-mount": "type=tmpfs,source=tmpfs,destination=/opt/workload/app"}),
    ),
    _row(
        "a folder mounted elsewhere",
        NO_MOUNTS,
        launching({"tee-mount": "type=tmpfs,source=tmpfs,destination=/tmp/x"}),
    ),
    _row(
        "more capabilities",
        "additional capabilities are not allowed",
        launching({"tee-added-capabilities": '["CAP_SYS_ADMIN"]'}),
    ),
    _row(
        "a cgroup namespace", "cgroups usage is not allowed", launching({"tee-cgroup-ns": "true"})
    ),
    _row(
        "no image", "tee-image-reference is not specified", launching({"tee-image-reference": ""})
    ),
    _rejected("an image of Secundus' own, by digest", _own_image("@{}", Env=["EDITION=2"])),
    _rejected(
        "an image of Secundus' own, by a tag that was pushed again",
        _own_image(":v1", Env=["EDITION=2"]),
    ),
    _rejected(
        "the same code under labels that allow everything",
        _own_image("@{}", Labels=PERMISSIVE),
    ),
    _rejected(
        "the same code with a shell for an entry point", _own_image("@{}", Entrypoint=["sh"])
    ),
    _rejected(
        "another image of Primus' that is not admitted, by digest",
        _primus_repository(tag_only=False),
    ),
    _rejected(
        "an image of Primus' by a tag that was pushed again", _primus_repository(tag_only=True)
    ),
    _row(
        "an image without an entry point, and a command for it",
        "maybe the Entrypoint is set to empty in the image?",
        launching(
            {"tee-cmd": json.dumps(["python", "-m", "workload"])},
            machine=_without_entry_point,
        ),
    ),
)
