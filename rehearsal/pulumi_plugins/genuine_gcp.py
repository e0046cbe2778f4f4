"""The genuine gcp plugin in place of its stand-in, where the variable GCP_PLUGIN names it.

Only on request: a run with the genuine plugin proves more than a run with the stand-in, so nobody
may get one for the other unnoticed. The version must be the one that the installed SDK names.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins.install import version

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "GCP_PLUGIN"
INSTALLED = "installed"
"""The value that means: the plugin in the caller's own $PULUMI_HOME."""

ANSWER_SECONDS = 60
"""How long `-version` may take: the executable has some 200 MB."""


class PluginError(Exception):
    """GCP_PLUGIN names no plugin that can be used; the text says what was expected, and the fix."""


def genuine_gcp_plugin(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The executable that GCP_PLUGIN names, of the SDK's version; None where it is not set.

    Raises PluginError if there is no executable, or if its version is another one.
    """
    value = environ.get(VARIABLE, "")
    if not value:
        return None
    expected = version("gcp")
    path = _installed(environ, expected) if value == INSTALLED else Path(value).expanduser()
    path = path.absolute()  # the engine starts it in another folder
    if (got := _version(path)) != expected:
        raise PluginError(
            f"{VARIABLE}={value} names no gcp plugin that can be used\n"
            f"  got          {path}: {got}\n"
            f"  expected     a pulumi-resource-gcp of version {expected}, the installed SDK's\n"
            "  consequence  nothing was deployed; the stand-in is not used in its place\n"
            f"  fix          pulumi plugin install resource gcp {expected}, then"
            f" {VARIABLE}={INSTALLED}; or unset {VARIABLE} to use the stand-in"
        )
    return path


def described(plugin: Path | None) -> str:
    """Which gcp plugin a run used, for its output."""
    if plugin is None:
        return f"gcp plugin: the stand-in of this repository ({VARIABLE} names the genuine one)"
    return f"gcp plugin: {plugin}, version {version('gcp')}"


def _installed(environ: Mapping[str, str], expected: str) -> Path:
    home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    return home / "plugins" / f"resource-gcp-v{expected}" / "pulumi-resource-gcp"


def _version(executable: Path) -> str:
    """What the plugin answers to `-version`, or why there is no answer.

    https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/pf/tfbridge/main.go
    """
    try:
        answer = subprocess.run(  # noqa: S603  the user's own choice
            [executable, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=ANSWER_SECONDS,
        ).stdout.strip()
    except (OSError, UnicodeDecodeError, subprocess.SubprocessError) as error:
        return f"it does not run: {error}"
    return answer.removeprefix("v") or "no version"
