"""Decodes in child processes: keeps all of them busy, yields in order, isolates bad pictures.

A decoder that crashes, hangs or sends an invalid answer is replaced, and the pictures of its chunk
are retried one by one. A picture that fails alone, in a decoder that has decoded others before, is
retried once in a new decoder: an earlier picture may have compromised the old one. So exactly the
bad picture gets the code. Memory is bounded by the number of slots for chunks.
"""

from __future__ import annotations

import select
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, cast

from workload.decoding import image_limits, worker_protocol
from workload.decoding.worker_client import Task, WorkerClient, WorkerLostError
from workload.decoding.worker_process import WorkerProcess
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from workload.job import Pixels
    from workload.manifest import Input
    from workload.records import Picture


class DecoderPool:
    """Decoders for a model's input, in started processes; not thread-safe."""

    def __init__(
        self,
        model_input: Input,
        processes: Sequence[WorkerProcess],
        start: Callable[[], WorkerProcess] = WorkerProcess,
        client: Callable[[Input, WorkerProcess], WorkerClient] = WorkerClient,
    ) -> None:
        self._connect = partial(client, model_input)
        self._start = start
        self._clients = [self._connect(process) for process in processes]
        self._retries: deque[list[Task]] = deque()
        """Chunks to retry, before any new chunk."""

    def decode(
        self, downloads: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, Pixels | PictureFailure]]:
        """Yields each picture with its pixels or its failure, in the order of `downloads`."""
        max_tasks = len(self._clients) * worker_protocol.SLOTS * self._clients[0].layout.pictures
        downloads = iter(downloads)
        tasks: deque[Task] = deque()
        more = True
        while more or tasks:
            while tasks and tasks[0].outcome is not None:
                done = tasks.popleft()
                yield done.picture, cast("Pixels | PictureFailure", done.outcome)
            chunk: list[Task] | None = None
            client = min(self._clients, key=lambda client: len(client.chunks))
            if len(client.chunks) < worker_protocol.SLOTS:
                if self._retries:
                    chunk = self._retries.popleft()
                elif more and len(tasks) < max_tasks:
                    chunk = _next_chunk(downloads, client.layout.pictures)
                    more = bool(chunk)
                    tasks += chunk
            if waiting := [task for task in chunk or () if task.outcome is None]:
                client.send(waiting)
            # Wait for an answer only if no chunk could be sent.
            self._receive(wait=chunk is None)

    def close(self) -> None:
        """Ends all decoders."""
        for client in self._clients:
            client.close()

    def _receive(self, *, wait: bool) -> None:
        """Receives available answers, or waits for the next; replaces decoders that fail."""
        busy = {
            client.answers: client for client in self._clients if client.chunks or not client.ready
        }
        if not busy:
            return
        poll = select.poll()
        for answers in busy:
            poll.register(answers, select.POLLIN)
        seconds = min(client.deadline for client in busy.values()) - time.monotonic()
        answered = {answers for answers, _ in poll.poll(max(0, seconds) * 1000 if wait else 0)}
        for answers, client in busy.items():
            try:
                client.receive(answered=answers in answered)
            except WorkerLostError as error:
                self._replace(client, error.failure)

    def _replace(self, lost: WorkerClient, failure: PictureFailure) -> None:
        """Replaces a decoder and retries its pictures, except the one that caused the failure."""
        lost.close()
        if not lost.ready:
            raise RuntimeError("a decoder does not start, which is no picture's fault")
        new = self._clients[self._clients.index(lost)] = self._connect(self._start())
        first, *others = lost.chunks or [[]]
        self._retries.extendleft(reversed(others))
        if len(first) > 1:
            self._retries.extendleft([task] for task in reversed(first))
        elif first and lost.answered:
            new.send(first)
        elif first:
            first[0].outcome = failure


def _next_chunk(
    downloads: Iterator[tuple[Picture, bytes | PictureFailure]], most: int
) -> list[Task]:
    """The next pictures that fit into a slot; empty at the end of `downloads`."""
    tasks: list[Task] = []
    size = 0
    while len(tasks) < most and size < worker_protocol.CHUNK_BYTES:
        picture, data = next(downloads, (None, b""))
        if picture is None:
            break
        if isinstance(data, PictureFailure):
            tasks.append(Task(picture=picture, data=b"", outcome=data))
        elif len(data) > image_limits.MAX_FILE_BYTES:
            tasks.append(Task(picture=picture, data=b"", outcome=PictureFailure.TOO_LARGE))
        else:
            tasks.append(Task(picture=picture, data=data))
            size += len(data)
    return tasks
