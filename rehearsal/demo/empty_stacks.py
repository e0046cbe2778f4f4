"""How a demonstration begins, with two companies on a local cloud, and how it ends if it must."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi.automation import CommandError

from ops.explain import command as explain_command
from ops.explain import reader as update_reader
from ops.terminal import styled
from rehearsal.administrator import AdminError
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.demo.context import Context
from rehearsal.demo.summary import introduce
from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError
from rehearsal.pulumi_plugins.genuine_gcp import PluginError, described
from rehearsal.workspace import EngineError, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ops.terminal import Terminal

FAILURES: Final = (PulumiCliError, PluginError, EngineError, AdminError, CommandError)
"""With these a step could not run."""


@contextmanager
def empty_stacks(console: Terminal, shown: Sequence[str]) -> Iterator[Context]:
    """Say what will be shown, and make a workspace with an empty stack for each company.

    The cloud and the workspace are gone after the block; raises FAILURES.
    """
    with (
        tempfile.TemporaryDirectory(prefix="confidential-inference-") as scratch,
        running(Cloud()) as local,
    ):
        introduce(console, shown)
        two_companies(local.cloud)
        cli = acquire()
        with console.working("two empty stacks"):
            workspace = Workspace(Path(scratch) / "workspace", local, cli)
            console.print(described(workspace.gcp_plugin), soft_wrap=True)
            workspace.create_stacks()
        yield Context(console, local, workspace)


def print_failure(console: Terminal, error: Exception) -> None:
    """Print why a step could not run, and the explanation if `explain` has one."""
    console.print(styled("error:", "red"), str(error), soft_wrap=True)
    with suppress(update_reader.UnknownError):
        explain_command.show(console, update_reader.explained(str(error).encode()))
