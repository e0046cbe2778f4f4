"""The context of the demonstration's steps: the two companies, and the actions of several steps."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.untrusted_text import shown
from ops.records import Run
from ops.results import bucket_of
from ops.terminal import styled
from rehearsal.administrator import Admin
from rehearsal.demo.expectations import Expectations
from rehearsal.demo.layout import fact
from rehearsal.demo.progress import Progress
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ops.terminal import Terminal
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

WAIT_SECONDS = 120


@dataclass
class Context:
    """What every step needs."""

    console: Terminal
    local: LocalCloud
    workspace: Workspace
    expectations: Expectations = field(default_factory=Expectations)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """by stack, its outputs after the last `up`"""
    evidence: dict[str, str] = field(default_factory=dict)
    """for `python -m ops why`: text by file name"""
    report: Path | None = None
    """where to write the page with the admitted run's pictures; None if there is none"""
    warned: set[str] = field(default_factory=set)
    """the engine's warnings that were printed already"""

    def admin(self, company: str) -> Admin:
        """The REST requests of the company's deployer."""
        return Admin(self.workspace.environment(company))

    def heading(self, title: str) -> None:
        """Print the title of a step."""
        self.console.rule(styled(title, "bold"), align="left")

    def fact(self, label: str, text: str, style: str = "") -> None:
        """Print a text beside its label."""
        fact(self.console, label, text, style)


@contextmanager
def watched(context: Context, company: str) -> Iterator[Progress]:
    """Show the engine's progress for a company; gives the event handler for the engine."""
    with context.console.working(f"{company}: the program") as say:
        progress = Progress(context.console, company, say, context.warned)
        try:
            yield progress
        finally:
            progress.summarize()


def up(context: Context, company: str, *, refresh: bool = False) -> None:
    """`pulumi up`, with live progress; stores the stack's outputs."""
    with watched(context, company) as progress:
        done = context.workspace.stack(company).up(on_event=progress, refresh=refresh)
    context.outputs[company] = {name: output.value for name, output in done.outputs.items()}


def results_of(context: Context, *options: str) -> Run:
    """The output of `python -m ops results`, run in the program's folder as Secundus runs it."""
    ops = [sys.executable, "-m", "ops"]
    command = [*ops, "results", "--json", "--wait", str(WAIT_SECONDS), *options]
    environment = context.workspace.environment("secundus") | {"PYTHONPATH": str(REPOSITORY)}
    with context.console.working("secundus: the workload runs"):
        answer = subprocess.run(  # noqa: S603  our own command
            command,
            cwd=context.workspace.program,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if not answer.stdout:
        return Run((), answer.stderr.strip() or f"no results, exit code {answer.returncode}")
    parsed = json.loads(answer.stdout)
    return Run(tuple(parsed["records"]), parsed["failure"], parsed["summary"])


def launcher_log(context: Context, which: str) -> str:
    """The machine's serial console, once it is off; also stored as evidence, with its `result`."""
    (machine,) = context.local.cloud.instances.values()
    context.local.machines.finished(machine).wait(WAIT_SECONDS)
    text = "".join(f"{line}\n" for line in machine.serial)
    context.evidence[f"launcher-{which}.log"] = text
    bucket = context.local.cloud.buckets[bucket_of(context.outputs["secundus"]["resultUri"])]
    if result := bucket.objects.get("result"):
        context.evidence[f"result-{which}"] = result.data.decode()
    return text


def show_console(context: Context) -> None:
    """Print the machine's serial console, for a run without a result."""
    for machine in context.local.cloud.instances.values():
        context.console.print(f"  serial console of {machine.name}:")
        for line in machine.serial:
            context.console.print(f"    {shown(line)}", soft_wrap=True)
