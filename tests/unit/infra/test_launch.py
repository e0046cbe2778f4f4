"""Launch metadata is what the real launcher reads; what it would refuse is refused at preview."""

from __future__ import annotations

from typing import Any

import pytest

from infra.launch import ENVIRONMENT, MAX_VALUE, OPTIONAL, LaunchError, LaunchSpec

IMAGE = "us-west1-docker.pkg.dev/primus-models/r/workload@sha256:" + "a1" * 32
VALUES = {name: f"value of {name}" for name in ENVIRONMENT if name not in OPTIONAL}


def spec(**changes: Any) -> LaunchSpec:
    """The launch of the example, with some fields replaced."""
    return LaunchSpec(**{"image": IMAGE, "environment": VALUES, **changes})


def test_metadata_is_what_the_launcher_reads() -> None:
    """Exactly these keys: no log redirection, no monitoring, no command."""
    assert spec().metadata() == {
        "tee-image-reference": IMAGE,
        "tee-restart-policy": "Never",
        "tee-env-MODEL_URI": "value of MODEL_URI",
        "tee-env-MODEL_SHA256": "value of MODEL_SHA256",
        "tee-env-MODEL_AUDIENCE": "value of MODEL_AUDIENCE",
        "tee-env-MODEL_READER": "value of MODEL_READER",
        "tee-env-INPUT_URI": "value of INPUT_URI",
        "tee-env-RESULT_URI": "value of RESULT_URI",
        "serial-port-logging-enable": "true",
    }


def test_a_machine_of_a_fleet_has_one_variable_more() -> None:
    """Its subscription; the metadata of one machine alone does not name it, not even empty."""
    subscription = {"SUBSCRIPTION": "projects/p/subscriptions/s"}
    metadata = spec(environment={**VALUES, **subscription}).metadata()
    assert metadata == {**spec().metadata(), "tee-env-SUBSCRIPTION": subscription["SUBSCRIPTION"]}


def test_another_text_of_run_changes_the_metadata() -> None:
    """A change replaces the machine; the launcher ignores the key."""
    assert spec(run="2").metadata() == {**spec().metadata(), "run": "2"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": "us-west1-docker.pkg.dev/p/r/workload:v1"}, "image: got '.*:v1'"),
        ({"image": ""}, "image: got ''"),
        ({"restart_policy": "never"}, "restart_policy: got 'never', expected one of"),
        ({"environment": {**VALUES, "LD_PRELOAD": "x"}}, "LD_PRELOAD: not in the image's label"),
        ({"environment": {**VALUES, "MODEL_URI": ""}}, "MODEL_URI: got nothing"),
        ({"environment": {**VALUES, "SUBSCRIPTION": ""}}, "SUBSCRIPTION: got nothing"),
        ({"environment": {}}, "INPUT_URI: got nothing"),
        ({"run": "x" * (MAX_VALUE + 1)}, f"run: got {MAX_VALUE + 1} bytes"),
    ],
)
def test_a_launch_that_would_not_boot_is_refused(changes: dict[str, Any], message: str) -> None:
    """At preview, and not minutes later on a serial console."""
    with pytest.raises(LaunchError, match=message):
        spec(**changes)


def test_all_reasons_are_reported_together() -> None:
    """One preview is enough."""
    with pytest.raises(LaunchError, match=r"image: .*restart_policy: .*MODEL_URI: "):
        spec(image="x", restart_policy="x", environment={})
