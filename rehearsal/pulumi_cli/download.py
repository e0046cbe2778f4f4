"""Downloads the official release of the CLI, by the Pulumi SDK's own installer."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

from rehearsal.pulumi_cli.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INSTALLER = "https://get.pulumi.com/install.sh"
"""The script that the SDK's installer downloads and runs; the same host has the release.
https://www.pulumi.com/docs/reference/pkg/python/pulumi/#pulumi.automation.PulumiCommand.install"""

CONNECT_SECONDS = 5
"""For a first request: without a network, the SDK and its script would wait for minutes."""

DOWNLOAD_SECONDS = 900
"""About 100 MB."""

_INSTALL = """
import subprocess, sys
from pulumi.automation import PulumiCommand
from semver import VersionInfo
try:
    PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
except subprocess.CalledProcessError as error:
    sys.exit(error.output.decode(errors="replace"))
"""


def official(folder: Path, environ: Mapping[str, str], version: str) -> None:
    """Install the release, language hosts included, into `folder`/bin.

    UnavailableError if its host does not answer, or if the installer fails.
    """
    try:
        question = urllib.request.Request(INSTALLER, method="HEAD")
        urllib.request.urlopen(question, timeout=CONNECT_SECONDS).close()  # noqa: S310  a constant
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"{INSTALLER} cannot be reached: {error}") from error
    sys.stderr.write(f"downloading the Pulumi CLI {version} from {INSTALLER}\n")
    with subprocess.Popen(  # noqa: S603  the SDK's installer
        [sys.executable, "-c", _INSTALL, folder, version],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as installer:
        try:
            printed, _ = installer.communicate(timeout=DOWNLOAD_SECONDS)
        except BaseException as error:
            # The script's own children (curl, tar) would continue without it.
            os.killpg(installer.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise UnavailableError(
                    f"the download took more than {DOWNLOAD_SECONDS} s"
                ) from error
            raise
    if installer.returncode:
        raise UnavailableError(f"the installer failed: {printed.strip()[-500:]}")
