"""The whole corpus of hostile pictures through real decoder processes, in one run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.pictures.hostile import GOOD, SOME, Hostile, corpus
from workload.decoding import worker_protocol
from workload.decoding.prestart import decoders
from workload.errors import PictureFailure
from workload.manifest import Input
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUT = Input(width=128, height=128, channels="RGB", low=-1.0, high=1.0, resize="bilinear")
MEGABYTES = 1950
"""The most that a decoder may take, for a WebP of 110 million pixels."""


class Outcome:
    """What the run through the corpus left."""

    def __init__(self) -> None:
        self.files = list(corpus())
        self.results: list[tuple[str, PictureFailure | str]] = []
        with decoders(2) as tell:
            using = tell(INPUT)
            before = list(using._clients)
            for picture, result in using.decode(self._downloaded()):
                told = result if isinstance(result, PictureFailure) else GOOD
                self.results.append((picture.name, told))
            self.all_lived = using._clients == before
            self.megabytes = max(_peak(each._process.pid) for each in using._clients) / 1024

    def _downloaded(self) -> Iterator[tuple[Picture, bytes | PictureFailure]]:
        for each in self.files:
            yield Picture(name=each.name, generation="1"), each.data


def _peak(pid: int) -> int:
    """Kilobytes of memory that a process has ever had, without what it shares with the run."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """One run through all of it."""
    return Outcome()


def test_every_file_has_exactly_one_result(outcome: Outcome) -> None:
    """In the order of the listing; none is missing and none comes twice."""
    assert [name for name, _ in outcome.results] == [each.name for each in outcome.files]


def test_every_outcome_is_the_expected_one(outcome: Outcome) -> None:
    """Where there is only one right answer, it is given."""
    wrong = [
        (each.name, told, each.expected)
        for each, (_, told) in zip(outcome.files, outcome.results, strict=True)
        if each.expected not in (SOME, told)
    ]
    assert not wrong


def test_every_failure_is_one_that_a_decoder_may_report(outcome: Outcome) -> None:
    """No picture of the corpus ends a decoder, so each failure is one that a decoder names."""
    assert {told for _, told in outcome.results} <= {GOOD, *filter(None, worker_protocol.OUTCOMES)}
    assert outcome.all_lived


def test_memory_stays_under_its_limit(outcome: Outcome) -> None:
    """Bombs included."""
    assert outcome.megabytes < MEGABYTES


def test_the_bomb_is_small_on_disk(outcome: Outcome) -> None:
    """The PNG of 20,000 x 20,000 pixels is about a megabyte, and would be 1.2 GB."""
    (bomb,) = (each for each in outcome.files if each.name == "bombs/20000-squared.png")
    assert 0.9e6 < len(bomb.data) < 1.5e6


def test_the_corpus_is_the_same_each_time() -> None:
    """A file that hurt can be made again."""

    def first(files: Iterator[Hostile]) -> list[Hostile]:
        return [next(files) for _ in range(60)]

    assert first(corpus()) == first(corpus())
