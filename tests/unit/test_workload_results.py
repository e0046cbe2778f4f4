"""The two objects that leave the enclave, as `workload.results` writes them."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

import pytest

from workload.errors import BucketError, Detail, Failure, PictureFailure, WorkloadError
from workload.results import Picture, Results, Score

if TYPE_CHECKING:
    from pathlib import Path

    from workload.results import Outcome

SCORES = [Score(3, "crack", 0.99731), Score(0, "clean", 0.0001)]
OUTCOMES: list[tuple[Picture, Outcome]] = [
    (Picture(name="a.png", generation="17"), SCORES),
    (Picture(name="ü 'b'.jpg", generation="18"), PictureFailure.DAMAGED),
]


class ResultBucket:
    """A result bucket in memory that remembers what was done to it, in order."""

    def __init__(self, **objects: str) -> None:
        self.objects = objects
        self.done: list[str] = []
        self.refuses: str | None = None

    def write(self, name: str, content: Path, content_type: str) -> None:
        """Stores a file's content; BucketError if it was told to refuse this object."""
        assert content_type
        if self.refuses == name:
            raise BucketError
        self.done.append(f"write {name}")
        self.objects[name] = content.read_text(encoding="utf-8")

    def remove(self, name: str) -> None:
        """Deletes an object if it is there; BucketError if it was told to refuse this one."""
        if self.refuses == name:
            raise BucketError
        self.done.append(f"remove {name}")
        self.objects.pop(name, None)


@pytest.fixture
def bucket() -> ResultBucket:
    """A bucket with an earlier run's results."""
    return ResultBucket(**{"results.jsonl": "old\n", "result": "old\n"})


def test_the_records_of_a_run(bucket: ResultBucket, tmp_path: Path) -> None:
    """One JSON object a line with its keys sorted, in the order of the listing."""
    results = Results(bucket, tmp_path)
    results.begin()
    results.add(OUTCOMES[:1])
    results.add(OUTCOMES[1:])
    results.finish()
    lines = bucket.objects["results.jsonl"].splitlines()
    assert lines[0] == (
        '{"generation": "17", "label": "crack", "name": "a.png", "predictedClass": 3, '
        '"schema": "confidential-inference/result/v1", "topK": '
        '[{"classIndex": 3, "label": "crack", "probability": 0.99731}, '
        '{"classIndex": 0, "label": "clean", "probability": 0.0001}]}'
    )
    assert json.loads(lines[1]) == {
        "schema": "confidential-inference/result/v1",
        "name": "ü 'b'.jpg",
        "generation": "18",
        "error": "picture_damaged",
    }


def test_the_text_of_a_run(bucket: ResultBucket, tmp_path: Path) -> None:
    """One line a picture in the published form, whose response is a Python literal."""
    results = Results(bucket, tmp_path)
    results.begin()
    results.add(OUTCOMES)
    results.finish()
    first, second = bucket.objects["result"].splitlines()
    assert first == (
        "Image: a.png, Response: {'predicted_class': 3, 'top_k_predictions': "
        "[{'class_index': 3, 'probability': 0.99731}, {'class_index': 0, 'probability': 0.0001}]}"
    )
    assert ast.literal_eval(first.partition("Response: ")[2])["predicted_class"] == 3
    assert second == "Image: ü 'b'.jpg, Error: picture_damaged"


def test_the_text_is_written_last(bucket: ResultBucket, tmp_path: Path) -> None:
    """`result` is gone from the beginning until all else is there: who sees it sees all."""
    results = Results(bucket, tmp_path)
    results.begin()
    results.add(OUTCOMES)
    results.finish()
    assert bucket.done == [
        "remove result",
        "write results.jsonl",
        "write results.jsonl",
        "write result",
    ]


def test_an_earlier_run_is_gone_at_once(bucket: ResultBucket, tmp_path: Path) -> None:
    """A run that never ends leaves no results of the run before it."""
    Results(bucket, tmp_path).begin()
    assert bucket.objects == {"results.jsonl": ""}


def test_a_failure_takes_the_place_of_all_results(bucket: ResultBucket, tmp_path: Path) -> None:
    """A failed run leaves one line and one record; nothing of the pictures before it."""
    results = Results(bucket, tmp_path)
    results.begin()
    results.add(OUTCOMES)
    results.fail(WorkloadError(Failure.RELEASE_REFUSED, Detail.CONDITION))
    sentence = "The given credential is rejected by the attribute condition."
    assert bucket.objects["result"] == f"Error: release_refused: {sentence}\n"
    assert json.loads(bucket.objects["results.jsonl"]) == {
        "schema": "confidential-inference/result/v1",
        "error": "release_refused",
        "reason": sentence,
    }


def test_the_text_of_an_exception_stays_inside(bucket: ResultBucket, tmp_path: Path) -> None:
    """An exception that nobody foresaw leaves as a code; its text does not leave."""
    Results(bucket, tmp_path).fail(RuntimeError("tensor 'secret' of gs://primus/model"))
    assert bucket.objects["result"] == (
        "Error: internal_error: The workload met a situation it does not know.\n"
    )
    assert "secret" not in bucket.objects["results.jsonl"]


@pytest.mark.parametrize("refused", ["results.jsonl", "result"])
def test_a_bucket_that_takes_no_results_is_noticed_first(
    refused: str, bucket: ResultBucket, tmp_path: Path
) -> None:
    """Without the right to write one object or to replace the other, a run does not begin."""
    bucket.refuses = refused
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        Results(bucket, tmp_path).begin()


def test_what_cannot_be_replaced_stays_whole(bucket: ResultBucket, tmp_path: Path) -> None:
    """An earlier `result` that may not be deleted keeps the records that belong to it."""
    bucket.refuses = "result"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        Results(bucket, tmp_path).begin()
    assert bucket.objects == {"results.jsonl": "old\n", "result": "old\n"}


def test_a_write_that_fails_at_the_end_is_told(bucket: ResultBucket, tmp_path: Path) -> None:
    """A bucket that stops taking results in the middle of a run is a failure of its own."""
    results = Results(bucket, tmp_path)
    results.begin()
    bucket.refuses = "result"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        results.finish()


def test_a_number_that_json_does_not_know_is_an_error(bucket: ResultBucket, tmp_path: Path) -> None:
    """NaN never gets into a record, where no other program could read it."""
    results = Results(bucket, tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        results.add([(OUTCOMES[0][0], [Score(0, "clean", float("nan"))])])
