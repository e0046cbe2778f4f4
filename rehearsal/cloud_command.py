"""A local cloud to use by hand: it runs until Ctrl-C, and everything it made goes with it."""

from __future__ import annotations

import os
import shlex
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ops.terminal import styled
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError
from rehearsal.pulumi_plugins.genuine_gcp import PluginError, described
from rehearsal.workspace import EngineError, Workspace

if TYPE_CHECKING:
    from ops.terminal import Terminal

CONSOLE = (
    "https://compute.googleapis.com/compute/v1/projects/secundus-vision/zones/us-west1-b"
    "/instances/workload-vm/serialPort"
)
"""What `gcloud compute instances get-serial-port-output` asks for."""

ORPHAN_SECONDS = 1.0
"""How often to look whether whoever started this is still there."""


def serve(console: Terminal, port: int, folder: str | None) -> int:
    """Run until Ctrl-C; 2 if it cannot start, with the reason."""
    try:
        cli = acquire()
        with (
            tempfile.TemporaryDirectory(prefix="confidential-inference-") as scratch,
            running(Cloud(), port=port) as local,
        ):
            two_companies(local.cloud)
            where = Path(folder).resolve() if folder else Path(scratch) / "workspace"
            workspace = Workspace(where, local, cli)
            workspace.create_stacks()
            for company in COMPANIES:
                _write(where / f"{company}.env", workspace.environment(company))
            stopped = _stop_request()
            console.print(described(workspace.gcp_plugin), soft_wrap=True)
            _explain(console, where, kept=folder is not None)
            _wait(stopped)
    except (PulumiCliError, PluginError, EngineError, OSError) as error:
        console.print(styled("error:", "red"), _cure(error, port), soft_wrap=True)
        return 2
    return 0


def _write(path: Path, environment: dict[str, str]) -> None:
    """A file to source; it holds an access token, so it is its owner's only."""
    path.touch(mode=0o600)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(environment.items())]
    path.write_text("\n".join(lines) + "\n")


def _explain(console: Terminal, where: Path, *, kept: bool) -> None:
    console.print(styled("The local cloud is up.", "bold"), "In another terminal, as Primus:\n")
    console.print(f"  cd {where / 'program'}", soft_wrap=True)
    console.print(f"  source {where / 'primus.env'}\n", soft_wrap=True)
    console.print("  pulumi preview\n  pulumi up\n  pulumi stack output handover\n")
    console.print("then, as Secundus, in a third one:\n")
    console.print(f"  cd {where / 'program'}", soft_wrap=True)
    console.print(f"  source {where / 'secundus.env'}\n", soft_wrap=True)
    console.print(
        "  pulumi config set forceDestroy true    # or destroy stops at the results\n  pulumi up",
    )
    # The copy of the program has this repository's virtual environment, and so its commands.
    console.print("  .venv/bin/confidential-inference results")
    # The certificates by name: curl prefers those of CURL_CA_BUNDLE, where that is set.
    console.print(
        '  curl -sSf --cacert "$SSL_CERT_FILE"'
        ' -H "Authorization: Bearer $GOOGLE_OAUTH_ACCESS_TOKEN"'
        f" {CONSOLE} > launcher.json",
        soft_wrap=True,
    )
    console.print("  .venv/bin/confidential-inference why launcher.json\n")
    console.print("  pulumi destroy\n")
    console.print("docs/operations.md goes on from there: every command of it works here.\n")
    ending = "" if kept else " and deletes the folder"
    console.print("Each file names the stack, its deployer's token and the way here; your own")
    console.print(f"credentials are not used. Ctrl-C stops the cloud{ending}.")


def _stop_request() -> threading.Event:
    """What Ctrl-C and SIGTERM set from now on."""
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    return stopped


def _wait(stopped: threading.Event) -> None:
    """Return when asked to stop, or when the process that started this one is gone."""
    parent = os.getppid()
    while not stopped.wait(ORPHAN_SECONDS) and os.getppid() == parent:
        pass


def _cure(error: Exception, port: int) -> str:
    if isinstance(error, OSError) and port:
        return f"port {port} cannot be used ({error.strerror}); choose another, or leave --port out"
    return str(error)
