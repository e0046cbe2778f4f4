"""A run that was cut short goes on where it ended, and ends as if nothing had happened."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.fixtures.result_bucket import Killed, ResultBucket
from workload import checkpoints as module
from workload import job
from workload.checkpoints import Origin
from workload.errors import PictureFailure, TooLargeError, WorkloadError
from workload.records import Picture, Score
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

ORIGIN = Origin(model_sha256="c3" * 32, engine="litert", image_digest="sha256:" + "a1" * 32)
PICTURES = [Picture(name=f"{number:02}", generation="1") for number in range(10)]
DAMAGED = "05"
FAILS_AS = PictureFailure.DAMAGED
AT_THE_MOMENT = {"picture_not_readable", "decoder_crashed", "decoder_too_slow"}


class InputBucket:
    """Pictures of which each one's content is its name."""

    def __init__(self, pictures: Iterable[Picture] = PICTURES) -> None:
        self.listing = list(pictures)
        self.read_names: list[str] = []

    def pictures(self) -> Iterator[Picture]:
        """The listing."""
        yield from self.listing

    def read(self, picture: Picture, limit: int) -> bytes:
        """The name; remembers that it was asked for."""
        self.read_names.append(picture.name)
        data = picture.name.encode()
        if len(data) > limit:
            raise TooLargeError
        return data


class Decoders:
    """One number a picture; one picture is damaged."""

    def decode(
        self, downloaded: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, job.Pixels | PictureFailure]]:
        """One after the other."""
        for picture, data in downloaded:
            if isinstance(data, PictureFailure):
                yield picture, data
            elif picture.name == DAMAGED:
                yield picture, FAILS_AS
            else:
                yield picture, np.array([int(data)], np.float32)


class Touchy:
    """A model whose scores depend on a picture's place in its batch and on the batch's size."""

    def classify(self, batch: Sequence[job.Pixels]) -> list[list[Score]]:
        """A score that tells what it depended on."""
        return [
            [Score(0, "clean", float(pixels[0]) / 100 + place / 1000 + len(batch) / 10_000)]
            for place, pixels in enumerate(batch)
        ]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 pictures, batches of 2."""
    monkeypatch.setattr(job, "BATCH", 2)
    monkeypatch.setattr(module, "PICTURES_PER_PART", 4)


class World:
    """Both buckets of Secundus; every start has a folder of its own, as on a new machine."""

    def __init__(self, folder: Path) -> None:
        self.input = InputBucket()
        self.result = ResultBucket()
        self.origin = ORIGIN
        self._folder = folder
        self._starts = 0

    def start(self) -> dict[str, Any]:
        """One start, from the beginning to the end; its summary."""
        self._starts += 1
        self.input.read_names.clear()
        folder = self._folder / f"{self._starts}"
        folder.mkdir()
        results = Results(self.result, folder)
        results.begin()
        checkpoints = results.checkpoints(self.origin)
        job.classify(self.input, Decoders(), Touchy(), checkpoints)  # type: ignore[arg-type]  # half a bucket
        results.finish(checkpoints)
        checkpoints.remove()
        summary: dict[str, Any] = json.loads(self.result.objects["summary.json"])
        return summary

    def killed_with_parts(self) -> None:
        """A start that left two of three parts: three changes to begin, and one for each part."""
        self.result.killed_after = 5
        with pytest.raises(Killed):
            self.start()
        self.result.killed_after = None
        assert {"parts/00000.jsonl", "parts/00001.jsonl"} < self.result.objects.keys()

    def records(self) -> list[dict[str, Any]]:
        """The records that were left."""
        return [json.loads(line) for line in self.result.objects["results.jsonl"].splitlines()]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Ten pictures, no results."""
    return World(tmp_path)


def changes(folder: Path) -> int:
    """How many writes and removals one whole run takes."""
    world = World(folder)
    world.start()
    return len(world.result.done)


CHANGES = 3 + 3 + 3 + 3
"""To begin, for each part, to hand over, to tidy up."""


def test_a_run_makes_the_expected_number_of_changes(tmp_path: Path) -> None:
    """The next test covers a run from its first change to its last."""
    assert changes(tmp_path) == CHANGES


@pytest.mark.parametrize("moment", range(CHANGES))
def test_a_killed_run_continues_to_the_same_results(moment: int, tmp_path: Path) -> None:
    """Killed before any of its changes and started again: the same records, byte for byte."""
    (tmp_path / "whole").mkdir()
    whole = World(tmp_path / "whole")
    whole.start()
    world = World(tmp_path)
    world.result.killed_after = moment
    with pytest.raises(Killed):
        world.start()
    world.result.killed_after = None
    world.start()
    for name in ("results.jsonl", "result"):
        assert world.result.objects[name] == whole.result.objects[name]
    assert world.result.objects.keys() == {"results.jsonl", "summary.json", "result"}


@pytest.mark.parametrize("moment", range(CHANGES))
def test_a_reader_never_sees_half_a_result(moment: int, tmp_path: Path) -> None:
    """Whenever a run is killed: where there is a `result`, all else is there and of one run."""
    world = World(tmp_path)
    world.start()
    world.input.listing.pop()
    world.result.done.clear()
    world.result.killed_after = moment
    with pytest.raises(Killed):
        world.start()
    if "result" in world.result.objects:
        listed = json.loads(world.result.objects["summary.json"])["listed"]
        texts = world.result.objects["result"].splitlines()
        assert len(world.records()) == len(texts) == listed


def test_parts_with_the_same_fingerprint_are_reused(world: World) -> None:
    """Only the pictures of the missing part are read, and the summary tells of the others."""
    world.killed_with_parts()
    summary = world.start()
    assert sorted(world.input.read_names) == ["08", "09"]
    assert (summary["listed"], summary["continued"]) == (10, 8)
    assert (summary["classified"], summary["failed"]) == (9, {"picture_damaged": 1})


@pytest.mark.parametrize(
    "origin",
    [
        replace(ORIGIN, model_sha256="d4" * 32),
        replace(ORIGIN, engine="tensorflow-saved-model"),
        replace(ORIGIN, image_digest="sha256:" + "b2" * 32),
        replace(ORIGIN, image_digest=None),
    ],
    ids=["another model", "another engine", "another image", "an image that is not known"],
)
def test_a_change_of_model_engine_or_image_invalidates_all_parts(
    origin: Origin, world: World
) -> None:
    """A part that another model, engine or image has left is not taken over."""
    world.killed_with_parts()
    world.origin = origin
    assert world.start()["continued"] == 0
    assert len(world.input.read_names) == 10


def test_a_run_of_an_unknown_image_reuses_no_parts(world: World) -> None:
    """Where no token tells the image, two starts may be of two images."""
    world.origin = replace(ORIGIN, image_digest=None)
    world.killed_with_parts()
    assert world.start()["continued"] == 0


@pytest.mark.parametrize(
    ("at", "instead", "continued"),
    [
        (5, [Picture(name="05", generation="2")], 4),
        (5, [Picture(name="055", generation="1")], 4),
        (5, [], 4),
        (0, [], 0),
        (9, [], 8),
    ],
    ids=["replaced", "renamed", "gone", "the first one gone", "one of the missing gone"],
)
def test_changed_slices_are_classified_again(
    at: int, instead: list[Picture], continued: int, world: World
) -> None:
    """What is taken over has the names and generations that it would have now."""
    world.killed_with_parts()
    world.input.listing[at : at + 1] = instead
    assert world.start()["continued"] == continued
    assert [(r["name"], r["generation"]) for r in world.records()] == [
        (picture.name, picture.generation) for picture in world.input.listing
    ]


def test_a_picture_with_another_encoding_is_classified_again(world: World) -> None:
    """Who says later that it is not compressed changes what is read, and not its generation.

    The listing tells by the size: nobody knows that of a compressed one before it is read.
    """
    world.killed_with_parts()
    world.input.listing[5] = replace(world.input.listing[5], size=17)
    assert world.start()["continued"] == 4


def test_an_invalid_part_is_deleted_before_its_slice_is_read(world: World) -> None:
    """A part of something else is removed first; no reader finds it beside a newer one."""
    world.killed_with_parts()
    world.input.listing[5] = Picture(name="05", generation="2")
    world.result.done.clear()
    world.start()
    at = world.result.done.index("remove parts/00001.jsonl")
    assert world.result.done[at : at + 3] == [
        "remove parts/00001.jsonl",
        "write parts/00001.jsonl",
        "write parts/00002.jsonl",
    ]


def test_parts_without_a_slice_are_deleted_at_the_end(world: World) -> None:
    """An input that has become small leaves no parts of the larger one."""
    world.killed_with_parts()
    del world.input.listing[2:]
    world.start()
    assert world.result.objects.keys() == {"results.jsonl", "summary.json", "result"}
    assert [r["name"] for r in world.records()] == ["00", "01"]


@pytest.mark.parametrize("content", ["", "{}\n", "x" * 10_000], ids=["empty", "foreign", "huge"])
def test_an_invalid_part_is_not_reused(
    content: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object that somebody put in a part's place is done anew."""
    monkeypatch.setattr(module, "MAX_PART_BYTES", 5_000)
    world.killed_with_parts()
    world.result.objects["parts/00000.jsonl"] = content
    assert world.start()["continued"] == 4
    assert len(world.records()) == 10


Change = Callable[[list[str]], list[str]]

SPOILT: dict[str, Change] = {
    "heading only": lambda _: [],
    "one record less": lambda lines: lines[:-1],
    "one record more": lambda lines: [*lines, lines[-1]],
    "two records swapped": lambda lines: [lines[1], lines[0], *lines[2:]],
    "a record twice": lambda lines: [lines[0], lines[0], *lines[2:]],
    "no JSON": lambda lines: ["{\n", *lines[1:]],
    "another kind of JSON": lambda lines: ["[]\n", *lines[1:]],
    "a number": lambda lines: ["7\n", *lines[1:]],
    "nested to hurt": lambda lines: ["[" * 100_000 + "\n", *lines[1:]],
    "no text": lambda lines: ["\x00\xff\n", *lines[1:]],
    "another line end": lambda lines: [lines[0].replace("\n", "\x85"), *lines[1:]],
    "the last line cut": lambda lines: [*lines[:-1], lines[-1][:-1]],
    "another generation": lambda lines: [lines[0].replace('"1"', '"2"'), *lines[1:]],
    "a code that is none": lambda lines: [changed(lines[0], topK=None, error="x"), *lines[1:]],
    "no scores": lambda lines: [changed(lines[0], topK=[]), *lines[1:]],
    "scores that are none": lambda lines: [changed(lines[0], topK=[7]), *lines[1:]],
    "a score that is a text": lambda lines: [
        lines[0].replace('"probability": 0', '"probability": "0"'),
        *lines[1:],
    ],
    "a score that is no number": lambda lines: [
        re.sub(r'"probability": [0-9.]+', '"probability": NaN', lines[0]),
        *lines[1:],
    ],
    "a key more": lambda lines: [changed(lines[0], more=1), *lines[1:]],
    "keys in another order": lambda lines: ["{" + lines[0][1:-2] + ' , "z": 1}\n', *lines[1:]],
}


def changed(line: str, **values: object) -> str:
    """A record with other values."""
    return json.dumps(json.loads(line) | values, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", SPOILT)
def test_a_damaged_part_is_redone_and_counted(name: str, world: World, tmp_path: Path) -> None:
    """Its heading is right, so that nothing but its records says that something is wrong."""
    (tmp_path / "whole").mkdir()
    whole = World(tmp_path / "whole")
    whole.start()
    world.killed_with_parts()
    heading, *lines = world.result.objects["parts/00000.jsonl"].splitlines(keepends=True)
    world.result.objects["parts/00000.jsonl"] = "".join([heading, *SPOILT[name](lines)])
    summary = world.start()
    assert (summary["listed"], summary["continued"], summary["damagedParts"]) == (10, 4, 1)
    assert (summary["classified"], summary["failed"]) == (9, {"picture_damaged": 1})
    assert world.result.objects["results.jsonl"] == whole.result.objects["results.jsonl"]


def test_a_part_with_another_fingerprint_is_not_counted_as_damaged(world: World) -> None:
    """Another model's part is what it should be."""
    world.killed_with_parts()
    world.origin = replace(ORIGIN, model_sha256="d4" * 32)
    assert world.start()["damagedParts"] == 0


@pytest.mark.parametrize(
    ("code", "again"),
    [(code, code.value in AT_THE_MOMENT) for code in PictureFailure],
)
def test_a_transient_failure_of_a_picture_is_retried_at_the_next_start(
    code: PictureFailure, again: bool, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A code that the picture's bytes decide is final; one that the moment decided is not.

    In the end, all is as if the first start had gone through.
    """
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.FAILS_AS", code)
        world.killed_with_parts()
    summary = world.start()
    assert (summary["continued"], summary["retried"]) == ((4, 1) if again else (8, 0))
    assert sorted(world.input.read_names) == [f"{n:02}" for n in range(4 if again else 8, 10)]
    if again:
        (tmp_path / "whole").mkdir()
        whole = World(tmp_path / "whole")
        whole.start()
        assert world.result.objects["results.jsonl"] == whole.result.objects["results.jsonl"]


def test_a_picture_keeps_its_scores_when_its_neighbour_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's place in a batch depends on what became of the others in it."""
    world.start()
    before = world.records()
    monkeypatch.setattr(f"{__name__}.DAMAGED", "08")
    world.start()
    after = world.records()
    changed = [r["name"] for r, now in zip(before, after, strict=True) if r != now]
    assert changed == ["05", "08"]


def test_every_picture_has_the_hash_of_its_bytes(world: World) -> None:
    """Also the one that could not be decoded."""
    world.start()
    assert all(len(record["sha256"]) == 64 for record in world.records())
    assert len({record["sha256"] for record in world.records()}) == 10


def test_memory_holds_one_slice(world: World) -> None:
    """The listing is asked for as it is needed: not a picture more than a slice."""
    asked = iter(PICTURES)
    results = Results(world.result, world._folder)
    checkpoints = results.checkpoints(ORIGIN)
    next(checkpoints.unclassified(asked))
    assert next(asked) == PICTURES[4]


@pytest.mark.parametrize("refused", ["parts/", "parts/00000.jsonl"])
def test_parts_that_cannot_be_written_end_the_run(refused: str, world: World) -> None:
    """A result bucket that takes no parts takes no results either: better now than in an hour."""
    world.result.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        world.start()


def test_no_batch_holds_pictures_of_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real sizes fit."""
    monkeypatch.undo()
    assert module.PICTURES_PER_PART % job.BATCH == 0
