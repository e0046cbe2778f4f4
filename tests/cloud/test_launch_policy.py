"""Each launch-policy label with a launch that it allows, and with one that it forbids."""

from __future__ import annotations

import re

import pytest

from rehearsal.cloud.confidential_space import launch_policy, launch_spec
from rehearsal.cloud.confidential_space.launch_policy import PolicyError, Refused

P = "tee.launch_policy."


def verify(labels: dict[str, str], metadata: dict[str, str], *, hardened: bool = True) -> None:
    """Check one launch against an image's labels."""
    attributes = {"tee-image-reference": "us-west1-docker.pkg.dev/p/r/i", **metadata}
    launch_policy.parse(labels).verify(launch_spec.parse(attributes, hardened=hardened))


MOUNT = {"tee-mount": "type=tmpfs,source=tmpfs,destination=/work/sub"}
CAPABILITY = {"tee-added-capabilities": '["CAP_SYS_ADMIN"]'}
MEMORY = {"tee-monitoring-memory-enable": "true"}
ALL = {"tee-monitoring-enable": "all"}
LOGS = {"tee-container-log-redirect": "true"}
CGROUP = {"tee-cgroup-ns": "true"}
COMMAND = {"tee-cmd": '["-c", "code"]'}


def test_without_labels_a_plain_launch_is_allowed() -> None:
    """An image that says nothing can be launched as it is."""
    verify({}, {})


@pytest.mark.parametrize(
    ("labels", "metadata", "message"),
    [
        (
            {},
            {"tee-env-A": "1"},
            (
                "env var {A 1} is not allowed to be overridden on this image; "
                "allowed envs to be overridden: []"
            ),
        ),
        (
            {P + "allow_env_override": "A, B"},
            {"tee-env-A": "1", "tee-env-B": "2"},
            (
                "env var {B 2} is not allowed to be overridden on this image; "
                "allowed envs to be overridden: [A  B]"
            ),
        ),
        ({}, COMMAND, "CMD is not allowed to be overridden on this image"),
        (
            {P + "allow_cmd_override": "false"},
            COMMAND,
            "CMD is not allowed to be overridden on this image",
        ),
        ({}, LOGS, "logging redirection only allowed on debug environment by image"),
        ({P + "log_redirect": "never"}, LOGS, "logging redirection not allowed by image"),
        (
            {},
            MEMORY,
            "error verifying monitoring config: spec configured for memoryOnly but policy is none",
        ),
        (
            {P + "monitoring_memory_allow": "debugonly"},
            MEMORY,
            "error verifying monitoring config: spec configured for memoryOnly but policy is none",
        ),
        (
            {P + "monitoring_memory_allow": "always"},
            ALL,
            (
                "error verifying monitoring config: "
                "spec configured for all monitoring, policy only allows memory"
            ),
        ),
        (
            {P + "hardened_monitoring": "memoryonly"},
            ALL,
            (
                "error verifying monitoring config: "
                "spec configured for all monitoring, policy only allows memory"
            ),
        ),
        (
            {P + "allow_mount_destinations": "/work/su:/other"},
            MOUNT,
            (
                'destination mount points are not allowed: destination mount point "/work/sub" is '
                "invalid: policy only allows mounts in the following paths: [/work/su /other]"
            ),
        ),
        (
            {P + "allow_mount_destinations": "work"},
            MOUNT,
            (
                "destination mount points are not allowed: "
                "received a non-absolute allowed destination path: work"
            ),
        ),
        ({}, CAPABILITY, "additional capabilities are not allowed"),
        ({}, CGROUP, "cgroups usage is not allowed"),
    ],
)
def test_a_forbidden_setting_is_refused_in_the_launchers_words(
    labels: dict[str, str], metadata: dict[str, str], message: str
) -> None:
    """A production image, and one setting that its author did not allow."""
    with pytest.raises(Refused, match=f"^{re.escape(message)}$"):
        verify(labels, metadata)


@pytest.mark.parametrize(
    ("label", "value", "metadata"),
    [
        ("allow_env_override", "A,,B", {"tee-env-A": "1", "tee-env-B": ""}),
        ("allow_cmd_override", "T", COMMAND),
        ("log_redirect", " Always", LOGS),
        ("monitoring_memory_allow", "always", MEMORY),
        ("hardened_monitoring", "MemoryOnly", MEMORY),
        ("hardened_monitoring", "all", ALL),
        ("allow_mount_destinations", ":/x:/work/", MOUNT),
        ("allow_capabilities", "1", CAPABILITY),
        ("allow_cgroups", "true", CGROUP),
    ],
)
def test_a_setting_is_allowed_by_its_label(
    label: str, value: str, metadata: dict[str, str]
) -> None:
    """The same launches, each with the label that allows it."""
    verify({P + label: value}, metadata)


@pytest.mark.parametrize(
    ("labels", "metadata"),
    [
        ({}, LOGS),
        ({}, MEMORY),
        ({P + "monitoring_memory_allow": "debugonly"}, MEMORY),
        ({P + "debug_monitoring": "all"}, ALL),
    ],
)
def test_a_debugonly_setting_is_allowed_on_a_debug_image(
    labels: dict[str, str], metadata: dict[str, str]
) -> None:
    """`debugonly` is the default for logs and memory."""
    verify(labels, metadata, hardened=False)


def test_a_setting_with_never_is_refused_on_a_debug_image() -> None:
    """An author's `never` has no exception."""
    with pytest.raises(Refused, match="policy is none"):
        verify({P + "monitoring_memory_allow": "never"}, MEMORY, hardened=False)


def test_the_first_violation_in_the_launchers_order_is_reported() -> None:
    """env, cmd, logs, monitoring, mounts, capabilities, cgroup: one message at a time."""
    every = [{"tee-env-A": "1"}, COMMAND, LOGS, MEMORY, MOUNT, CAPABILITY, CGROUP]
    words = ["env var", "CMD", "logging", "monitoring", "mount", "capabilities", "cgroups"]
    for at, word in enumerate(words):
        rest = {key: value for each in every[at:] for key, value in each.items()}
        with pytest.raises(Refused, match=word):
            verify({}, rest)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {P + "allow_cmd_override": "no"},
            f"invalid image LABEL '{P}allow_cmd_override' (not a boolean)",
        ),
        (
            {P + "allow_capabilities": ""},
            f"invalid image LABEL '{P}allow_capabilities' (not a boolean)",
        ),
        ({P + "log_redirect": "debug"}, f"invalid image LABEL '{P}log_redirect'"),
        (
            {P + "monitoring_memory_allow": "x"},
            f"invalid image LABEL '{P}monitoring_memory_allow'",
        ),
        (
            {P + "hardened_monitoring": "x"},
            "invalid monitoring type for hardened image: invalid monitoring type x",
        ),
        (
            {P + "debug_monitoring": "x"},
            "invalid monitoring type for debug image: invalid monitoring type x",
        ),
        (
            {P + "monitoring_memory_allow": "never", P + "debug_monitoring": "none"},
            (
                f"use either {P}monitoring_memory_allow or {P}hardened_monitoring/"
                f"{P}debug_monitoring in image labels,- not both"
            ),
        ),
    ],
)
def test_an_invalid_label_is_an_error(labels: dict[str, str], message: str) -> None:
    """A typing error of the author must not become the default."""
    with pytest.raises(PolicyError, match=f"^{re.escape(message)}$"):
        launch_policy.parse(labels)
