"""The launch policy of an image's author, from the image's labels, and its check against a launch.

Two parties, two types, one check: `LaunchPolicy.verify(spec)`. Labels are part of the image's
configuration, so a condition on the image's digest also fixes this policy.
Rules and messages: https://github.com/google/go-tpm-tools/blob/main/launcher/spec/launch_policy.go
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.cloud.confidential_space.go_values import GoError, boolean
from rehearsal.cloud.confidential_space.launch_spec import Monitoring, SpecError, monitoring

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.confidential_space.launch_spec import LaunchSpec

PREFIX = "tee.launch_policy."
CMD_OVERRIDE = PREFIX + "allow_cmd_override"
ENV_OVERRIDE = PREFIX + "allow_env_override"
LOG_REDIRECT = PREFIX + "log_redirect"
MEMORY_MONITORING = PREFIX + "monitoring_memory_allow"
HARDENED_MONITORING = PREFIX + "hardened_monitoring"
DEBUG_MONITORING = PREFIX + "debug_monitoring"
MOUNT_DESTINATIONS = PREFIX + "allow_mount_destinations"
CAPABILITIES = PREFIX + "allow_capabilities"
CGROUPS = PREFIX + "allow_cgroups"

WHEN = ("debugonly", "always", "never")
"""On which images something is allowed; the first is the default."""


class PolicyError(ValueError):
    """A label cannot be read; the message is the launcher's."""


class Refused(Exception):  # noqa: N818  a refusal is the answer here, not a fault
    """The launch breaks the image's policy; the message is the launcher's."""


@dataclass(frozen=True)
class LaunchPolicy:
    """What an operator may change in the launch of one image; the defaults allow nothing."""

    env: tuple[str, ...] = ()
    command: bool = False
    log_redirect: str = WHEN[0]
    hardened_monitoring: Monitoring = Monitoring.NONE
    debug_monitoring: Monitoring = Monitoring.MEMORY_ONLY
    mounts: tuple[str, ...] = ()
    capabilities: bool = False
    cgroups: bool = False

    def verify(self, spec: LaunchSpec) -> None:
        """Raise Refused for the first forbidden setting, in the launcher's order."""
        for name, value in spec.env.items():
            if name not in self.env:
                raise Refused(
                    f"env var {{{name} {value}}} is not allowed to be overridden on this image; "
                    f"allowed envs to be overridden: [{' '.join(self.env)}]"
                )
        if spec.command and not self.command:
            raise Refused("CMD is not allowed to be overridden on this image")
        if spec.log_redirect != "false" and self.log_redirect == "never":
            raise Refused("logging redirection not allowed by image")
        if spec.log_redirect != "false" and self.log_redirect == "debugonly" and spec.hardened:
            raise Refused("logging redirection only allowed on debug environment by image")
        self._verify_monitoring(spec)
        if wrong := [w for w in map(self._wrong_mount, spec.mounts) if w]:
            raise Refused("destination mount points are not allowed: " + "\n".join(wrong))
        if spec.capabilities and not self.capabilities:
            raise Refused("additional capabilities are not allowed")
        if spec.cgroup_namespace and not self.cgroups:
            raise Refused("cgroups usage is not allowed")

    def _verify_monitoring(self, spec: LaunchSpec) -> None:
        most = self.hardened_monitoring if spec.hardened else self.debug_monitoring
        if spec.monitoring <= most:
            return
        raise Refused(
            "error verifying monitoring config: "
            + (
                f"spec configured for {spec.monitoring} but policy is none"
                if most is Monitoring.NONE
                else "spec configured for all monitoring, policy only allows memory"
            )
        )

    def _wrong_mount(self, destination: str) -> str | None:
        path = posixpath.normpath(destination)
        for allowed in self.mounts:
            if not posixpath.isabs(allowed):
                return f"received a non-absolute allowed destination path: {allowed}"
            if posixpath.commonpath([allowed, path]) == allowed:
                return None
        return (
            f'destination mount point "{path}" is invalid: policy only allows mounts in the '
            f"following paths: [{' '.join(self.mounts)}]"
        )


def parse(labels: Mapping[str, str]) -> LaunchPolicy:
    """Read the policy from an image's labels; PolicyError in the launcher's words."""
    hardened, debug = _monitoring(labels)
    return LaunchPolicy(
        # The launcher strips no spaces: " B" does not allow B.
        env=tuple(filter(None, labels.get(ENV_OVERRIDE, "").split(","))),
        command=_switch(labels, CMD_OVERRIDE),
        log_redirect=_when(labels, LOG_REDIRECT),
        hardened_monitoring=hardened,
        debug_monitoring=debug,
        mounts=tuple(
            posixpath.normpath(path)
            for path in labels.get(MOUNT_DESTINATIONS, "").split(":")
            if path
        ),
        capabilities=_switch(labels, CAPABILITIES),
        cgroups=_switch(labels, CGROUPS),
    )


def _switch(labels: Mapping[str, str], label: str) -> bool:
    try:
        return boolean(labels.get(label, "false"))
    except GoError:
        raise PolicyError(f"invalid image LABEL '{label}' (not a boolean)") from None


def _when(labels: Mapping[str, str], label: str) -> str:
    value = labels.get(label, WHEN[0]).lower().strip()
    if value not in WHEN:
        raise PolicyError(f"invalid image LABEL '{label}'")
    return value


def _monitoring(labels: Mapping[str, str]) -> tuple[Monitoring, Monitoring]:
    """The highest monitoring level on a production image, and on a debug image."""
    if MEMORY_MONITORING in labels:
        if HARDENED_MONITORING in labels or DEBUG_MONITORING in labels:
            raise PolicyError(
                f"use either {MEMORY_MONITORING} or {HARDENED_MONITORING}/{DEBUG_MONITORING} "
                "in image labels,- not both"
            )
        when = _when(labels, MEMORY_MONITORING)
        return (
            Monitoring.MEMORY_ONLY if when == "always" else Monitoring.NONE,
            Monitoring.NONE if when == "never" else Monitoring.MEMORY_ONLY,
        )
    try:
        hardened = monitoring(labels.get(HARDENED_MONITORING, "none"))
    except SpecError as error:
        raise PolicyError(f"invalid monitoring type for hardened image: {error}") from None
    try:
        return hardened, monitoring(labels.get(DEBUG_MONITORING, "memoryonly"))
    except SpecError as error:
        raise PolicyError(f"invalid monitoring type for debug image: {error}") from None
