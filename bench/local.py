"""Measures runs from a folder to a folder, each in a new process: no network, no Google."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import process
from bench.figures import Sample
from bench.subjects import TREE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIKE_THE_IMAGE = {"TF_CPP_MIN_LOG_LEVEL": "3", "MALLOC_ARENA_MAX": "2", "PYTHONPATH": str(TREE)}
"""The same values as in the workload's image."""


def workload(archive: Path, pictures: Path, count: int, *options: str) -> Sample:
    """Runs the workload's own code (`bench.workload_run`)."""
    return _sample(_run("bench.workload_run", archive, pictures, count, options)[0], count)


def watched_workload(
    archive: Path, pictures: Path, count: int, watch: Callable[[int], None]
) -> process.Finished:
    """The same, and calls `watch` with the process ID, again and again."""
    return _run("bench.workload_run", archive, pictures, count, watch=watch)[0]


def naive(model: Path, pictures: Path, count: int) -> Sample:
    """Runs the naive loop on an unpacked model."""
    return _sample(_run("bench.naive", model, pictures, count)[0], count)


def peer(module: str, model: Path, pictures: Path, count: int) -> Sample:
    """Runs a program of `bench.peers` on an unpacked model."""
    return _sample(_run(module, model, pictures, count)[0], count)


def answers(module: str, model: Path, pictures: Path, count: int) -> list[dict[str, Any]]:
    """A subject's records of `results.jsonl`, one a picture, in order."""
    return _run(module, model, pictures, count)[1]


def _run(
    module: str,
    model: Path,
    pictures: Path,
    count: int,
    options: Sequence[str] = (),
    watch: Callable[[int], None] = lambda _: None,
) -> tuple[process.Finished, list[dict[str, Any]]]:
    """FailedError unless every picture was classified: failures are fast, too."""
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, "-m", module, str(model), str(pictures), results]
        command += ["--count", str(count), *options]
        environment = {**os.environ, **LIKE_THE_IMAGE}
        finished = process.run(command, environment, TREE, watch=watch)
        lines = (Path(results) / "results.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if "topK" in record]
    if len(records) != count:
        raise process.FailedError(
            f"{' '.join(command)}: got {len(records)} classified pictures, expected {count}"
        )
    return finished, records


def _sample(finished: process.Finished, count: int) -> Sample:
    output = json.loads(finished.printed.splitlines()[-1])
    return Sample(
        pictures=count,
        seconds=output["done"] - output["loaded"],
        cpu=output["cpu"],
        peak=finished.peak,
        first=output["predicted"] - finished.started,
    )
