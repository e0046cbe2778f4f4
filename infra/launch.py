"""The metadata of Secundus' virtual machine, in a form that Google's launcher accepts.

It has the names that image, machine and workload share. A preview refuses what the launcher would
refuse three minutes after the boot, on a serial console that nobody reads:
https://github.com/google/go-tpm-tools/blob/main/launcher/spec/launch_spec.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.errors import ProgramError
from infra.naming import IMAGE_REFERENCE
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

ENTRY_POINT: Final = ("python", "-m", "workload")
"""The exec-form entry point of the image, and therefore the whole `args` claim of its token."""

ENVIRONMENT: Final = (
    "MODEL_URI",
    "MODEL_SHA256",
    "MODEL_AUDIENCE",
    "MODEL_READER",
    "INPUT_URI",
    "RESULT_URI",
    "SUBSCRIPTION",
)
"""The workload's variables, in the order of the image's label allow_env_override."""

OPTIONAL: Final = frozenset({"SUBSCRIPTION"})
"""Set on each machine of a fleet, and on no other machine."""

METADATA_KEYS: Final = frozenset(
    {
        "tee-image-reference",
        "tee-restart-policy",
        *(f"tee-env-{name}" for name in ENVIRONMENT),
        "serial-port-logging-enable",
        "run",
    }
)
"""Every key that `LaunchSpec.metadata` writes."""

RESTART_POLICIES: Final = ("Never", "Always", "OnFailure")

MAX_VALUE: Final = 256 * 1024
"""Bytes of one metadata value: https://docs.cloud.google.com/compute/docs/metadata/overview"""


class LaunchError(ProgramError):
    """The launcher would refuse this launch; the message has every reason."""


@dataclass(frozen=True, kw_only=True)
class LaunchSpec:
    """One launch. Constructing it raises LaunchError if the launcher would refuse it."""

    image: str
    """by digest: a tag could be moved between preview and boot"""
    environment: Mapping[str, str]
    """the names in ENVIRONMENT; those in OPTIONAL may be absent"""
    run: str = ""
    """any text; another text replaces the machine, which then runs again"""
    restart_policy: str = "Never"

    def __post_init__(self) -> None:
        """Refuse values that would not boot."""
        problems = []
        if not re.fullmatch(IMAGE_REFERENCE, self.image):
            problems.append(
                f"image: got {self.image!r}, expected HOST/PATH@sha256: and 64 hex digits"
            )
        if self.restart_policy not in RESTART_POLICIES:
            problems.append(
                f"restart_policy: got {self.restart_policy!r}, expected one of {RESTART_POLICIES}"
            )
        problems += [
            f"{name}: not in the image's label allow_env_override, so the launcher would refuse it"
            for name in self.environment
            if name not in ENVIRONMENT
        ]
        problems += [
            f"{name}: got nothing, and the workload needs it"
            for name in ENVIRONMENT
            if not self.environment.get(name) and name not in OPTIONAL - self.environment.keys()
        ]
        problems += [
            f"{key}: got {counted(len(value.encode()), 'byte')}, Compute Engine takes {MAX_VALUE}"
            for key, value in self.metadata().items()
            if len(value.encode()) > MAX_VALUE
        ]
        if problems:
            raise LaunchError("The machine would not start its workload: " + "; ".join(problems))

    def metadata(self) -> dict[str, str]:
        """The machine's metadata; every value is a string, or the launcher cannot read any."""
        names = [name for name in ENVIRONMENT if name not in OPTIONAL - self.environment.keys()]
        variables = {f"tee-env-{name}": self.environment.get(name, "") for name in names}
        return {
            "tee-image-reference": self.image,
            "tee-restart-policy": self.restart_policy,
            **variables,
            # Cloud Logging stores the launcher's messages; the machine's own copy is lost when it
            # stops. The workload's output is not among them: the image forbids its redirection.
            "serial-port-logging-enable": "true",
            **({"run": self.run} if self.run else {}),
        }
