"""The pool of decoder processes: real ones, and compromised ones."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest

from rehearsal.repository import REPOSITORY
from tests.fixtures.pictures.photos import exif, file, image
from workload.decoding import image_limits, pixels, prestart, worker_protocol
from workload.decoding.decoder_pool import DecoderPool
from workload.decoding.prestart import decoders
from workload.decoding.worker_client import WorkerClient
from workload.decoding.worker_process import WorkerProcess
from workload.errors import PictureFailure
from workload.manifest import Decode, Fit, Input, Resize
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


INPUT = Input(width=8, height=6, channels="RGB", low=0.0, high=255.0, resize="bilinear")
COMPROMISED = (str(REPOSITORY / "tests" / "fixtures" / "compromised_decoder.py"),)
DEMONSTRATION = sorted((REPOSITORY / "model" / "pictures").iterdir())
ROOM = worker_protocol.SLOTS * worker_protocol.CHUNK_PICTURES

CRASHED, TOO_SLOW = PictureFailure.DECODER_CRASHED, PictureFailure.DECODER_TOO_SLOW


def named(*data: bytes | PictureFailure) -> list[tuple[Picture, bytes | PictureFailure]]:
    """Downloaded pictures, named by their number."""
    return [
        (Picture(name=f"{number:04}", generation="1"), each) for number, each in enumerate(data)
    ]


def outcomes(pool: DecoderPool, *data: bytes | PictureFailure) -> list[str | PictureFailure]:
    """The outcome of each picture, "decoded" or its failure; they must be in order."""
    done = list(pool.decode(named(*data)))
    assert [picture.name for picture, _ in done] == [f"{number:04}" for number in range(len(data))]
    return [each if isinstance(each, PictureFailure) else "decoded" for _, each in done]


class ImpatientClient(WorkerClient):
    """A client whose deadline for the picture "hang" has already passed."""

    @property
    def deadline(self) -> float:
        """Already over, if the next picture is "hang"."""
        next_ones = self.chunks[0] if self.ready and self.chunks else []
        return 0 if any(task.data == b"hang" for task in next_ones) else super().deadline


def compromised(count: int) -> Iterator[DecoderPool]:
    """Decoders that execute the text of pictures."""
    start = partial(WorkerProcess, COMPROMISED)
    started = DecoderPool(INPUT, [start() for _ in range(count)], start, ImpatientClient)
    yield started
    started.close()


@pytest.fixture
def two() -> Iterator[DecoderPool]:
    """Two decoders that execute the text of pictures."""
    yield from compromised(2)


@pytest.fixture
def one() -> Iterator[DecoderPool]:
    """One such decoder."""
    yield from compromised(1)


def test_pixels_equal_those_of_decoding_in_process() -> None:
    """In the order of the listing."""
    with decoders(2) as send:
        done = send(INPUT).decode(named(*(path.read_bytes() for path in DEMONSTRATION)))
        for path, (_, decoded) in zip(DEMONSTRATION, done, strict=True):
            np.testing.assert_array_equal(
                decoded, pixels.decode(path.read_bytes(), INPUT, pixels.Buffer())
            )


INPUTS: dict[str, Input] = {
    **{each: replace(INPUT, resize=each) for each in get_args(Resize)},
    "grey": replace(INPUT, channels="grey"),
    "grey by tiles": replace(INPUT, channels="grey", resize="area"),
    "grey by Pillow": replace(INPUT, channels="grey", resize="pillow-box"),
    **{f"fit {each}": replace(INPUT, fit=each) for each in get_args(Fit)},
    "short side": replace(INPUT, fit="crop", short_side=99, resize="pillow-bicubic"),
    **{f"decode {each}": replace(INPUT, decode=each) for each in get_args(Decode)},
    "BGR": replace(INPUT, channels="BGR", mean=(0.1, 99.0, -9.0), deviation=(1.0, 2.0, 0.1)),
}
FILES = (
    file("JPEG", image(500, 300), exif=exif(6)),
    file("PNG", image(5, 3)),
    file("GIF", image(40, 300, "P")),
    file("WEBP", image(30, 20)),
    file("BMP", image(1, 1)),
)


@pytest.mark.parametrize("name", INPUTS)
def test_every_value_of_an_input_works_in_a_confined_process(name: str) -> None:
    """Libraries may import modules on demand, which such a process can't do."""
    with decoders(1) as send:
        for data, (_, decoded) in zip(FILES, send(INPUTS[name]).decode(named(*FILES)), strict=True):
            np.testing.assert_array_equal(
                decoded, pixels.decode(data, INPUTS[name], pixels.Buffer())
            )


def test_bounds_are_checked_per_channel() -> None:
    """A number that the first channel can have is none of the last one's."""
    shifted = replace(INPUT, mean=(0.0, 0.0, 100.0))
    start = partial(WorkerProcess, COMPROMISED)
    pool = DecoderPool(shifted, [start()], start)
    good, bad = bytes([150]) * 999, bytes([160]) * 999
    assert outcomes(pool, good, bad, good) == ["decoded", CRASHED, "decoded"]
    pool.close()


def test_there_are_as_many_decoders_as_cores() -> None:
    """By default, each core has a decoder."""
    with decoders() as send:
        assert len(send(INPUT)._clients) == os.cpu_count()


def test_decoders_are_scheduled_as_a_batch() -> None:
    """Otherwise their preemptions would cost the run's caches."""
    with decoders(1) as send:
        (child,) = send(INPUT)._clients
        assert os.sched_getscheduler(child._process.pid) == os.SCHED_BATCH


def test_failures_keep_their_position() -> None:
    """Failed downloads and invalid pictures keep their places among the others."""
    with decoders(2) as send:
        pool = send(INPUT)
        good = DEMONSTRATION[0].read_bytes()
        assert outcomes(
            pool,
            PictureFailure.VANISHED,
            good,
            b"",
            b"no picture",
            good[:999],
            good,
            bytes(image_limits.MAX_FILE_BYTES + 1),
            PictureFailure.CHANGED,
        ) == [
            "picture_vanished",
            "decoded",
            "picture_empty",
            "picture_format_unknown",
            "picture_damaged",
            "decoded",
            "picture_too_large",
            "picture_changed",
        ]


def test_no_pictures_give_no_outcomes(two: DecoderPool) -> None:
    """An empty input gives an empty output."""
    assert outcomes(two) == []


def test_many_large_pictures_do_not_deadlock(two: DecoderPool) -> None:
    """Even with far more bytes than a pipe or slot can hold."""
    assert outcomes(two, *[b"x" * worker_protocol.CHUNK_BYTES] * 40) == ["decoded"] * 40


def test_the_largest_picture_fits_behind_others(one: DecoderPool) -> None:
    """An almost full chunk takes one more picture of any size without damage to others."""
    data = [
        b"a" * (worker_protocol.CHUNK_BYTES - 1),
        b"b" * image_limits.MAX_FILE_BYTES,
        b"c" * worker_protocol.CHUNK_BYTES,
    ]
    colours = [
        pixels.max() for _, pixels in one.decode(named(*data)) if not isinstance(pixels, str)
    ]
    assert colours == [97, 98, 99]


@pytest.mark.parametrize(
    ("word", "failure"),
    [
        ("crash", CRASHED),
        ("hang", TOO_SLOW),
        ("answer-wrongly", CRASHED),
        ("give-no-number", CRASHED),
        ("give-infinity", CRASHED),
        ("give-less", CRASHED),
    ],
)
def test_only_the_picture_that_compromises_its_decoder_fails(
    word: str, failure: PictureFailure, one: DecoderPool
) -> None:
    """Whatever a picture does to its decoder, the others are decoded."""
    data = [b"x"] * 5 + [word.encode()] + [b"x"] * 30
    expected: list[str | PictureFailure] = ["decoded"] * 36
    expected[5] = failure
    assert outcomes(one, *data) == expected


def test_a_picture_that_takes_too_long_fails(one: DecoderPool) -> None:
    """The kernel kills a decoder that exceeds its CPU time."""
    assert outcomes(one, b"compute", PictureFailure.VANISHED) == [TOO_SLOW, "picture_vanished"]


def test_a_decoder_that_answers_too_much_is_replaced(one: DecoderPool) -> None:
    """It decodes no further pictures."""
    before = one._clients[0]
    outcomes(one, b"answer-too-much", b"x")
    assert outcomes(one, b"x") == ["decoded"]
    assert one._clients[0] is not before


def test_each_of_several_bad_pictures_fails(two: DecoderPool) -> None:
    """Also in one chunk, and directly after one another."""
    data = [b"crash", b"x", b"crash", b"crash", b"x"]
    assert outcomes(two, *data) == [CRASHED, "decoded", CRASHED, CRASHED, "decoded"]


def test_a_picture_does_not_fail_because_of_an_earlier_one(one: DecoderPool) -> None:
    """If an earlier picture compromised the decoder, a later one is retried in a new decoder."""
    assert outcomes(one, b"poison", b"x", b"x") == ["decoded"] * 3


def test_a_killed_decoder_is_replaced(two: DecoderPool) -> None:
    """Even if it was idle; the next pictures are decoded."""
    assert outcomes(two, *[b"x"] * 40) == ["decoded"] * 40
    for each in two._clients:
        each._process._process.kill()
        each._process._process.wait()
    assert outcomes(two, *[b"x"] * 40) == ["decoded"] * 40


def test_a_decoder_that_does_not_start_ends_the_run() -> None:
    """A broken installation gives no picture a code."""
    broken = DecoderPool(INPUT, [WorkerProcess(("-c", ""))])
    with pytest.raises(RuntimeError, match="a decoder does not start"):
        outcomes(broken, b"x")
    broken.close()


def test_memory_is_bounded(two: DecoderPool) -> None:
    """At most as many pictures are in memory as there are slots for."""
    received = 0

    def downloads() -> Iterator[tuple[Picture, bytes | PictureFailure]]:
        nonlocal received
        for each in named(*[b"x"] * 500):
            received += 1
            yield each

    for done, _ in enumerate(two.decode(downloads()), 1):
        assert received - done <= 2 * ROOM + worker_protocol.CHUNK_PICTURES


def test_an_error_of_the_listing_leaves_no_pixels_behind(two: DecoderPool) -> None:
    """The error is raised, and later pictures do not get pixels of earlier ones."""

    def downloads() -> Iterator[tuple[Picture, bytes | PictureFailure]]:
        yield from named(*[b"x"] * 20)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(two.decode(downloads()))
    assert outcomes(two, b"see-the-environment", b"x") == ["decoded"] * 2


def test_an_answer_is_accepted_after_a_pause_of_the_run(one: DecoderPool) -> None:
    """If an answer is available, a passed deadline does not matter."""
    (before,) = one._clients

    def downloads() -> Iterator[tuple[Picture, bytes | PictureFailure]]:
        yield from named(*[b"x"] * worker_protocol.CHUNK_PICTURES)
        answers = select.poll()
        answers.register(before.answers, select.POLLIN)
        while not before.ready:
            before.receive(answered=bool(answers.poll()))
        if before.chunks:
            answers.poll()
        before._waiting_since = -1e9

    assert len(list(one.decode(downloads()))) == worker_protocol.CHUNK_PICTURES
    assert one._clients == [before]


def _ended(pids: Iterable[int]) -> bool:
    """Waits for these processes to end; false, if one is there after a minute."""
    for pid in pids:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        poll = select.poll()
        poll.register(process, select.POLLIN)
        if not poll.poll(60_000):
            return False
        os.close(process)
    return True


def test_decoders_end_with_their_context() -> None:
    """Even if it is busy."""
    with decoders(2) as send:
        pids = [each._process.pid for each in send(INPUT)._clients]
    assert _ended(pids)


def test_decoders_end_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """They end with the context even if the run gets no model."""
    started: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        started.append(WorkerProcess())
        return started[-1]

    monkeypatch.setattr(prestart, "WorkerProcess", start)
    with decoders(2):
        pass
    assert _ended([each.pid for each in started])
    assert len(started) == 2


TELL = f"client = WorkerClient({INPUT!r}, process)\nos.read(client.answers, 1)\n"
MOMENTS = {
    "before it is told for what": "",
    "idle": TELL,
    "busy": TELL + "client.send([Task(picture=Picture(name='a', generation='1'), data=b'hang')])\n",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_decoders_end_with_the_run(moment: str) -> None:
    """Idle and hanging decoders end when the run is killed."""
    script = (
        "import os, signal, sys\n"
        "from workload.decoding.worker_client import Task, WorkerClient\n"
        "from workload.manifest import Input\n"
        "from workload.decoding.worker_process import WorkerProcess\n"
        "from workload.records import Picture\n"
        f"process = WorkerProcess({COMPROMISED!r})\n"
        + MOMENTS[moment]
        + "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert _ended([int(done.stdout)])
