"""`make bench`: compares each figure with its bound; writes docs/bench.md and docs/bench.svg."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path

from bench import chart, report, schedule
from bench.process import PROC
from bench.run import measure
from bench.subjects import TREE

ROUNDS = 5


def main() -> int:
    """0 if every figure was measured and meets its bound."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few pictures, to see that it works")
    parser.add_argument(
        "--small", action="store_true", help="small pictures and peers only; writes no document"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"(default: {ROUNDS})")
    parser.add_argument(
        "--pictures",
        type=Path,
        default=Path(tempfile.gettempdir()) / "confidential-inference-bench",
        help="where the pictures are kept between runs (500 MB)",
    )
    arguments = parser.parse_args()
    # Like Ctrl-C, so that the measured process is stopped, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not (PROC / "self" / "status").exists():
        _print("got no /proc, expected Linux: memory and processor time cannot be measured here")
        return 1
    size, rounds = schedule.FULL, arguments.rounds
    if arguments.quick:
        size, rounds = schedule.QUICK, 1
    elif arguments.small:
        size = schedule.SMALL_ONLY
    machine = report.Machine.this()
    measured = measure(size, rounds, arguments.pictures, _print)
    if size is schedule.SMALL_ONLY:
        _print(report.small_pictures(measured, machine))
    else:
        text = report.text(measured, machine)
        _print(text)
    if size is schedule.QUICK:
        _print("A smoke run: figures of so few pictures say nothing, and no goal was judged.")
    elif size is schedule.FULL:
        (TREE / "docs" / "bench.md").write_text(text)
        (TREE / "docs" / "bench.svg").write_text(chart.svg(measured.rounds, machine.cores))
    for problem in measured.problems:
        _print(problem)
    return 1 if measured.problems else 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
