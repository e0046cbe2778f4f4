"""Packs one model after the other by the command `pack`, each in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.models.subjects import Subject

_MAKE = (
    "import sys; from bench.models import subjects; subjects.make(int(sys.argv[1]), sys.argv[2])"
)
_UNUSABLE = 2
"""The exit code of `pack` for a model that it does not pack."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What became of one model on one engine."""

    subject: Subject
    engine: str
    problem: str
    """What is not as expected; empty if all is."""
    same_class: str = ""
    """Pictures in the same class, of how many."""
    difference: float = 0
    pictures_per_second: float = 0
    megabytes: float = 0
    seconds_to_load: float = 0


def rows(number: int, subject: Subject) -> Iterator[Row]:
    """Makes the model with this number, and packs it for each of its engines."""
    with tempfile.TemporaryDirectory() as folder:
        made = _python("-c", _MAKE, f"{number}", folder)
        for engine in subject.engines:
            if made.returncode:
                problem = f"not made: {made.stderr[-500:]}"
                yield Row(subject=subject, engine=engine, problem=problem)
            else:
                model = made.stdout.splitlines()[-1]
                yield _packed(subject, engine, model, Path(folder, f"packed-{engine}"))


def _packed(subject: Subject, engine: str, model: str, output: Path) -> Row:
    engines = () if subject.form == ".tflite" else ("--engine", engine)
    options = (*subject.options, *engines, "--output", str(output))
    done = _python("-m", "ops", "pack", model, *options)
    if subject.refused is not None:
        as_expected = done.returncode == _UNUSABLE and subject.refused in done.stderr
        problem = "" if as_expected else f"not refused as expected: {done.stderr[-500:]}"
        return Row(subject=subject, engine=engine, problem=problem)
    if done.returncode:
        problem = f"exit code {done.returncode}: {done.stderr[-800:]}"
        return Row(subject=subject, engine=engine, problem=problem)
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    return Row(
        subject=subject,
        engine=engine,
        problem="" if report["varied"] else "every picture gets the same answer",
        same_class=f"{report['sameClass']} of {len(report['pictures'])}",
        difference=report["largestDifference"],
        pictures_per_second=report["picturesPerSecond"],
        megabytes=report["archive"]["bytes"] / 1e6,
        seconds_to_load=report["secondsToLoad"],
    )


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  this Python, and modules of this repository
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        # Only errors; other messages would hide those of `pack`.
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
