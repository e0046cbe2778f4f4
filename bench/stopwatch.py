"""What a measured process notes about itself, and says as one line of JSON when it ends.

Times are of the machine's monotonic clock, so they can be held against those of other processes.
"""

from __future__ import annotations

import json
import resource
import sys
import time


class Stopwatch:
    """The moments of one run: the model is loaded, the first prediction is there, all is done."""

    def __init__(self) -> None:
        self._loaded = self._predicted = self._cpu = 0.0

    def loaded(self) -> None:
        """The model can be asked from now on; what comes before is not the work that is timed."""
        self._loaded, self._cpu = time.monotonic(), _cpu()

    def predicted(self) -> None:
        """A prediction is there; the first one counts."""
        self._predicted = self._predicted or time.monotonic()

    def done(self) -> None:
        """Everything is written, and every child process has been waited for."""
        output = {
            "loaded": self._loaded,
            "predicted": self._predicted,
            "done": time.monotonic(),
            "cpu": _cpu() - self._cpu,
        }
        sys.stdout.write(json.dumps(output) + "\n")


def _cpu() -> float:
    """Processor time of this process, and of its children once they were waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
