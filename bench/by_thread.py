"""Measures which threads of a run use the processors: what the limit of the steps leaves out.

Linux only: it reads /proc/PID/task/TID/schedstat
(https://docs.kernel.org/scheduler/sched-stats.html), ten times a second.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bench import local, process
from bench.table import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.figures import Key
    from bench.limits import Steps

GROUPS = {
    "decoders": ("header", "libjpeg-turbo", "resize"),
    "engine": ("predict",),
    "downloads": ("read", "SHA-256"),
    "main thread": ("record",),
}
"""Groups of threads, each with the steps that it executes."""
_NANOSECONDS = 1e9


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Where one run spent its time, from the loaded model to the last result."""

    each: Mapping[str, float]
    """Processor seconds of each group for one picture."""
    cores: float
    """Cores that were busy on average with this run."""
    first: float
    """Seconds from the loaded model to the first prediction."""
    last: float
    """Seconds from the last prediction to the last result."""


def measure(archive: Path, pictures: Path, count: int) -> Usage:
    """Runs the workload once from a folder, and watches its threads."""
    watched = Watch()
    finished = local.watched_workload(archive, pictures, count, watched)
    return usage(watched.samples, json.loads(finished.printed.splitlines()[-1]), count)


Threads = dict[tuple[int, int, str], float]
"""Processor seconds so far of each thread: process, thread, name."""


class Watch:
    """Reads the processor time of every thread of a process and its descendants, when called."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, int, Threads]] = []
        """Monotonic time, the first process, all threads that were ever seen."""

    def __call__(self, root: int) -> None:
        """One sample."""
        threads: Threads = dict(self.samples[-1][2]) if self.samples else {}
        for pid in process.family(root):
            with suppress(OSError):
                for task in (process.PROC / str(pid) / "task").iterdir():
                    with suppress(OSError):
                        name = (task / "comm").read_text().strip()
                        used = int((task / "schedstat").read_text().split()[0])
                        threads[pid, int(task.name), name] = used / _NANOSECONDS
        self.samples.append((time.monotonic(), root, threads))


def usage(
    samples: Sequence[tuple[float, int, Threads]], stopwatch: Mapping[str, Any], count: int
) -> Usage:
    """The usage of a run, from the samples of its threads and what its stopwatch printed."""
    root = samples[-1][1]
    # Behind the last result the process takes its libraries down.
    before, after = (_at(samples, stopwatch[moment]) for moment in ("loaded", "done"))
    engine = set(stopwatch["predicting"])
    seconds = dict.fromkeys(GROUPS, 0.0)
    for (pid, thread, name), used in after.items():
        if pid != root:
            group = "decoders"
        elif thread == root:
            group = "main thread"
        elif thread in engine or name.startswith("tf_"):
            group = "engine"
        else:
            group = "downloads"
        seconds[group] += used - before.get((pid, thread, name), 0.0)
    return Usage(
        each={group: used / count for group, used in seconds.items()},
        cores=sum(seconds.values()) / (stopwatch["done"] - stopwatch["loaded"]),
        first=stopwatch["predicted"] - stopwatch["loaded"],
        last=stopwatch["done"] - stopwatch["last"],
    )


def _at(samples: Sequence[tuple[float, int, Threads]], moment: float) -> Threads:
    """The threads at a moment between two samples; what they used in between is divided evenly."""
    for (start, _, before), (end, _, after) in pairwise(samples):
        if start <= moment <= end:
            share = (moment - start) / (end - start)
            return {
                thread: before.get(thread, 0.0) * (1 - share) + used * share
                for thread, used in after.items()
            }
    return dict(samples[-1][2])


def usage_table(usages: Mapping[Key, Usage], steps: Mapping[Key, Steps]) -> str:
    """A column for each run; in brackets what the steps of a group take by themselves."""
    rows = [["processor ms each", *(f"{what}, {who}" for what, who in usages)]]
    for group, names in GROUPS.items():
        cells = [
            f"{1000 * each.each[group]:.2f} ({1000 * sum(steps[key][name] for name in names):.2f})"
            for key, each in usages.items()
        ]
        rows.append([f"{group}: {', '.join(names)}", *cells])
    rows.append(["cores busy with it", *(f"{each.cores:.2f}" for each in usages.values())])
    rows.append(["s to the first prediction", *(f"{each.first:.2f}" for each in usages.values())])
    rows.append(
        [
            "s from the last prediction to the last result",
            *(f"{each.last:.2f}" for each in usages.values()),
        ]
    )
    return table(rows)
