"""GCP_PLUGIN decides which gcp plugin the engine runs, and a wrong one stops each command.

The genuine plugin cannot be had here: an executable that records its start, and then becomes the
stand-in, is used for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.compute.machines import GENUINE_PLUGIN_SECONDS
from rehearsal.pulumi_plugins.install import version
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("pulumi_cli")]

PLUGIN = """#!/bin/sh
if [ "$1" = -version ]; then echo {version}; exit; fi
echo "$PULUMI_STACK" >> {starts}
export PYTHONPATH={repository}
exec {python} -P -m rehearsal.pulumi_plugins.gcp
"""


def test_the_engine_runs_the_named_plugin(
    tmp_path: Path, local_cloud: LocalCloud, pulumi_cli: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A preview of Primus' stack succeeds through the executable that GCP_PLUGIN names."""
    plugin, starts = tmp_path / "plugin", tmp_path / "starts"
    text = PLUGIN.format(
        version=version("gcp"), starts=starts, repository=REPOSITORY, python=sys.executable
    )
    plugin.write_text(text)
    plugin.chmod(0o755)
    monkeypatch.setenv("GCP_PLUGIN", str(plugin))
    workspace = Workspace(tmp_path / "workspace", local_cloud, pulumi_cli)
    assert workspace.gcp_plugin == plugin
    assert local_cloud.machines.least_seconds == GENUINE_PLUGIN_SECONDS
    workspace.create_stacks()
    done = workspace.pulumi("primus", "preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(starts.read_text().split()) == {"primus"}


@pytest.mark.parametrize("command", ["rehearsal demo", "rehearsal cloud", "rehearsal.attacks"])
def test_a_plugin_that_is_not_there_ends_the_command(tmp_path: Path, command: str) -> None:
    """Exit code 2 and the reason, in place of a run with the stand-in."""
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=REPOSITORY,
        env={**os.environ, "GCP_PLUGIN": str(tmp_path / "missing")},
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 2, printed
    assert "names no gcp plugin that can be used" in printed
    assert "Traceback" not in printed
