"""Decodes in threads of the workload's own process, to measure the cost of isolation.

The workload has no such mode. The decoder is the workload's own; it releases Python's lock.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from workload.decoding import pixels
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from workload.job import Pixels
    from workload.manifest import Input
    from workload.records import Picture

AHEAD = 64
"""Pictures to decode ahead: four batches."""


class _Thread(threading.local):
    """Data of each thread."""

    def __init__(self) -> None:
        self.buffer = pixels.Buffer()


_THREAD = _Thread()


@contextmanager
def decoders() -> Iterator[Callable[[Input], ThreadedDecoders]]:
    """Replaces `workload.decoding.prestart.decoders`."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield partial(ThreadedDecoders, pool)


@dataclass(frozen=True)
class ThreadedDecoders:
    """Decodes in order, on all cores."""

    pool: ThreadPoolExecutor
    model_input: Input

    def decode(
        self, downloaded: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, Pixels | PictureFailure]]:
        """See `workload.job.Decoders`."""
        ahead: deque[tuple[Picture, Future[Pixels | PictureFailure]]] = deque()
        for picture, data in downloaded:
            ahead.append((picture, self.pool.submit(self._one, data)))
            if len(ahead) == AHEAD:
                first, decoded = ahead.popleft()
                yield first, decoded.result()
        for picture, decoded in ahead:
            yield picture, decoded.result()

    def _one(self, data: bytes | PictureFailure) -> Pixels | PictureFailure:
        if isinstance(data, PictureFailure):
            return data
        try:
            return pixels.decode(data, self.model_input, _THREAD.buffer)
        except PictureError as error:
            return error.failure
