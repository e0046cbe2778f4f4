"""Puts the plugins where the engine looks for them: the stand-ins, or the genuine gcp plugin."""

from __future__ import annotations

import importlib.util
import json
import shlex
from pathlib import Path

PACKAGES = ("gcp", "docker")


def install(home: Path, python: Path, repository: Path, gcp: Path | None = None) -> None:
    """Write an executable for each plugin under `home` ($PULUMI_HOME).

    `python` runs the stand-ins, with this repository's `rehearsal` on its path. `gcp` is a genuine
    gcp plugin to use in place of its stand-in (`genuine_gcp`). The engine looks for exactly the
    version that the installed SDK names; LookupError if an SDK is not installed.
    https://www.pulumi.com/docs/iac/concepts/plugins/
    """
    for package in PACKAGES:
        folder = home / "plugins" / f"resource-{package}-v{version(package)}"
        folder.mkdir(parents=True, exist_ok=True)
        executable = folder / f"pulumi-resource-{package}"
        if package == "gcp" and gcp is not None:
            executable.symlink_to(gcp)
            continue
        executable.write_text(
            "#!/bin/sh\n"
            f"export PYTHONPATH={shlex.quote(str(repository))}\n"
            f"exec {shlex.quote(str(python))} -P -m rehearsal.pulumi_plugins.{package}\n",
            encoding="utf-8",
        )
        executable.chmod(0o755)


def sdk(package: str) -> Path:
    """Where the Python SDK of a package is, without importing it; LookupError if it is not."""
    found = importlib.util.find_spec(f"pulumi_{package}")
    if found is None or found.origin is None:
        raise LookupError(f"got no package pulumi_{package}, expected it as in requirements.txt")
    return Path(found.origin).parent


def version(package: str) -> str:
    """The version of the plugin that an installed SDK asks for; LookupError if there is no SDK."""
    return str(json.loads((sdk(package) / "pulumi-plugin.json").read_text("utf-8"))["version"])
