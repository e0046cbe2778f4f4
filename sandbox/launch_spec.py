"""What the operator asks for: a VM's metadata, read by the Confidential Space launcher's rules.

Pure. Whether the image's author allows it is `sandbox.launch_policy`'s question. Checks of sizes,
and against the machine's capabilities, are left out; keys that choose another attestation service
are refused, because the local cloud has only one.
Rules and messages: https://github.com/google/go-tpm-tools/blob/main/launcher/spec/launch_spec.go
"""

from __future__ import annotations

import enum
import json
import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
ENV_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class SpecError(ValueError):
    """The launcher cannot read the metadata; the message is its own."""


class Monitoring(enum.IntEnum):
    """Which health metrics the operator may see; each level includes the ones before."""

    NONE = 0
    MEMORY_ONLY = 1
    ALL = 2

    def __str__(self) -> str:
        """The level as the launcher prints it."""
        return ("none", "memoryOnly", "all")[self]


@dataclass(frozen=True)
class LaunchSpec:
    """One launch as the operator wants it; `hardened` says the VM runs the production image."""

    image_reference: str
    hardened: bool
    restart_policy: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    log_redirect: str
    monitoring: Monitoring
    mounts: tuple[str, ...]
    """Where in the container a tmpfs is wanted."""
    capabilities: tuple[str, ...]
    cgroup_namespace: bool
    impersonated: tuple[str, ...]
    """E-mails of the accounts that are to appear in the token next to the VM's own."""


def boolean(text: str) -> bool:
    """A boolean as Go's strconv.ParseBool reads it; ValueError in its words."""
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ValueError(f"strconv.ParseBool: parsing {json.dumps(text)}: invalid syntax")


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
        impersonated=tuple(filter(None, metadata.get(IMPERSONATE, "").split(","))),
        monitoring=_monitoring(metadata),
        command=_strings(metadata.get(COMMAND, "")),
        env=_env(metadata),
        log_redirect=log_redirect,
        mounts=tuple(_mount(text) for text in metadata.get(MOUNT, "").split(";") if text),
        capabilities=_strings(metadata.get(CAPABILITIES, "")),
        cgroup_namespace=_switch(metadata, CGROUP_NAMESPACE),
    )
    if log_redirect not in LOG_REDIRECTS:
        raise SpecError(
            f"invalid logging redirect location {log_redirect}, "
            f"expect one of [{' '.join(LOG_REDIRECTS)}]"
        )
    if metadata.get(GPU_DRIVER, "") in TRUE:
        raise SpecError("GPU Driver installation is not supported")
    return spec


def _monitoring(metadata: Mapping[str, str]) -> Monitoring:
    if MEMORY_MONITORING in metadata and MONITORING in metadata:
        raise SpecError(
            f"both {MEMORY_MONITORING} and {MONITORING} are specified, only one is permitted"
        )
    if _switch(metadata, MEMORY_MONITORING):
        return Monitoring.MEMORY_ONLY
    return monitoring(metadata.get(MONITORING) or "none")


def _switch(metadata: Mapping[str, str], key: str) -> bool:
    try:
        return boolean(metadata.get(key) or "false")
    except ValueError as error:
        raise SpecError(f"invalid value for {key} (not a boolean): {error}") from None


def _strings(text: str) -> tuple[str, ...]:
    """A JSON array of strings, with Go's errors."""
    try:
        value = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        rest = text[error.pos : error.pos + 1]
        why = f"invalid character '{rest}' looking for beginning of value"
        raise SpecError(why if rest else "unexpected end of JSON input") from None
    if not isinstance(value, list):
        raise SpecError(f"json: cannot unmarshal {_kind(value)} into Go value of type []string")
    for each in value:
        if not isinstance(each, str):
            raise SpecError(f"json: cannot unmarshal {_kind(each)} into Go value of type string")
    return tuple(value)


def _kind(value: object) -> str:
    kinds = {dict: "object", str: "string", bool: "bool", int: "number", float: "number"}
    return kinds.get(type(value), "array")


def _env(metadata: Mapping[str, str]) -> dict[str, str]:
    names = [key.removeprefix(ENV_PREFIX) for key in metadata if key.startswith(ENV_PREFIX)]
    return {name: metadata[ENV_PREFIX + name] for name in names}


def check_names(spec: LaunchSpec) -> None:
    """SpecError for a variable that no process could be given; the launcher looks after pulling."""
    for name in spec.env:
        if not ENV_NAME.fullmatch(name):
            raise SpecError(
                f"malformed env name [{name}], env name must start with an alpha character or "
                "'_', followed by a string of alphanumeric characters or '_' "
                f"(^{ENV_NAME.pattern}$)"
            )


def _mount(text: str) -> str:
    """The destination of one tmpfs mount."""
    pairs = [option.partition("=") for option in text.split(",")]
    options = {name: value for name, _, value in pairs}
    if unknown := [each for each in options if each not in MOUNT_KEYS]:
        raise SpecError(
            f"found unknown mount option: {unknown[0]}={options[unknown[0]]}, "
            f"expect keys of [{' '.join(MOUNT_KEYS)}]"
        )
    if options.get("type") != "tmpfs":
        raise SpecError(
            f"found unknown or unspecified mount type: [{text.replace(',', ' ')}], "
            "expect one of types [tmpfs]"
        )
    if options.get("source") != "tmpfs":
        raise SpecError(f"received wrong mount source {options.get('source', '')}, expected tmpfs")
    if not options.get("destination"):
        raise SpecError('mount type "tmpfs" must have destination specified')
    return posixpath.join("/", options["destination"])
