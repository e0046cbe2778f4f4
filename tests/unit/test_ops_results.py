"""What `python -m ops results` makes of what a run left."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from ops import results
from ops.cli import UNUSABLE, main

CRACK: dict[str, Any] = {
    "name": "part-1.png",
    "generation": "1",
    "predictedClass": 1,
    "label": "crack",
    "topK": [
        {"classIndex": 1, "label": "crack", "probability": 0.98},
        {"classIndex": 0, "label": "clean", "probability": 0.02},
    ],
}
SUMMARY: dict[str, Any] = {
    "classified": 26,
    "failed": {"picture_damaged": 1, "decoder_crashed": 2},
    "continued": 0,
    "modelSha256": "c3" * 32,
    "engine": "litert",
    "imageDigest": "sha256:" + "a1" * 32,
    "started": "2026-11-24T10:59:58Z",
    "finished": "2026-11-24T11:00:08Z",
    "picturesPerSecond": 105.3,
}
BROKEN = {"name": "part-2.png", "generation": "1", "error": "not_a_picture"}


def lines(*records: dict[str, Any]) -> str:
    """The records as `results.jsonl`."""
    return "".join(json.dumps(record) + "\n" for record in records)


def shown(run: results.Run, truth: dict[str, str] | None = None) -> str:
    """The table as plain text."""
    console = Console(file=io.StringIO(), width=120)
    console.print(results.table(run, truth))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_records_come_in_listing_order() -> None:
    """A run's records are those of results.jsonl, in its order."""
    run = results.parse(lines(CRACK, BROKEN), "Image: part-1.png, Response: {}\n")
    assert [record["name"] for record in run.records] == ["part-1.png", "part-2.png"]
    assert run.failure is None


def test_a_failed_run_is_its_sentence_and_no_records() -> None:
    """Where `result` starts with Error, the run failed as a whole, with code and sentence."""
    run = results.parse(lines({"error": "x"}), "Error: release_refused: The given credential.\n")
    assert run == results.Run((), "release_refused: The given credential.")


def test_edited_records_are_refused() -> None:
    """results.jsonl that is not JSON lines is an error that says so."""
    with pytest.raises(results.ResultsError, match="not JSON lines"):
        results.parse("{", "Image: x\n")


def test_an_edited_summary_is_refused() -> None:
    """summary.json that is not JSON is an error that says so."""
    with pytest.raises(results.ResultsError, match=r"summary\.json is not JSON"):
        results.parse(lines(CRACK), "Image: x\n", "{")


def test_results_without_a_summary_are_shown_all_the_same() -> None:
    """A workload that wrote none has left records and text as ever."""
    assert results.parse(lines(CRACK), "Image: x\n") == results.Run((CRACK,), None, None)


def test_the_summary_on_one_line() -> None:
    """Counts with their codes, when, how fast, and with what it was done."""
    assert results.line(SUMMARY) == (
        "classified 26, failed 3 (decoder_crashed 2, picture_damaged 1); "
        "2026-11-24T10:59:58Z to 2026-11-24T11:00:08Z; 105.3 pictures/s; engine litert; "
        f"model c3c3c3c3c3c3; image sha256:{'a1' * 32}"
    )


def test_the_summary_of_a_continued_run() -> None:
    """What an earlier start had left is told; what is not known is said or left out."""
    summary = SUMMARY | {
        "failed": {},
        "continued": 20,
        "imageDigest": None,
        "picturesPerSecond": None,
    }
    assert results.line(summary) == (
        "classified 26, failed 0; 20 taken over from an earlier start; "
        "2026-11-24T10:59:58Z to 2026-11-24T11:00:08Z; engine litert; "
        "model c3c3c3c3c3c3; image not known"
    )


@pytest.mark.parametrize("uri", ["bucket", "gs://", "gs://bucket/folder", "https://bucket"])
def test_a_uri_that_is_no_bucket_is_refused(uri: str) -> None:
    """Anything but gs://BUCKET is an error that shows the form."""
    with pytest.raises(results.ResultsError, match="expected gs://BUCKET"):
        results.bucket_of(uri)


def test_the_table_shows_label_score_and_error() -> None:
    """Each picture has a row: label, score and runner-up, or its error code."""
    text = shown(results.Run((CRACK, BROKEN), None))
    assert "crack" in text
    assert "0.980" in text
    assert "clean 0.020" in text
    assert "not_a_picture" in text


def test_the_truth_marks_right_and_wrong() -> None:
    """With the truth at hand, a right prediction has a tick and a wrong one a cross."""
    assert "crack ✓" in shown(results.Run((CRACK,), None), {"part-1.png": "crack"})
    assert "clean ✗" in shown(results.Run((CRACK,), None), {"part-1.png": "clean"})


def test_without_pulumi_the_bucket_must_be_named() -> None:
    """With no pulumi on PATH, the error names the option that replaces it."""
    with pytest.raises(results.ResultsError, match="--uri gs://BUCKET"):
        results.from_stack({"PATH": ""})


def test_unusable_input_has_its_own_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """A command that cannot work says why on stderr and exits with 2, not 1."""
    assert main(["results", "--uri", "nowhere"]) == UNUSABLE
    assert "expected gs://BUCKET" in capsys.readouterr().err
