"""`make attack`: every lie, every guard, the fuzz and the published example, on one deployment."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from rehearsal.attacks import matrix, report, target
from rehearsal.attacks.fuzz import fuzz
from rehearsal.attacks.mutants import remove_each
from rehearsal.attacks.published_example import published
from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError
from rehearsal.pulumi_plugins.genuine_gcp import PluginError, described, genuine_gcp_plugin

WIDTH = 130


def attack(told: target.World) -> report.Attack:
    """Try everything on what was deployed."""
    ours = matrix.judge(told)
    return report.Attack(
        ours=ours,
        example=matrix.judge(published(told)),
        compared=len(told.presented),
        disagreements=len(matrix.disagreements(told)),
        removals=remove_each(told),
        fuzzed=fuzz(told),
    )


def main() -> int:
    """Print what came of it; 0 if every lie was refused and every guard missed, else 1 or 2."""
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__.partition(":")[2])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as data")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    started = time.monotonic()
    try:
        plugin, cli = genuine_gcp_plugin(), acquire()
    except (PluginError, PulumiCliError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  the command's output
        return 2
    console.print(described(plugin), highlight=False, soft_wrap=True)
    with (
        tempfile.TemporaryDirectory(prefix="confidential-inference-") as scratch,
        console.status("deploying both companies on the real engine"),
        target.deployed(Path(scratch) / "workspace", cli) as deployment,
    ):
        told = target.world(deployment)
    with console.status("attacking"):
        seen = attack(told)
    report.show(console, seen)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report.data(seen), indent=2) + "\n")
    for problem in seen.problems:
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{time.monotonic() - started:.0f} s in all", highlight=False)
    return 1 if seen.problems else 0


if __name__ == "__main__":
    sys.exit(main())
