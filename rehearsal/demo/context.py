"""Where the demonstration is played: the two companies, and what every chapter does there."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.untrusted_text import shown
from infra.wording import counted
from ops.records import Run
from ops.results import bucket_of
from ops.terminal import styled
from rehearsal.administrator import Admin
from rehearsal.demo.expectations import Promises
from rehearsal.demo.progress import Progress
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.terminal import Terminal
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

WAIT_SECONDS = 120


@dataclass
class Stage:
    """What every chapter needs."""

    console: Terminal
    local: LocalCloud
    workspace: Workspace
    promises: Promises = field(default_factory=Promises)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """what each stack exported when `up` last deployed it"""
    kept: dict[str, str] = field(default_factory=dict)
    """what to leave behind for `python -m ops why`: text by file name"""

    def admin(self, company: str) -> Admin:
        """The company's deployer at a terminal."""
        return Admin(self.workspace.environment(company))

    def chapter(self, title: str) -> None:
        """Announce what comes."""
        self.console.rule(styled(title, "bold"), align="left")


@contextmanager
def watched(stage: Stage, company: str) -> Iterator[Progress]:
    """Show live what the engine does for a company: the event handler to give to it."""
    with stage.console.working(f"{company}: the program") as say:
        progress = Progress(stage.console, company, say)
        try:
            yield progress
        finally:
            progress.tell()


def up(stage: Stage, company: str) -> None:
    """`pulumi up`, with live progress; notes what the stack exports."""
    started = time.monotonic()
    with watched(stage, company) as progress:
        done = stage.workspace.stack(company).up(on_event=progress)
    stage.outputs[company] = {name: output.value for name, output in done.outputs.items()}
    seconds = time.monotonic() - started
    stage.console.print(f"  {company}: {counted(progress.count, 'resource')}, {seconds:.1f} s")


def results_of(stage: Stage) -> Run:
    """`python -m ops results`, as Secundus would run it in the program's folder."""
    command = [sys.executable, "-m", "ops", "results", "--json", "--wait", str(WAIT_SECONDS)]
    environment = stage.workspace.environment("secundus") | {"PYTHONPATH": str(REPOSITORY)}
    with stage.console.working("secundus: the workload runs"):
        answer = subprocess.run(  # noqa: S603  our own command
            command,
            cwd=stage.workspace.program,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if not answer.stdout:
        return Run((), answer.stderr.strip() or f"no results, exit code {answer.returncode}")
    parsed = json.loads(answer.stdout)
    return Run(tuple(parsed["records"]), parsed["failure"], parsed["summary"])


def launcher_log(stage: Stage, which: str) -> str:
    """The serial console of the machine, once it is off; kept, with what it left as `result`."""
    (machine,) = stage.local.cloud.instances.values()
    stage.local.machines.finished(machine).wait(WAIT_SECONDS)
    text = "".join(f"{line}\n" for line in machine.serial)
    stage.kept[f"launcher-{which}.log"] = text
    bucket = stage.local.cloud.buckets[bucket_of(stage.outputs["secundus"]["resultUri"])]
    if result := bucket.objects.get("result"):
        stage.kept[f"result-{which}"] = result.data.decode()
    return text


def show_console(stage: Stage) -> None:
    """Print what the machine's serial console says, for a run that left no result."""
    for machine in stage.local.cloud.instances.values():
        stage.console.print(f"  serial console of {machine.name}:")
        for line in machine.serial:
            stage.console.print(f"    {shown(line)}", soft_wrap=True)
