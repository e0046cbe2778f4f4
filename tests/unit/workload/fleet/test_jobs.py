"""A job of a fleet, as one object of the result bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workload import checkpoints, manifest
from workload.fleet import jobs
from workload.records import Picture

JOB = "20261128-021450-0a1b2c"
HEAD = jobs.Head(
    job=JOB,
    input_bucket="pictures",
    model_sha256="a" * 64,
    image_digest="sha256:" + "b" * 64,
    pictures=700,
    slices=2,
    pictures_per_slice=512,
    newest=1764295000000000,
    submitted="2026-11-28T02:14:50Z",
)
SLICES = (
    jobs.Slice(
        number=0,
        first="a\u2028ä",
        pictures=512,
        fingerprint="c" * 64,
    ),
    jobs.Slice(number=1, first='m"\t', pictures=188, fingerprint="d" * 64),
)
LINES = [HEAD.line(), *(each.line() for each in SLICES)]


def changed(line: int, **values: Any) -> list[str]:
    """The lines of the job with other values in one of them."""
    data = json.loads(LINES[line])
    return [*LINES[:line], json.dumps(data | values), *LINES[line + 1 :]]


def test_a_job_is_read_as_it_was_written() -> None:
    """Each slice is one line, whatever characters the name of its first picture holds."""
    assert all(line.count("\n") == 1 and line.endswith("\n") for line in LINES)
    assert jobs.parse(LINES, JOB) == jobs.Job(head=HEAD, slices=SLICES)


@pytest.mark.parametrize(
    "lines",
    {
        "nothing": [],
        "no JSON": ["x"],
        "JSON nested too deeply": ["[" * 100_000],
        "another schema": changed(0, schema="confidential-inference/job/v2"),
        "another job": changed(0, job="20261128-021450-ffffff"),
        "a path in place of an id": changed(0, job="../x"),
        "a model without a hash": changed(0, modelSha256="x"),
        "an image without a digest": changed(0, imageDigest="latest"),
        "a slice too few": LINES[:-1],
        "a slice twice": [*LINES, LINES[-1]],
        "slices in another order": [LINES[0], LINES[2], LINES[1]],
        "pictures that are lacking": changed(0, pictures=701),
        "an empty slice": changed(1, pictures=0),
        "a slice that is too large": changed(1, pictures=jobs.MOST_PICTURES + 1),
        "a slice without a fingerprint": changed(2, fingerprint=""),
        "a number in place of a name": changed(2, first=7),
        "a name that UTF-8 cannot hold": changed(2, first="\ud800"),
        "a name that is a path": changed(2, first=".."),
    }.items(),
    ids=lambda each: each[0],
)
def test_an_edited_job_is_refused(lines: tuple[str, list[str]]) -> None:
    """Whoever can write the result bucket could edit it; a worker then refuses its slices."""
    with pytest.raises(jobs.JobError):
        jobs.parse(lines[1], JOB)


@pytest.mark.parametrize(
    "other",
    [
        Picture(name="b", generation="1", size=3),
        Picture(name="a", generation="2", size=3),
        Picture(name="a", generation="1", size=4),
    ],
)
def test_the_fingerprint_depends_on_every_part_of_a_listing(other: Picture) -> None:
    """Name, generation, and size, which shows whether an object is stored compressed."""
    first, last = Picture(name="a", generation="1", size=3), Picture(name="z", generation="9")
    assert jobs.fingerprint([first, last]) != jobs.fingerprint([other, last])
    assert jobs.fingerprint([first, last]) != jobs.fingerprint([last, first])


def test_a_slice_ends_where_a_batch_ends() -> None:
    """Else the scores of a picture would depend on the number of machines."""
    assert all(jobs.STEP % batch == 0 for batch in manifest.BATCHES)
    assert jobs.STEP == checkpoints.PICTURES_PER_PART


def test_the_objects_of_slices_sort_by_number() -> None:
    """`results` reads them in the order of a listing; 10 million pictures make 19,532 slices."""
    names = [jobs.records_name(JOB, number) for number in (0, 9, 10, 19_531)]
    assert names == sorted(names)
    assert all(name.startswith(jobs.records_folder(JOB)) for name in names)


def test_the_record_of_a_new_picture_has_a_name_for_any_picture() -> None:
    """Of at most 1,024 bytes, as Cloud Storage takes, and in no other folder."""
    longest = jobs.stream_name("/../" + "ä" * 510, "9" * 20)
    assert len(longest.encode()) < 1024
    assert longest.startswith("stream/")
    assert longest.count("/") == 2
