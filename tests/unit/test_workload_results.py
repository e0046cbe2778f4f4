"""The three objects that leave the enclave, as `workload.results` hands them over."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from tests.unit.result_bucket import ResultBucket
from workload import results as module
from workload.errors import Detail, Failure, PictureFailure, WorkloadError
from workload.parts import Origin
from workload.records import Picture, Score
from workload.results import Results, Summary

if TYPE_CHECKING:
    from workload.records import Outcome

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/summary-v1.json").read_text())
ALLOWED = Draft202012Validator(SCHEMA)
IMAGE = "sha256:" + "a1" * 32
ORIGIN = Origin(model_sha256="c3" * 32, engine="litert", image_digest=IMAGE)
OUTCOMES: list[tuple[Picture, Outcome]] = [
    (Picture(name="a", generation="17", sha256="5e" * 32), [Score(3, "crack", 0.9973099827766418)]),
    (Picture(name="b", generation="18", sha256="5f" * 32), PictureFailure.DAMAGED),
    (Picture(name="c", generation="19"), PictureFailure.NOT_READABLE),
]
SUMMARY = {
    "schema": "confidential-inference/summary/v1",
    "listed": 3,
    "classified": 1,
    "failed": {"picture_damaged": 1, "picture_not_readable": 1},
    "continued": 0,
    "retried": 0,
    "damagedParts": 0,
    "modelSha256": "c3" * 32,
    "engine": "litert",
    "imageDigest": IMAGE,
    "started": "2026-11-24T10:59:58Z",
    "finished": "2026-11-24T11:00:08Z",
    "picturesPerSecond": 0.4,
}


class Clock:
    """A clock that is looked at three times: at the start, with the model loaded, at the end."""

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
    parts = results.parts(ORIGIN)
    list(parts.missing([picture for picture, _ in OUTCOMES]))
    parts.add(OUTCOMES)
    return results.finish(parts)


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
    assert json.loads(lines[0])["topK"][0]["probability"] == 0.99731


def test_the_summary_of_a_run(bucket: ResultBucket, tmp_path: Path) -> None:
    """Counts, what it was done with, and when, in UTC; the rate is that of the pictures' time."""
    finished(bucket, tmp_path)
    assert json.loads(bucket.objects["summary.json"]) == SUMMARY


def test_no_time_is_no_rate(bucket: ResultBucket, tmp_path: Path) -> None:
    """A clock that was set back in the middle makes no rate, and no error."""
    finished(bucket, tmp_path, seconds=-1)
    summary = json.loads(bucket.objects["summary.json"])
    assert summary["picturesPerSecond"] is None
    ALLOWED.validate(summary)


def test_the_summary_is_what_its_schema_says(bucket: ResultBucket, tmp_path: Path) -> None:
    """Every key, and no other."""
    finished(bucket, tmp_path)
    ALLOWED.validate(json.loads(bucket.objects["summary.json"]))


OUTSIDE = {
    "one key more": SUMMARY | {"host": "x"},
    "another form": SUMMARY | {"schema": "confidential-inference/summary/v2"},
    "no hash": SUMMARY | {"modelSha256": "latest"},
    "a tag": SUMMARY | {"imageDigest": "latest"},
    "local time": SUMMARY | {"started": "2026-11-24T11:59:58+01:00"},
    "a failure that no picture has": SUMMARY | {"failed": {"No such file": 1}},
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_schema_of_summaries_allows_nothing_else(name: str) -> None:
    """What the workload never says is no summary."""
    assert not ALLOWED.is_valid(OUTSIDE[name])


@pytest.mark.parametrize("code", PictureFailure)
def test_the_schema_of_summaries_knows_every_code(code: PictureFailure) -> None:
    """Whatever a picture can fail with may be counted."""
    ALLOWED.validate(SUMMARY | {"failed": {code.value: 1}})


def test_the_schema_of_summaries_is_one() -> None:
    """A mistake in the schema would allow everything."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == module.SCHEMA


def test_the_text_is_written_last(bucket: ResultBucket, tmp_path: Path) -> None:
    """`result` is gone before anything else is done and back after all is there."""
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


def test_an_earlier_run_is_gone_at_once(bucket: ResultBucket, tmp_path: Path) -> None:
    """A run that never ends leaves no results of the run before it."""
    Results(bucket, tmp_path).begin()
    assert bucket.objects == {"results.jsonl": ""}


def test_a_failure_takes_the_place_of_all_results(bucket: ResultBucket, tmp_path: Path) -> None:
    """A failed run leaves one line and one record; nothing of the pictures before it."""
    results = Results(bucket, tmp_path)
    results.begin()
    results.fail(WorkloadError(Failure.RELEASE_REFUSED, Detail.CONDITION))
    sentence = "The given credential is rejected by the attribute condition."
    assert bucket.objects.keys() == {"results.jsonl", "result"}
    assert bucket.objects["result"] == f"Error: release_refused: {sentence}\n"
    assert json.loads(bucket.objects["results.jsonl"]) == {
        "schema": "confidential-inference/result/v1",
        "error": "release_refused",
        "reason": sentence,
    }


def test_a_failed_run_has_no_summary(bucket: ResultBucket, tmp_path: Path) -> None:
    """A run that could not write its last object takes the summary back that it wrote before."""
    bucket.refuses = "result"
    results = Results(bucket, tmp_path)
    bucket.objects["summary.json"] = "mine"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        results.fail(WorkloadError(Failure.RESULTS_NOT_WRITABLE))
    assert "summary.json" not in bucket.objects


@pytest.mark.parametrize("refused", ["results.jsonl", "summary.json", "result"])
def test_a_bucket_that_takes_no_results_is_noticed_first(
    refused: str, bucket: ResultBucket, tmp_path: Path
) -> None:
    """Without the right to write one object or to replace the others, a run does not begin."""
    bucket.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        Results(bucket, tmp_path).begin()


def test_what_cannot_be_replaced_stays_whole(bucket: ResultBucket, tmp_path: Path) -> None:
    """An earlier `result` that may not be deleted keeps the records that belong to it."""
    before = dict(bucket.objects)
    bucket.refuses = "result"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        Results(bucket, tmp_path).begin()
    assert bucket.objects == before


@pytest.mark.parametrize("refused", ["results.jsonl", "summary.json", "result"])
def test_a_write_that_fails_at_the_end_is_told(
    refused: str, bucket: ResultBucket, tmp_path: Path
) -> None:
    """A bucket that stops taking results in the middle of a run is a failure of its own."""
    results = Results(bucket, tmp_path)
    results.begin()
    parts = results.parts(ORIGIN)
    bucket.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        results.finish(parts)
    assert "result" not in bucket.objects


def test_parts_that_stay_do_not_make_a_run_fail(bucket: ResultBucket, tmp_path: Path) -> None:
    """When all is handed over, what is left of the parts is no reason to take it back."""
    results = Results(bucket, tmp_path)
    results.begin()
    parts = results.parts(ORIGIN)
    list(parts.missing([picture for picture, _ in OUTCOMES]))
    parts.add(OUTCOMES)
    bucket.refuses = "parts/"
    assert results.finish(parts) == Summary(classified=1, failed=2)
    assert bucket.objects["result"].startswith("Image: a, ")
