"""The run's side of one decoder process: sends chunks, receives outcomes, trusts none of them.

A picture may have compromised the process. So this module checks the length of an answer, each
outcome and each pixel (`value_range`), and it copies the pixels before it checks them. It can't
detect a decoder that sends valid but false pixels for later pictures. `decoder_pool` finds out
which picture caused a failure.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workload.decoding import image_limits, value_range, worker_protocol
from workload.errors import Failure, PictureFailure, WorkloadError

if TYPE_CHECKING:
    from workload.decoding.worker_process import WorkerProcess
    from workload.job import Pixels
    from workload.manifest import Input
    from workload.records import Picture


class WorkerLostError(Exception):
    """A decoder died, hangs or sent an invalid answer; holds the code for a guilty picture."""

    def __init__(self, failure: PictureFailure) -> None:
        self.failure = failure
        super().__init__(failure.value)


@dataclass(eq=False, kw_only=True)
class Task:
    """One picture and its outcome, once there is one."""

    picture: Picture
    data: bytes
    outcome: Pixels | PictureFailure | None = None


class WorkerClient:
    """A decoder for a model's input, until it is closed; methods raise WorkerLostError.

    If the decoder could not be confined, raises DECODERS_NOT_CONFINED, which ends the run.
    """

    def __init__(self, model_input: Input, process: WorkerProcess) -> None:
        self.layout = worker_protocol.Layout.of(model_input)
        self.chunks: deque[list[Task]] = deque()
        """Sent and not answered yet, oldest first; at most SLOTS."""
        self.answered = 0
        self.ready = False
        """Whether the decoder has reported that it is confined."""
        self._lowest, self._highest = value_range.bounds(model_input)
        self._sent = 0
        self._unread = b""
        self._process = process
        self._memory = process.share(model_input, self.layout.size)
        self._waiting_since = time.monotonic()

    @property
    def answers(self) -> int:
        """Readable when there is an answer or the process has ended."""
        return self._process.answers

    @property
    def deadline(self) -> float:
        """The time of the monotonic clock by which the decoder must answer."""
        return self._waiting_since + image_limits.MAX_ANSWER_SECONDS

    def send(self, chunk: list[Task]) -> None:
        """Sends a chunk; there must be a free slot."""
        if not self.chunks and self.ready:
            self._waiting_since = time.monotonic()
        at = self.layout.encoded(self._sent)
        for task in chunk:
            self._memory[at : at + len(task.data)] = task.data
            at += len(task.data)
        self.chunks.append(chunk)
        self._sent += 1
        self._process.send(worker_protocol.request([len(task.data) for task in chunk]))

    def receive(self, *, answered: bool) -> None:
        """Reads the answer if there is one (`answered`); otherwise checks the deadline."""
        if not answered:
            if time.monotonic() > self.deadline:
                raise WorkerLostError(PictureFailure.DECODER_TOO_SLOW)
            return
        read = os.read(self.answers, 1 + worker_protocol.SLOTS * worker_protocol.CHUNK_PICTURES)
        if not read:
            raise WorkerLostError(self._process.cause_of_death())
        if not self.ready:
            if read.startswith(worker_protocol.NOT_CONFINED):
                raise WorkloadError(Failure.DECODERS_NOT_CONFINED)
            _require(read.startswith(worker_protocol.READY))
            self.ready, read, self._waiting_since = True, read[1:], time.monotonic()
        self._unread += read
        while self.chunks and len(self._unread) >= len(self.chunks[0]):
            self._accept_chunk()
        _require(bool(self.chunks) or not self._unread)

    def close(self) -> None:
        """Kills the process and frees its memory."""
        self._process.close()
        self._memory.close()

    def _accept_chunk(self) -> None:
        """Sets the outcomes of the oldest chunk: all of them or none."""
        chunk = self.chunks[0]
        outcomes = [self._outcome(place) for place in range(len(chunk))]
        for task, outcome in zip(chunk, outcomes, strict=True):
            task.outcome = outcome
        self._unread = self._unread[len(chunk) :]
        self.chunks.popleft()
        self.answered += 1
        self._waiting_since = time.monotonic()

    def _outcome(self, place: int) -> Pixels | PictureFailure:
        code = self._unread[place]
        _require(code < len(worker_protocol.OUTCOMES))
        failure = worker_protocol.OUTCOMES[code]
        if failure is not None:
            return failure
        shape = self.layout.shape[1:]
        size = math.prod(shape)
        at = self.layout.pixels(self.answered) + place * 4 * size
        pixels = np.frombuffer(self._memory, np.float32, size, at).copy().reshape(shape)
        _require(self._is_possible(pixels))
        return pixels

    def _is_possible(self, pixels: Pixels) -> bool:
        """Whether each pixel is within the bounds of its channel.

        Written so that NaN is not, too: a model could do anything with it.
        """
        if pixels.min() >= self._lowest.max() and pixels.max() <= self._highest.min():
            return True  # four times as fast, and enough if the bounds of all channels are equal
        # First along rows: numpy is slow with columns of three numbers.
        rows, columns = pixels.reshape(len(pixels), -1), pixels.shape[1:]
        lows = rows.min(axis=0).reshape(columns).min(axis=0)
        highs = rows.max(axis=0).reshape(columns).max(axis=0)
        return bool((lows >= self._lowest).all() and (highs <= self._highest).all())


def _require(condition: bool) -> None:
    if not condition:
        raise WorkerLostError(PictureFailure.DECODER_CRASHED)
