"""The processes that decode pictures: started before anything else, ended with the run.

When they start there is neither a model nor a credential nor a picture, so they hold none; and they
get ready while the model is asked for.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from workload.decoding import confinement
from workload.decoding.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from workload.decoding.decoder_pool import DecoderPool
    from workload.manifest import Input


@contextmanager
def decoders(count: int | None = None) -> Iterator[Callable[[Input], DecoderPool]]:
    """Starts decoder processes, as many as processors; gives what tells them a model's input."""
    confinement.hide()
    # For this thread and all that it starts: nobody waits for an answer, and each time that one
    # interrupts another costs its caches. Where this is not allowed, all goes a little slower.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with ExitStack() as stack:
        processes = [WorkerProcess() for _ in range(count or os.cpu_count() or 1)]
        for process in processes:
            stack.callback(process.close)

        def pool_for(model_input: Input) -> DecoderPool:
            # NumPy takes as long to import as they take to start: it is imported meanwhile.
            from workload.decoding.decoder_pool import DecoderPool  # noqa: PLC0415

            pool = DecoderPool(model_input, processes)
            stack.callback(pool.close)
            return pool

        yield pool_for
