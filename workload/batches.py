"""Runs the model on batches of decoded pictures, on all cores, within a time limit.

Batches are always full and each picture has a fixed place in its batch, so that scores depend
neither on failures of other pictures nor on where an interrupted run continues.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeAlias

from workload.errors import Failure, PictureFailure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workload.job import Model, Pixels
    from workload.records import Outcome, Picture

    _Batch: TypeAlias = list[tuple[Picture, Pixels | PictureFailure]]
    _Pending: TypeAlias = tuple[_Batch, Future[Sequence[Outcome]]]


THREADS: Final = os.cpu_count() or 1


def pool() -> ThreadPoolExecutor:
    """The threads on which `outcomes` computes; they end when nobody has the pool any more.

    One pool for as long as a model is used: TensorFlow keeps memory of each thread that computed.
    """
    return ThreadPoolExecutor(THREADS)


def outcomes(
    pool: ThreadPoolExecutor,
    model: Model,
    pictures: Iterator[tuple[Picture, Pixels | PictureFailure]],
    size: int,
    seconds: float,
) -> Iterator[tuple[_Batch, list[Outcome]]]:
    """Yields batches of `size` pictures, in order, with the outcome of each picture.

    Raises MODEL_TOO_SLOW if the model needs more than `seconds` for a batch. Then its thread still
    computes, and nothing can end it but the end of the process.
    """
    pending: deque[_Pending] = deque()
    try:
        while batch := list(islice(pictures, size)):
            pending.append((batch, pool.submit(_classified, model, batch, size)))
            # One batch more than threads, so that no thread waits for this loop.
            if len(pending) > THREADS:
                yield _done(pending.popleft(), seconds)
        while pending:
            yield _done(pending.popleft(), seconds)
    finally:
        for _, answer in pending:
            answer.cancel()


def _done(pending: _Pending, seconds: float) -> tuple[_Batch, list[Outcome]]:
    batch, answer = pending
    try:
        return batch, list(answer.result(timeout=seconds))
    except TimeoutError as error:
        raise WorkloadError(Failure.MODEL_TOO_SLOW) from error


def _classified(model: Model, batch: _Batch, size: int) -> Sequence[Outcome]:
    """The outcome of each picture of a batch."""
    usable = [pixels for _, pixels in batch if not isinstance(pixels, PictureFailure)]
    answers: Sequence[Outcome] = [()] * len(batch)
    if usable:
        # Fill the places of failed pictures, and the rest of the batch, with a usable picture.
        full = [usable[0] if isinstance(pixels, PictureFailure) else pixels for _, pixels in batch]
        answers = model.classify(full + [usable[0]] * (size - len(batch)))
    return [
        pixels if isinstance(pixels, PictureFailure) else answer
        for (_, pixels), answer in zip(batch, answers, strict=False)
    ]
