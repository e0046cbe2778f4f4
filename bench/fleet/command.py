"""Simulates, and prints the tables, or writes them and the plot into docs/."""

from __future__ import annotations

import argparse
from typing import Final

from bench import cost
from bench.fleet import chart, report
from bench.fleet.setting import WARM
from bench.fleet.works import works

PAGE: Final = cost.DOCS / "fleet.md"
PLOT: Final = cost.DOCS / "fleet.svg"


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    found.add_argument("--write", action="store_true", help=f"into {PAGE.name} and {PLOT.name}")
    return found


def main() -> None:
    """Simulate; a minute or two."""
    options = parser().parse_args()
    found = [*works((cost.DOCS / "bench.md").read_text(encoding="utf-8"))]
    warm, cold = report.scaling(found, WARM), report.scaling(found)
    written = report.tables(found, warm, cold)
    if options.write:
        page = cost.updated(PAGE.read_text(encoding="utf-8"), written)
        PAGE.write_text(page, encoding="utf-8")
        PLOT.write_text(chart.svg(found, warm, cold), encoding="utf-8")
        return
    print("\n\n".join(written))  # noqa: T201  the answer
