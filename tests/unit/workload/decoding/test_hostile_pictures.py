"""Decodes all hostile pictures with real decoder processes, in one run."""

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
"""Limit for a decoder; a WebP of 110 million pixels takes the most."""


class Outcomes:
    """The outcomes of decoding all hostile pictures."""

    def __init__(self) -> None:
        self.files = list(corpus())
        self.results: list[tuple[str, PictureFailure | str]] = []
        with decoders(2) as pool_for:
            pool = pool_for(INPUT)
            before = list(pool._clients)
            for picture, result in pool.decode(self._downloads()):
                outcome_code = result if isinstance(result, PictureFailure) else GOOD
                self.results.append((picture.name, outcome_code))
            self.all_lived = pool._clients == before
            self.megabytes = max(_peak(each._process.pid) for each in pool._clients) / 1024

    def _downloads(self) -> Iterator[tuple[Picture, bytes | PictureFailure]]:
        for each in self.files:
            yield Picture(name=each.name, generation="1"), each.data


def _peak(pid: int) -> int:
    """Kilobytes of memory that a process has ever had, without what it shares with the run."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(peak)


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """One run through all files."""
    return Outcomes()


def test_every_file_has_exactly_one_result(outcomes: Outcomes) -> None:
    """In the order of the listing; none is missing and none comes twice."""
    assert [name for name, _ in outcomes.results] == [each.name for each in outcomes.files]


def test_every_outcome_is_the_expected_one(outcomes: Outcomes) -> None:
    """For files with a single correct outcome."""
    wrong = [
        (each.name, outcome_code, each.expected)
        for each, (_, outcome_code) in zip(outcomes.files, outcomes.results, strict=True)
        if each.expected not in (SOME, outcome_code)
    ]
    assert not wrong


def test_every_failure_is_one_that_a_decoder_may_report(outcomes: Outcomes) -> None:
    """No hostile picture ends a decoder."""
    assert {outcome_code for _, outcome_code in outcomes.results} <= {
        GOOD,
        *filter(None, worker_protocol.OUTCOMES),
    }
    assert outcomes.all_lived


def test_memory_stays_under_its_limit(outcomes: Outcomes) -> None:
    """Bombs included."""
    assert outcomes.megabytes < MEGABYTES


def test_the_bomb_is_small_on_disk(outcomes: Outcomes) -> None:
    """The PNG of 20,000 x 20,000 pixels is about a megabyte, and would be 1.2 GB."""
    (bomb,) = (each for each in outcomes.files if each.name == "bombs/20000-squared.png")
    assert 0.9e6 < len(bomb.data) < 1.5e6


def test_the_corpus_is_the_same_each_time() -> None:
    """The seed reproduces all files."""

    def first(files: Iterator[Hostile]) -> list[Hostile]:
        return [next(files) for _ in range(60)]

    assert first(corpus()) == first(corpus())
