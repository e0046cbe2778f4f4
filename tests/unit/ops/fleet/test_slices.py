"""A listing is cut into slices while it is read, with one slice in memory."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import pytest

from ops.fleet.deployed import FleetError
from ops.fleet.slices import cut, spooled, whole
from workload.fleet import jobs
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 50_000
MIB = 1024**2
NEWEST = 1_700_000_000_000_000
HEAD = jobs.Head(
    job="20270101-000000-abcdef",
    input_bucket="b",
    model_sha256="a" * 64,
    image_digest=f"sha256:{'a' * 64}",
    pictures=1100,
    slices=3,
    newest=NEWEST,
    pictures_per_slice=512,
    submitted="2027-01-01T00:00:00Z",
)


def listing(number: int) -> Iterator[Picture]:
    """So many pictures; none exists before it is asked for, nor afterwards."""
    for each in range(number):
        yield Picture(name=f"folder/{each:08}.jpg", generation=str(NEWEST), size=each)


def test_a_listing_of_many_names_is_never_in_memory() -> None:
    """All of them as objects would take twenty times the limit."""
    tracemalloc.start()
    try:
        with spooled(listing(MANY), 512, NEWEST, lambda _: None) as found:
            assert (found.pictures, found.slices) == (MANY, -(-MANY // 512))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MIB


def test_the_spooled_job_is_the_job() -> None:
    """Its head is written last, and stands first."""
    with (
        spooled(listing(1100), 512, NEWEST, lambda _: None) as found,
        whole(HEAD, found) as content,
    ):
        job = jobs.parse((line.decode() for line in content), HEAD.job)
    assert job.head == HEAD
    assert job.slices == tuple(cut(listing(1100), 512))


def test_progress_has_the_number_of_pictures_after_each_slice() -> None:
    """The last slice has what is left."""
    shown: list[int] = []
    with spooled(listing(1100), 512, NEWEST, shown.append):
        assert shown == [512, 1024, 1100]


def test_later_pictures_are_left_out_and_counted() -> None:
    """The slices are those of the others."""
    later = Picture(name="folder/00000000.png", generation=str(NEWEST + 1), size=1)
    first, *others = listing(1100)
    with spooled([first, later, *others], 512, NEWEST, lambda _: None) as found:
        assert (found.pictures, found.slices, found.later) == (1100, 3, 1)
        found.lines.seek(0)
        lines = found.lines.read().decode()
    assert lines == "".join(each.line() for each in cut(listing(1100), 512))


def test_a_listing_without_pictures_has_no_slices() -> None:
    """What follows from that is decided elsewhere."""
    with spooled(listing(0), 512, NEWEST, lambda _: None) as found:
        assert (found.pictures, found.slices) == (0, 0)


def test_the_listing_is_not_read_further_than_a_job_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of listing is not spent in vain."""
    monkeypatch.setattr(jobs, "MAX_JOB_BYTES", 10_000)
    pictures = listing(MANY)
    with pytest.raises(FleetError, match=r"pictures so far, 512 in each slice"):
        spooled(pictures, 512, NEWEST, lambda _: None).__enter__()
    assert int(next(pictures).name[7:-4]) < 50 * 512
