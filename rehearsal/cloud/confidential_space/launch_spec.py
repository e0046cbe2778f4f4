"""The operator's launch settings: a VM's metadata, parsed by the rules of the launcher.

`launch_policy` decides whether the image's author allows them. Nobody checks whether the machine
has that much memory, or those capabilities. Keys that choose another attestation service are
refused, because the local cloud has only one.
Rules and messages: https://github.com/google/go-tpm-tools/blob/main/launcher/spec/launch_spec.go
"""

from __future__ import annotations

import enum
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.cloud.confidential_space import go_values
from rehearsal.cloud.confidential_space.go_values import GoError

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE_REFERENCE = "tee-image-reference"
RESTART_POLICY = "tee-restart-policy"
COMMAND = "tee-cmd"
ENV_PREFIX = "tee-env-"
IMPERSONATE = "tee-impersonate-service-accounts"
LOG_REDIRECT = "tee-container-log-redirect"
MEMORY_MONITORING = "tee-monitoring-memory-enable"
MONITORING = "tee-monitoring-enable"
MOUNT = "tee-mount"
SHARED_MEMORY = "tee-dev-shm-size-kb"
CAPABILITIES = "tee-added-capabilities"
CGROUP_NAMESPACE = "tee-cgroup-ns"
GPU_DRIVER = "tee-install-gpu-driver"
NOT_MODELLED = (
    "ita-api-key",
    "ita-region",
    "tee-disable-gca-refresh",
    "gca-service-env",
    "test-fake-verifier",
)

RESTART_POLICIES = ("Always", "OnFailure", "Never")
LOG_REDIRECTS = ("true", "cloud_logging", "serial", "false")
MOUNT_KEYS = ("type", "source", "destination", "size")
ENV_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class SpecError(ValueError):
    """The launcher cannot read the metadata; the message is its own."""


class Monitoring(enum.IntEnum):
    """Which health metrics the operator may see; each level includes the lower ones."""

    NONE = 0
    MEMORY_ONLY = 1
    ALL = 2

    def __str__(self) -> str:
        """The level as the launcher prints it."""
        return ("none", "memoryOnly", "all")[self]


@dataclass(frozen=True)
class LaunchSpec:
    """The settings of one launch; `hardened`: the VM runs the production image."""

    image_reference: str
    hardened: bool
    restart_policy: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    log_redirect: str
    monitoring: Monitoring
    mounts: tuple[str, ...]
    """The paths of tmpfs mounts in the container."""
    capabilities: tuple[str, ...]
    cgroup_namespace: bool
    impersonated: tuple[str, ...]
    """E-mails of the accounts that the token names beside the VM's own."""


def monitoring(text: str) -> Monitoring:
    """A monitoring level by its name in metadata and labels; SpecError if there is none."""
    levels = {str(level).lower(): level for level in Monitoring}
    if text.lower() not in levels:
        raise SpecError(f"invalid monitoring type {text}")
    return levels[text.lower()]


def parse(metadata: Mapping[str, str], *, hardened: bool) -> LaunchSpec:
    """Read a VM's custom metadata; unknown keys are ignored; SpecError in the launcher's words."""
    reference = metadata.get(IMAGE_REFERENCE, "")
    if not reference:
        raise SpecError(f"{IMAGE_REFERENCE} is not specified in the custom metadata")
    if ignored := [key for key in NOT_MODELLED if key in metadata]:
        raise SpecError(f"{', '.join(ignored)}: not modelled by the local launcher; remove it")
    restart_policy = metadata.get(RESTART_POLICY) or "Never"
    if restart_policy not in RESTART_POLICIES:
        raise SpecError(f"invalid restart policy: {restart_policy}")
    log_redirect = metadata.get(LOG_REDIRECT) or "false"
    spec = LaunchSpec(
        image_reference=reference,
        hardened=hardened,
        restart_policy=restart_policy,
        impersonated=_between(metadata, IMPERSONATE, ","),
        monitoring=_monitoring(metadata),
        command=_strings(metadata, COMMAND),
        env=_env(metadata),
        log_redirect=log_redirect,
        mounts=tuple(map(_mount, _between(metadata, MOUNT, ";"))),
        capabilities=_strings(metadata, CAPABILITIES),
        # An empty value is an error here, and the default everywhere else.
        cgroup_namespace=CGROUP_NAMESPACE in metadata
        and _boolean(metadata[CGROUP_NAMESPACE], CGROUP_NAMESPACE),
    )
    if log_redirect not in LOG_REDIRECTS:
        raise SpecError(
            f"invalid logging redirect location {log_redirect}, "
            f"expect one of [{' '.join(LOG_REDIRECTS)}]"
        )
    if size := metadata.get(SHARED_MEMORY):
        try:
            go_values.unsigned(size)
        except GoError:
            raise SpecError(f"failed to convert {SHARED_MEMORY} into uint64, got: {size}") from None
    if metadata.get(GPU_DRIVER, "") in go_values.TRUE:
        raise SpecError("GPU Driver installation is not supported")
    return spec


def _monitoring(metadata: Mapping[str, str]) -> Monitoring:
    if MEMORY_MONITORING in metadata and MONITORING in metadata:
        raise SpecError(
            f"both {MEMORY_MONITORING} and {MONITORING} are specified, only one is permitted"
        )
    if _boolean(metadata.get(MEMORY_MONITORING) or "false", MEMORY_MONITORING):
        return Monitoring.MEMORY_ONLY
    return monitoring(metadata.get(MONITORING) or "none")


def _between(metadata: Mapping[str, str], key: str, separator: str) -> tuple[str, ...]:
    """The texts between separators, also empty ones; none for an empty or missing value."""
    text = metadata.get(key, "")
    return tuple(text.split(separator)) if text else ()


def _strings(metadata: Mapping[str, str], key: str) -> tuple[str, ...]:
    try:
        return go_values.strings(metadata.get(key, ""))
    except GoError as error:
        raise SpecError(str(error)) from None


def _boolean(text: str, key: str) -> bool:
    try:
        return go_values.boolean(text)
    except GoError as error:
        raise SpecError(f"invalid value for {key} (not a boolean): {error}") from None


def _env(metadata: Mapping[str, str]) -> dict[str, str]:
    names = [key.removeprefix(ENV_PREFIX) for key in metadata if key.startswith(ENV_PREFIX)]
    return {name: metadata[ENV_PREFIX + name] for name in names}


def check_names(spec: LaunchSpec) -> None:
    """SpecError for an invalid variable name; the launcher checks this after the pull."""
    for name in spec.env:
        _check_name(name, "failed to format env var")


def _check_name(name: str, doing: str) -> None:
    if not ENV_NAME.fullmatch(name):
        raise SpecError(
            f"{doing}: malformed env name [{name}], env name must start with an alpha character or "
            "'_', followed by a string of alphanumeric characters or '_' "
            f"(^{ENV_NAME.pattern}$)"
        )


def _mount(text: str) -> str:
    """The destination of one tmpfs mount."""
    options = {}
    for option in text.split(","):
        name, given, value = option.partition("=")
        doing = (
            "failed to parse mount option"  # the launcher parses it with the function for variables
        )
        if not given:
            raise SpecError(f"{doing}: malformed env var, doesn't contain '=': [{option}]")
        _check_name(name, doing)
        if name not in MOUNT_KEYS:
            raise SpecError(
                f"found unknown mount option: {option}, expect keys of [{' '.join(MOUNT_KEYS)}]"
            )
        options[name] = value
    if options.get("type") != "tmpfs":
        raise SpecError(
            f"found unknown or unspecified mount type: [{text.replace(',', ' ')}], "
            "expect one of types [tmpfs]"
        )
    if options.get("source") != "tmpfs":
        raise SpecError(f"received wrong mount source {options.get('source', '')}, expected tmpfs")
    if not options.get("destination"):
        raise SpecError('mount type "tmpfs" must have destination specified')
    if "size" in options:
        try:
            go_values.unsigned(options["size"])
        except GoError as error:
            size = go_values.quoted(options["size"])
            raise SpecError(f"failed to convert size option {size} to uint64: {error}") from None
    return posixpath.join("/", options["destination"])
