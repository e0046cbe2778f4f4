"""Starts the decoder processes before anything else, and ends them with the run.

At that time there is no model, no credential and no picture, so they can hold none. They import
their libraries while the run requests the model.
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
    """Starts `count` processes (default: one a core); gives the function that makes the pool."""
    confinement.hide()
    # For this thread and all processes that it starts: throughput counts, not latency, and every
    # preemption costs the caches. If this is forbidden, the run is a little slower.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with ExitStack() as stack:
        processes = [WorkerProcess() for _ in range(count or os.cpu_count() or 1)]
        for process in processes:
            stack.callback(process.close)

        def pool_for(model_input: Input) -> DecoderPool:
            # Import NumPy here: it takes as long as the processes need to start.
            from workload.decoding.decoder_pool import DecoderPool  # noqa: PLC0415

            pool = DecoderPool(model_input, processes)
            stack.callback(pool.close)
            return pool

        yield pool_for
