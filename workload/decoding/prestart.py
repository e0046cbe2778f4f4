"""The processes that decode pictures: started before anything else, ended with the run.

When they start there is neither a model nor a credential nor a picture, so they hold none; and they
get ready while the model is asked for.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from workload.decoding import confinement
from workload.decoding.worker_process import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workload.decoding.decoder_pool import Decoders
    from workload.manifest import Input


@contextmanager
def decoders(processes: int | None = None) -> Iterator[Callable[[Input], Decoders]]:
    """Starts decoder processes, as many as processors; gives what tells them a model's input."""
    confinement.hide()
    # For this thread and all that it starts: nobody waits for an answer, and each time that one
    # interrupts another costs its caches. Where this is not allowed, all goes a little slower.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with ExitStack() as ending:
        started = [Process() for _ in range(processes or os.cpu_count() or 1)]
        for each in started:
            ending.callback(each.close)

        def tell(wanted: Input) -> Decoders:
            # NumPy takes as long to import as they take to start: it is imported meanwhile.
            from workload.decoding.decoder_pool import Decoders  # noqa: PLC0415

            told = Decoders(wanted, started)
            ending.callback(told.close)
            return told

        yield tell
