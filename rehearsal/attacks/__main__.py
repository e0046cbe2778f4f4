"""`make attack`: every lie, every guard, the fuzz and the published example, on one deployment."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from rehearsal.attacks import matrix, report
from rehearsal.attacks.deployment import Target, deploy, target_of
from rehearsal.attacks.fuzz import fuzz
from rehearsal.attacks.mutants import remove_each
from rehearsal.attacks.published_example import published
from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError
from rehearsal.pulumi_plugins.genuine_gcp import PluginError, described, genuine_gcp_plugin

WIDTH = 130


def attack(target: Target) -> report.Attack:
    """Try everything on the deployed stacks."""
    ours = matrix.judge(target)
    return report.Attack(
        ours=ours,
        example=matrix.judge(published(target)),
        compared=len(target.presented),
        disagreements=len(matrix.disagreements(target)),
        removals=remove_each(target),
        fuzzed=fuzz(target),
    )


def main() -> int:
    """Print the results; 0 if every lie was refused and each guard alone is needed, else 1 or 2."""
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
        deploy(Path(scratch) / "workspace", cli) as deployment,
    ):
        target = target_of(deployment)
    with console.status("attacking"):
        seen = attack(target)
    report.show(console, seen)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report.data(seen), indent=2) + "\n")
    for problem in seen.problems:
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{time.monotonic() - started:.0f} s in all", highlight=False)
    return 1 if seen.problems else 0


if __name__ == "__main__":
    sys.exit(main())
