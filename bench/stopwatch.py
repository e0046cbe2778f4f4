"""Measures from inside a process; prints one line of JSON at its end.

Times are of the machine's monotonic clock, so that they can be compared with other processes.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time


class Stopwatch:
    """The times of one run: model loaded, first and last prediction, end."""

    def __init__(self) -> None:
        self._loaded = self._predicted = self._last = self._cpu = 0.0
        self._predicting: set[int] = set()

    def loaded(self) -> None:
        """The model is loaded: the measured time starts."""
        self._loaded, self._cpu = time.monotonic(), _cpu()

    def predicted(self) -> None:
        """There is a prediction, made by the calling thread."""
        self._last = time.monotonic()
        self._predicted = self._predicted or self._last
        self._predicting.add(threading.get_native_id())

    def done(self) -> None:
        """Everything is written, and all child processes have ended."""
        output = {
            "loaded": self._loaded,
            "predicted": self._predicted,
            "last": self._last,
            "predicting": sorted(self._predicting),
            "done": time.monotonic(),
            "cpu": _cpu() - self._cpu,
        }
        sys.stdout.write(json.dumps(output) + "\n")


def _cpu() -> float:
    """Processor time of this process and of its ended children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
