"""An interrupted run is continued, with the same results as an uninterrupted one."""

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
from workload import job, manifest
from workload.checkpoints import Origin
from workload.errors import PictureFailure, TooLargeError, WorkloadError
from workload.records import Picture, Score
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from workload.records import Outcome

ORIGIN = Origin(
    model_sha256="c3" * 32,
    engine="litert",
    scores="probabilities",
    image_digest="sha256:" + "a1" * 32,
)
PICTURES = [Picture(name=f"{number:02}", generation="1") for number in range(10)]
BATCH = 2
DAMAGED = "05"
FAILS_AS = PictureFailure.DAMAGED
AT_THE_MOMENT = {"picture_not_readable", "decoder_crashed", "decoder_too_slow"}


class InputBucket:
    """Pictures whose content is their name."""

    def __init__(self, pictures: Iterable[Picture] = PICTURES) -> None:
        self.listing = list(pictures)
        self.read_names: list[str] = []

    def pictures(self, first: str = "") -> Iterator[Picture]:
        """The listing, from a name on."""
        yield from (each for each in self.listing if each.name >= first)

    def read(self, picture: Picture, limit: int) -> bytes:
        """The name; records the request."""
        self.read_names.append(picture.name)
        data = picture.name.encode()
        if len(data) > limit:
            raise TooLargeError
        return data


class Decoders:
    """One number a picture; one picture is damaged."""

    def decode(
        self, downloads: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, job.Pixels | PictureFailure]]:
        """One after the other."""
        for picture, data in downloads:
            if isinstance(data, PictureFailure):
                yield picture, data
            elif picture.name == DAMAGED:
                yield picture, FAILS_AS
            else:
                yield picture, np.array([int(data)], np.float32)


class PositionDependentModel:
    """A model whose scores depend on a picture's place in its batch and on the batch's size."""

    def classify(self, batch: Sequence[job.Pixels]) -> list[Outcome]:
        """A score that depends on the place and the batch's size."""
        return [
            [Score(0, "clean", float(pixels[0]) / 100 + place / 1000 + len(batch) / 10_000)]
            for place, pixels in enumerate(batch)
        ]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 pictures."""
    monkeypatch.setattr(module, "PICTURES_PER_PART", 4)


class RunSetup:
    """Both buckets of Secundus; each start has its own folder, as on a new machine."""

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
        classifier = job.Classifier(
            origin=self.origin, decoders=Decoders(), model=PositionDependentModel(), batch=BATCH
        )
        job.classify(self.input, classifier, checkpoints)  # type: ignore[arg-type]  # half a bucket
        results.finish(checkpoints)
        checkpoints.remove()
        summary: dict[str, Any] = json.loads(self.result.objects["summary.json"])
        return summary

    def killed_with_parts(self) -> None:
        """A start that wrote two of three parts: three changes to begin, one for each part."""
        self.result.killed_after = 5
        with pytest.raises(Killed):
            self.start()
        self.result.killed_after = None
        assert {"parts/00000.jsonl", "parts/00001.jsonl"} < self.result.objects.keys()

    def records(self) -> list[dict[str, Any]]:
        """The records that were left."""
        return [json.loads(line) for line in self.result.objects["results.jsonl"].splitlines()]


@pytest.fixture
def setup(tmp_path: Path) -> RunSetup:
    """Ten pictures, no results."""
    return RunSetup(tmp_path)


def changes(folder: Path) -> int:
    """How many writes and removals one whole run takes."""
    setup = RunSetup(folder)
    setup.start()
    return len(setup.result.done)


CHANGES = 3 + 3 + 3 + 3
"""To begin, for the parts, for the results, to delete parts."""


def test_a_run_makes_the_expected_number_of_changes(tmp_path: Path) -> None:
    """The next test covers a run from its first change to its last."""
    assert changes(tmp_path) == CHANGES


@pytest.mark.parametrize("moment", range(CHANGES))
def test_a_killed_run_continues_to_the_same_results(moment: int, tmp_path: Path) -> None:
    """Killed before any of its changes and started again: the same records, byte for byte."""
    (tmp_path / "whole").mkdir()
    whole = RunSetup(tmp_path / "whole")
    whole.start()
    setup = RunSetup(tmp_path)
    setup.result.killed_after = moment
    with pytest.raises(Killed):
        setup.start()
    setup.result.killed_after = None
    setup.start()
    for name in ("results.jsonl", "result"):
        assert setup.result.objects[name] == whole.result.objects[name]
    assert setup.result.objects.keys() == {"results.jsonl", "summary.json", "result"}


@pytest.mark.parametrize("moment", range(CHANGES))
def test_a_reader_never_sees_half_a_result(moment: int, tmp_path: Path) -> None:
    """Whenever a run is killed: if there is a `result`, all objects are there, of one run."""
    setup = RunSetup(tmp_path)
    setup.start()
    setup.input.listing.pop()
    setup.result.done.clear()
    setup.result.killed_after = moment
    with pytest.raises(Killed):
        setup.start()
    if "result" in setup.result.objects:
        listed = json.loads(setup.result.objects["summary.json"])["listed"]
        texts = setup.result.objects["result"].splitlines()
        assert len(setup.records()) == len(texts) == listed


def test_parts_with_the_same_fingerprint_are_reused(setup: RunSetup) -> None:
    """Only pictures without a part are read; the summary counts the others."""
    setup.killed_with_parts()
    summary = setup.start()
    assert sorted(setup.input.read_names) == ["08", "09"]
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
    origin: Origin, setup: RunSetup
) -> None:
    """Parts of another model, engine or image are not reused."""
    setup.killed_with_parts()
    setup.origin = origin
    assert setup.start()["continued"] == 0
    assert len(setup.input.read_names) == 10


def test_a_run_of_an_unknown_image_reuses_no_parts(setup: RunSetup) -> None:
    """Without a token, two starts may be of different images."""
    setup.origin = replace(ORIGIN, image_digest=None)
    setup.killed_with_parts()
    assert setup.start()["continued"] == 0


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
    at: int, instead: list[Picture], continued: int, setup: RunSetup
) -> None:
    """Reused parts have the current names and generations."""
    setup.killed_with_parts()
    setup.input.listing[at : at + 1] = instead
    assert setup.start()["continued"] == continued
    assert [(r["name"], r["generation"]) for r in setup.records()] == [
        (picture.name, picture.generation) for picture in setup.input.listing
    ]


def test_a_picture_with_another_encoding_is_classified_again(setup: RunSetup) -> None:
    """Who says later that it is not compressed changes what is read, and not its generation.

    The listing tells by the size: nobody knows that of a compressed one before it is read.
    """
    setup.killed_with_parts()
    setup.input.listing[5] = replace(setup.input.listing[5], size=17)
    assert setup.start()["continued"] == 4


def test_an_invalid_part_is_deleted_before_its_slice_is_read(setup: RunSetup) -> None:
    """So no reader finds it beside newer parts."""
    setup.killed_with_parts()
    setup.input.listing[5] = Picture(name="05", generation="2")
    setup.result.done.clear()
    setup.start()
    at = setup.result.done.index("remove parts/00001.jsonl")
    assert setup.result.done[at : at + 3] == [
        "remove parts/00001.jsonl",
        "write parts/00001.jsonl",
        "write parts/00002.jsonl",
    ]


def test_parts_without_a_slice_are_deleted_at_the_end(setup: RunSetup) -> None:
    """If the input has fewer pictures now, no parts of the earlier input stay."""
    setup.killed_with_parts()
    del setup.input.listing[2:]
    setup.start()
    assert setup.result.objects.keys() == {"results.jsonl", "summary.json", "result"}
    assert [r["name"] for r in setup.records()] == ["00", "01"]


@pytest.mark.parametrize("content", ["", "{}\n", "x" * 10_000], ids=["empty", "foreign", "huge"])
def test_an_invalid_part_is_not_reused(
    content: str, setup: RunSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invalid object in a part's place is replaced."""
    monkeypatch.setattr(module, "MAX_PART_BYTES", 5_000)
    setup.killed_with_parts()
    setup.result.objects["parts/00000.jsonl"] = content
    assert setup.start()["continued"] == 4
    assert len(setup.records()) == 10


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
        lines[0].replace('"score": 0', '"score": "0"'),
        *lines[1:],
    ],
    "a score that is no number": lambda lines: [
        re.sub(r'"score": [0-9.]+', '"score": NaN', lines[0]),
        *lines[1:],
    ],
    "a key more": lambda lines: [changed(lines[0], more=1), *lines[1:]],
    "keys in another order": lambda lines: ["{" + lines[0][1:-2] + ' , "z": 1}\n', *lines[1:]],
}


def changed(line: str, **values: object) -> str:
    """A record with other values."""
    return json.dumps(json.loads(line) | values, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", SPOILT)
def test_a_damaged_part_is_redone_and_counted(name: str, setup: RunSetup, tmp_path: Path) -> None:
    """Its heading is correct, so that only its records are invalid."""
    (tmp_path / "whole").mkdir()
    whole = RunSetup(tmp_path / "whole")
    whole.start()
    setup.killed_with_parts()
    heading, *lines = setup.result.objects["parts/00000.jsonl"].splitlines(keepends=True)
    setup.result.objects["parts/00000.jsonl"] = "".join([heading, *SPOILT[name](lines)])
    summary = setup.start()
    assert (summary["listed"], summary["continued"], summary["damagedParts"]) == (10, 4, 1)
    assert (summary["classified"], summary["failed"]) == (9, {"picture_damaged": 1})
    assert setup.result.objects["results.jsonl"] == whole.result.objects["results.jsonl"]


def test_a_part_with_another_fingerprint_is_not_counted_as_damaged(setup: RunSetup) -> None:
    """A part of another model is valid for that model."""
    setup.killed_with_parts()
    setup.origin = replace(ORIGIN, model_sha256="d4" * 32)
    assert setup.start()["damagedParts"] == 0


@pytest.mark.parametrize(
    ("code", "again"),
    [(code, code.value in AT_THE_MOMENT) for code in PictureFailure],
)
def test_a_transient_failure_of_a_picture_is_retried_at_the_next_start(
    code: PictureFailure,
    again: bool,
    setup: RunSetup,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A code that the picture's bytes decide is final; one that the moment decided is not.

    In the end, all is as if the first start had gone through.
    """
    with monkeypatch.context() as patch:
        patch.setattr(f"{__name__}.FAILS_AS", code)
        setup.killed_with_parts()
    summary = setup.start()
    assert (summary["continued"], summary["retried"]) == ((4, 1) if again else (8, 0))
    assert sorted(setup.input.read_names) == [f"{n:02}" for n in range(4 if again else 8, 10)]
    if again:
        (tmp_path / "whole").mkdir()
        whole = RunSetup(tmp_path / "whole")
        whole.start()
        assert setup.result.objects["results.jsonl"] == whole.result.objects["results.jsonl"]


def test_a_picture_keeps_its_scores_when_its_neighbour_fails(
    setup: RunSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture's place in a batch does not depend on the others."""
    setup.start()
    before = setup.records()
    monkeypatch.setattr(f"{__name__}.DAMAGED", "08")
    setup.start()
    after = setup.records()
    changed = [r["name"] for r, now in zip(before, after, strict=True) if r != now]
    assert changed == ["05", "08"]


def test_every_picture_has_the_hash_of_its_bytes(setup: RunSetup) -> None:
    """Also the one that could not be decoded."""
    setup.start()
    assert all(len(record["sha256"]) == 64 for record in setup.records())
    assert len({record["sha256"] for record in setup.records()}) == 10


def test_memory_holds_one_slice(setup: RunSetup) -> None:
    """The listing is read lazily, at most one slice ahead."""
    asked = iter(PICTURES)
    results = Results(setup.result, setup._folder)
    checkpoints = results.checkpoints(ORIGIN)
    next(checkpoints.unclassified(asked))
    assert next(asked) == PICTURES[4]


def test_records_are_published_while_later_pictures_are_classified(setup: RunSetup) -> None:
    """As soon as a part is complete; its own file is not kept beside them."""
    folder = setup._folder
    checkpoints = Results(setup.result, folder).checkpoints(ORIGIN)
    checkpoints._check_ownership = lambda: None
    pictures = checkpoints.unclassified(PICTURES)
    outcomes = [(next(pictures), [Score(0, "clean", 0.123456)]) for _ in range(6)]
    checkpoints.add(outcomes[:3])
    assert (folder / "records").read_text() == ""
    checkpoints.add(outcomes[3:])
    published = [json.loads(line) for line in (folder / "records").read_text().splitlines()]
    assert [record["name"] for record in published] == [each.name for each in PICTURES[:4]]
    assert published[0]["topK"][0]["score"] == 0.12346
    assert len((folder / "text").read_text().splitlines()) == 4
    assert list((folder / "parts").iterdir()) == []


def test_a_reused_part_is_published_behind_the_parts_before_it(tmp_path: Path) -> None:
    """The listing finds it while an earlier part is not classified yet."""
    (tmp_path / "whole").mkdir()
    whole = RunSetup(tmp_path / "whole")
    whole.start()
    setup = RunSetup(tmp_path)
    setup.killed_with_parts()
    del setup.result.objects["parts/00000.jsonl"]
    assert setup.start()["continued"] == 4
    for name in ("results.jsonl", "result"):
        assert setup.result.objects[name] == whole.result.objects[name]


@pytest.mark.parametrize("refused", ["parts/", "parts/00000.jsonl"])
def test_parts_that_cannot_be_written_end_the_run(refused: str, setup: RunSetup) -> None:
    """A bucket that refuses parts would refuse results, too: fail early."""
    setup.result.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        setup.start()


@pytest.mark.parametrize("batch", manifest.BATCHES)
def test_no_batch_holds_pictures_of_two_parts(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any size that a manifest may choose."""
    monkeypatch.undo()
    assert module.PICTURES_PER_PART % batch == 0
