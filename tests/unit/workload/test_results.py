"""The three objects that `workload.results` writes."""

from __future__ import annotations

import datetime as dt
import json
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from rehearsal.repository import REPOSITORY
from tests.fixtures.result_bucket import ResultBucket
from workload import results as module
from workload.checkpoints import Origin
from workload.errors import Detail, Failure, PictureFailure, WorkloadError
from workload.records import Picture, Score
from workload.results import Results, Summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workload.records import Outcome

SCHEMA = json.loads((REPOSITORY / "docs/schema/summary-v2.json").read_text())
ALLOWED = Draft202012Validator(SCHEMA)
IMAGE = "sha256:" + "a1" * 32
ORIGIN = Origin(model_sha256="c3" * 32, engine="litert", scores="probabilities", image_digest=IMAGE)
OUTCOMES: list[tuple[Picture, Outcome]] = [
    (Picture(name="a", generation="17", sha256="5e" * 32), [Score(3, "crack", 0.9973099827766418)]),
    (Picture(name="b", generation="18", sha256="5f" * 32), PictureFailure.DAMAGED),
    (Picture(name="c", generation="19"), PictureFailure.NOT_READABLE),
]
SUMMARY = {
    "schema": "confidential-inference/summary/v2",
    "listed": 3,
    "classified": 1,
    "failed": {"picture_damaged": 1, "picture_not_readable": 1},
    "continued": 0,
    "retried": 0,
    "damagedParts": 0,
    "modelSha256": "c3" * 32,
    "engine": "litert",
    "scores": "probabilities",
    "imageDigest": IMAGE,
    "started": "2026-11-24T10:59:58Z",
    "finished": "2026-11-24T11:00:08Z",
    "picturesPerSecond": 0.4,
}


class Clock:
    """A clock that is read three times: at the start, after loading, at the end."""

    def __init__(self, seconds: float = 7.5) -> None:
        start = dt.datetime(2026, 11, 24, 11, 59, 58, tzinfo=dt.timezone(dt.timedelta(hours=1)))
        loaded = start + dt.timedelta(seconds=2.5)
        self._times = iter([start, loaded, loaded + dt.timedelta(seconds=seconds)])

    def __call__(self) -> dt.datetime:
        """The next time."""
        return next(self._times)


@pytest.fixture
def bucket() -> ResultBucket:
    """A bucket with an earlier run's results."""
    return ResultBucket({"results.jsonl": "old\n", "summary.json": "old\n", "result": "old\n"})


def finished(bucket: ResultBucket, folder: Path, seconds: float = 7.5) -> Summary:
    """A whole run."""
    results = Results(bucket, folder, Clock(seconds))
    results.begin()
    checkpoints = results.checkpoints(ORIGIN)
    list(checkpoints.unclassified([picture for picture, _ in OUTCOMES]))
    checkpoints.add(OUTCOMES)
    summary = results.finish(checkpoints)
    checkpoints.remove()
    return summary


def test_records_and_text_of_a_run(bucket: ResultBucket, tmp_path: Path) -> None:
    """One line a picture in both, in the order of the listing."""
    assert finished(bucket, tmp_path) == Summary(classified=1, failed=2)
    lines = bucket.objects["results.jsonl"].splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["a", "b", "c"]
    # As the published example's readers split it: no empty line at the end.
    assert bucket.objects["result"].split("\n") == [
        (
            "Image: a, Response: {'predicted_class': 3, 'top_k_predictions': "
            "[{'class_index': 3, 'score': 0.9973099827766418}]}"
        ),
        "Image: b, Response: {'error': 'picture_damaged'}",
        "Image: c, Response: {'error': 'picture_not_readable'}",
    ]
    assert json.loads(lines[0])["topK"][0]["score"] == 0.99731


def test_the_summary_of_a_run(bucket: ResultBucket, tmp_path: Path) -> None:
    """Counts, what it was done with, and when, in UTC; the rate is that of the pictures' time."""
    finished(bucket, tmp_path)
    assert json.loads(bucket.objects["summary.json"]) == SUMMARY


def test_a_run_without_duration_has_no_rate(bucket: ResultBucket, tmp_path: Path) -> None:
    """A clock that was set back gives no rate, and no error."""
    finished(bucket, tmp_path, seconds=-1)
    summary = json.loads(bucket.objects["summary.json"])
    assert summary["picturesPerSecond"] is None
    ALLOWED.validate(summary)


def test_the_summary_matches_its_schema(bucket: ResultBucket, tmp_path: Path) -> None:
    """Every key, and no other."""
    finished(bucket, tmp_path)
    ALLOWED.validate(json.loads(bucket.objects["summary.json"]))


OUTSIDE = {
    "one key more": SUMMARY | {"host": "x"},
    "another form": SUMMARY | {"schema": "confidential-inference/summary/v1"},
    "scores of an unknown kind": SUMMARY | {"scores": "percent"},
    "no hash": SUMMARY | {"modelSha256": "latest"},
    "a tag": SUMMARY | {"imageDigest": "latest"},
    "local time": SUMMARY | {"started": "2026-11-24T11:59:58+01:00"},
    "a failure that no picture has": SUMMARY | {"failed": {"No such file": 1}},
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_schema_of_summaries_allows_nothing_else(name: str) -> None:
    """Other objects are not valid summaries."""
    assert not ALLOWED.is_valid(OUTSIDE[name])


@pytest.mark.parametrize("code", PictureFailure)
def test_the_schema_of_summaries_knows_every_code(code: PictureFailure) -> None:
    """Every code of a picture may be counted."""
    ALLOWED.validate(SUMMARY | {"failed": {code.value: 1}})


def test_the_schema_of_summaries_is_valid() -> None:
    """An invalid schema could accept everything."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == module.SCHEMA


def test_the_text_is_written_last(bucket: ResultBucket, tmp_path: Path) -> None:
    """`result` is deleted first and written last."""
    finished(bucket, tmp_path)
    assert bucket.done == [
        "remove result",
        "remove summary.json",
        "write results.jsonl",
        "write parts/00000.jsonl",
        "write results.jsonl",
        "write summary.json",
        "write result",
        "remove parts/00000.jsonl",
    ]


def test_results_of_an_earlier_run_are_deleted_at_once(
    bucket: ResultBucket, tmp_path: Path
) -> None:
    """Even if the new run never ends."""
    Results(bucket, tmp_path).begin()
    assert bucket.objects == {"results.jsonl": ""}


def test_a_failure_replaces_all_results(bucket: ResultBucket, tmp_path: Path) -> None:
    """A failed run writes one line and one record, and no records of pictures."""
    results = Results(bucket, tmp_path)
    results.begin()
    results.fail(WorkloadError(Failure.RELEASE_REFUSED, Detail.CONDITION))
    sentence = "The given credential is rejected by the attribute condition."
    assert bucket.objects.keys() == {"results.jsonl", "result"}
    assert bucket.objects["result"] == f"Error: release_refused: {sentence}\n"
    assert json.loads(bucket.objects["results.jsonl"]) == {
        "schema": "confidential-inference/result/v2",
        "error": "release_refused",
        "reason": sentence,
    }


def test_a_failed_run_has_no_summary(bucket: ResultBucket, tmp_path: Path) -> None:
    """If the last object can't be written, the summary is deleted again."""
    results = Results(bucket, tmp_path)
    results.begin()
    bucket.refuses = "result"
    bucket.objects["summary.json"] = "mine"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        results.fail(WorkloadError(Failure.RESULTS_NOT_WRITABLE))
    assert "summary.json" not in bucket.objects


@pytest.mark.parametrize("refused", ["results.jsonl", "summary.json", "result"])
def test_a_run_does_not_begin_if_an_object_is_not_writable(
    refused: str, bucket: ResultBucket, tmp_path: Path
) -> None:
    """Without the right to write one object or to replace the others, a run does not begin."""
    bucket.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        Results(bucket, tmp_path).begin()


def test_results_that_cannot_be_deleted_stay_complete(bucket: ResultBucket, tmp_path: Path) -> None:
    """An earlier `result` that may not be deleted keeps the records that belong to it."""
    before = dict(bucket.objects)
    bucket.refuses = "result"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        Results(bucket, tmp_path).begin()
    assert bucket.objects == before


@pytest.mark.parametrize("refused", ["results.jsonl", "summary.json", "result"])
def test_a_write_that_fails_at_the_end_fails_the_run(
    refused: str, bucket: ResultBucket, tmp_path: Path
) -> None:
    """A bucket that stops taking results in the middle of a run is a failure of its own."""
    results = Results(bucket, tmp_path)
    results.begin()
    checkpoints = results.checkpoints(ORIGIN)
    bucket.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        results.finish(checkpoints)
    assert "result" not in bucket.objects


def test_parts_that_stay_do_not_fail_the_run(bucket: ResultBucket, tmp_path: Path) -> None:
    """After the results are written, parts that can't be deleted do not matter."""
    results = Results(bucket, tmp_path)
    results.begin()
    checkpoints = results.checkpoints(ORIGIN)
    list(checkpoints.unclassified([picture for picture, _ in OUTCOMES]))
    checkpoints.add(OUTCOMES)
    bucket.refuses = "parts/"
    assert results.finish(checkpoints) == Summary(classified=1, failed=2)
    checkpoints.remove()
    assert bucket.objects["result"].startswith("Image: a, ")


class SteppedRun:
    """Another run, which begins step by step under the test's control."""

    def __init__(self, bucket: ResultBucket, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._bucket = bucket
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self.results = Results(self, folder)
        self._thread = threading.Thread(target=self._begin)
        self._thread.start()

    def step(self, times: int) -> None:
        """Executes this many steps."""
        for _ in range(times):
            self._go.release()
            self._done.acquire()

    def end(self) -> None:
        """All the other steps."""
        self._go.release(100)
        self._thread.join()

    def _begin(self) -> None:
        with suppress(WorkloadError):  # the first run has overtaken this one
            self.results.begin()

    def __getattr__(self, name: str) -> Any:
        """A method of the bucket that waits for the test's permission."""
        method = getattr(self._bucket, name)

        def stepped(*arguments: Any) -> Any:
            self._go.acquire()
            try:
                return method(*arguments)
            finally:
                self._done.release()

        return stepped


class InterruptingBucket(ResultBucket):
    """A bucket that calls functions before given uses of it."""

    def __init__(self) -> None:
        super().__init__()
        self.uses = -1
        self.happens: dict[int, Callable[[], None]] = {}

    def __getattribute__(self, name: str) -> Any:
        """What happens now, before a method of the bucket."""
        if name in {"names", "fetch", "write", "generation", "remove"}:
            self.uses += 1
            self.happens.pop(self.uses, lambda: None)()
        return super().__getattribute__(name)


STEPS = 6
"""Steps of `begin`, if there is nothing to delete."""
USES = 16
"""Of the bucket, in a whole run."""
FIRST_LOOK, LAST_LOOK = 5, 13
"""The uses that check the generation: in `begin`, and after `result` is written."""


def test_a_run_uses_the_bucket_the_expected_number_of_times(tmp_path: Path) -> None:
    """The next test covers a run from its first use of the bucket to its last."""
    bucket = InterruptingBucket()
    finished(bucket, tmp_path)
    assert bucket.uses == USES - 1


@pytest.mark.parametrize("before", range(STEPS + 1))
@pytest.mark.parametrize("moment", range(USES))
def test_two_runs_at_once_leave_the_results_of_one(
    moment: int, before: int, tmp_path: Path
) -> None:
    """Whenever another run begins, and however slowly: the results are complete and of one run.

    The one whose records are there goes on; the other one ends, and takes back what it left.
    """
    for later in range(moment + 1, USES + 1):
        shared, bucket = ResultBucket(), InterruptingBucket()
        bucket.objects, bucket.generations = shared.objects, shared.generations
        bucket.written = shared.written
        other = SteppedRun(shared, tmp_path / f"{later}" / "other")
        bucket.happens = {moment: partial(other.step, before), later: other.end}
        ended = True
        try:
            finished(bucket, tmp_path / f"{later}")
        except WorkloadError as error:
            assert error.failure is Failure.RESULTS_TAKEN  # noqa: PT017  it may as well not be raised
            ended = False
        other.end()
        without_parts = {n: o for n, o in shared.objects.items() if not n.startswith("parts/")}
        if shared.generation("results.jsonl") == other.results._generation:
            assert without_parts == {"results.jsonl": ""}
        else:
            assert ended
            assert json.loads(without_parts["summary.json"])["listed"] == len(OUTCOMES)
            assert len(without_parts["result"].split("\n")) == len(OUTCOMES)
            assert len(without_parts["results.jsonl"].splitlines()) == len(OUTCOMES)


def emptied(bucket: ResultBucket) -> None:
    """A person deletes the records."""
    bucket.objects.pop("results.jsonl", None)
    bucket.generations.pop("results.jsonl", None)


@pytest.mark.parametrize("moment", range(FIRST_LOOK - 2, LAST_LOOK + 1))
def test_records_that_a_person_deletes_do_not_end_the_run(moment: int, tmp_path: Path) -> None:
    """The run continues and writes all results: no other run deletes records."""
    bucket = InterruptingBucket()
    bucket.happens = {moment: partial(emptied, bucket)}
    assert finished(bucket, tmp_path) == Summary(classified=1, failed=2)
    assert bucket.objects.keys() == {"results.jsonl", "summary.json", "result"}
    assert len(bucket.objects["results.jsonl"].splitlines()) == len(OUTCOMES)


def test_the_failure_of_a_dead_run_is_written_to_an_emptied_bucket(
    bucket: ResultBucket, tmp_path: Path
) -> None:
    """By a process that did not write the records: a later run would have written some."""
    (tmp_path / "first").mkdir()
    generations: list[str] = []
    Results(bucket, tmp_path, on_generation=generations.append).begin()
    emptied(bucket)
    Results(bucket, tmp_path / "first", generation=generations[-1]).fail(
        WorkloadError(Failure.RUN_KILLED)
    )
    assert bucket.objects["result"].startswith("Error: run_killed: ")
    assert json.loads(bucket.objects["results.jsonl"])["error"] == "run_killed"


def test_no_failure_is_written_after_another_run_has_started(
    bucket: ResultBucket, tmp_path: Path
) -> None:
    """The objects belong to the later run."""
    (tmp_path / "later").mkdir()
    first, later = Results(bucket, tmp_path), Results(bucket, tmp_path / "later")
    first.begin()
    later.begin()
    first.fail(WorkloadError(Failure.RESULTS_TAKEN))
    with pytest.raises(WorkloadError, match=r"^results_taken: "):
        first.fail(WorkloadError(Failure.NO_PICTURES))
    assert bucket.objects == {"results.jsonl": ""}


def test_the_failure_of_a_dead_run_is_written_only_over_its_own_generation(
    bucket: ResultBucket, tmp_path: Path
) -> None:
    """By another process, and never over the results of a later run."""
    generations: list[str] = []
    Results(bucket, tmp_path, on_generation=generations.append).begin()
    killed = WorkloadError(Failure.RUN_KILLED)
    Results(bucket, tmp_path, generation=generations[-1]).fail(killed)
    assert bucket.objects["result"].startswith("Error: run_killed: ")
    Results(bucket, tmp_path).begin()
    with pytest.raises(WorkloadError, match=r"^results_taken: "):
        Results(bucket, tmp_path, generation=generations[-1]).fail(killed)
    assert bucket.objects == {"results.jsonl": ""}


def test_each_new_generation_is_reported(bucket: ResultBucket, tmp_path: Path) -> None:
    """A run may be killed at any moment, also between its results and their text."""
    generations: list[str] = []
    results = Results(bucket, tmp_path, on_generation=generations.append)
    results.begin()
    assert generations[-1] == bucket.generation("results.jsonl")
    results.fail(WorkloadError(Failure.NO_PICTURES))
    assert generations[-1] == bucket.generation("results.jsonl")
    assert len(generations) == 2


def test_no_part_is_written_after_another_run_has_started(
    bucket: ResultBucket, tmp_path: Path
) -> None:
    """The run ends at its next complete part."""
    (tmp_path / "later").mkdir()
    first = Results(bucket, tmp_path)
    first.begin()
    checkpoints = first.checkpoints(ORIGIN)
    list(checkpoints.unclassified([picture for picture, _ in OUTCOMES]))
    Results(bucket, tmp_path / "later").begin()
    with pytest.raises(WorkloadError, match=r"^results_taken: "):
        checkpoints.add(OUTCOMES)
    assert bucket.objects == {"results.jsonl": ""}
