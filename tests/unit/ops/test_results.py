"""How the results of a run are read and printed."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from ops import results, results_table
from ops.cli import main
from ops.exit_codes import UNUSABLE
from ops.machine import Machine
from ops.records import ResultsError, Run, parse
from ops.terminal import Terminal
from rehearsal.repository import REPOSITORY

CRACK: dict[str, Any] = {
    "name": "part-1.png",
    "generation": "1",
    "predictedClass": 1,
    "label": "crack",
    "topK": [
        {"classIndex": 1, "label": "crack", "score": 0.98},
        {"classIndex": 0, "label": "clean", "score": 0.02},
    ],
}
SUMMARY: dict[str, Any] = {
    "classified": 26,
    "failed": {"picture_damaged": 1, "decoder_crashed": 2},
    "continued": 0,
    "modelSha256": "c3" * 32,
    "engine": "litert",
    "scores": "probabilities",
    "imageDigest": "sha256:" + "a1" * 32,
    "started": "2026-11-24T10:59:58Z",
    "finished": "2026-11-24T11:00:08Z",
    "picturesPerSecond": 105.3,
}
BROKEN = {"name": "part-2.png", "generation": "1", "error": "not_a_picture"}


def lines(*records: dict[str, Any]) -> str:
    """The records as `results.jsonl`."""
    return "".join(json.dumps(record) + "\n" for record in records)


def shown(run: Run, truth: dict[str, str] | None = None) -> str:
    """The table as plain text."""
    console = Terminal(io.StringIO(), width=120)
    console.print(results_table.table(run) if truth is None else results_table.compared(run, truth))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_records_keep_the_order_of_results_jsonl() -> None:
    """It is the order of the listing."""
    run = parse(lines(CRACK, BROKEN), "Image: part-1.png, Response: {}\n")
    assert [record["name"] for record in run.records] == ["part-1.png", "part-2.png"]
    assert run.failure is None


def test_a_failed_run_has_a_code_and_a_sentence_and_no_records() -> None:
    """The first line of `result` starts with "Error: "."""
    run = parse(lines({"error": "x"}), "Error: release_refused: The given credential.\n")
    assert run == Run((), "release_refused: The given credential.")


def test_edited_records_are_refused() -> None:
    """If results.jsonl is not JSON, the error says so."""
    with pytest.raises(ResultsError, match=r"results\.jsonl: line 1 is not JSON"):
        parse("{", "Image: x\n")


@pytest.mark.parametrize(
    "edited",
    [{"name": "a", "error": "x", "topK": [1]}, {"name": "a", "error": ""}, {"name": "a"}],
    ids=["an error and scores", "an empty error", "neither"],
)
def test_a_record_is_of_an_error_or_of_scores(edited: dict[str, Any]) -> None:
    """Nothing that reads records has to expect both."""
    with pytest.raises(ResultsError, match=r"results\.jsonl: line 1 is no record of a picture"):
        parse(lines(edited), "Image: x\n")


def test_an_edited_summary_is_refused() -> None:
    """If summary.json is not JSON, the error says so."""
    with pytest.raises(ResultsError, match=r"summary\.json: line 1 is not JSON"):
        parse(lines(CRACK), "Image: x\n", "{")


def test_results_without_a_summary_are_read() -> None:
    """An older workload writes none."""
    assert parse(lines(CRACK), "Image: x\n") == Run((CRACK,), None, None)


def test_a_summary_is_shown_below_the_pictures() -> None:
    """With engine, model, image and times."""
    run = parse(lines(CRACK), "Image: part-1.png, Response: {}\n", json.dumps(SUMMARY))
    assert run.summary == SUMMARY
    terminal = Terminal(io.StringIO(), width=400)
    results_table.show(terminal, run)
    assert isinstance(terminal.file, io.StringIO)
    assert results_table.summary_line(SUMMARY) in terminal.file.getvalue()


def test_the_summary_is_one_line() -> None:
    """Counts with codes, start and end, rate, engine, model and image."""
    assert results_table.summary_line(SUMMARY) == (
        "classified 26, failed 3 (decoder_crashed 2, picture_damaged 1); "
        "2026-11-24T10:59:58Z to 2026-11-24T11:00:08Z; 105.3 pictures/s; engine litert; "
        f"model c3c3c3c3c3c3; image sha256:{'a1' * 32}"
    )


def test_the_summary_of_a_continued_run_says_how_much_it_took_over() -> None:
    """Facts that nobody knows are left out or called not known."""
    summary = SUMMARY | {
        "failed": {},
        "continued": 20,
        "imageDigest": None,
        "picturesPerSecond": None,
    }
    assert results_table.summary_line(summary) == (
        "classified 26, failed 0; 20 taken over from an earlier start; "
        "2026-11-24T10:59:58Z to 2026-11-24T11:00:08Z; engine litert; "
        "model c3c3c3c3c3c3; image not known"
    )


@pytest.mark.parametrize("uri", ["bucket", "gs://", "gs://bucket/folder", "https://bucket"])
def test_a_uri_that_is_not_a_bucket_is_refused(uri: str) -> None:
    """The error shows the form gs://BUCKET."""
    with pytest.raises(ResultsError, match="expected gs://BUCKET"):
        results.bucket_of(uri)


def test_the_table_shows_label_score_and_error() -> None:
    """Each picture has a row: label, score and runner-up, or its error code."""
    text = shown(Run((CRACK, BROKEN), None))
    assert "crack" in text
    assert "0.980" in text
    assert "clean 0.020" in text
    assert "not_a_picture" in text


@pytest.mark.parametrize(
    ("scores", "score", "expected"),
    [
        ("logits", 12.0812, "12.08"),
        ("logits", -0.00014, "-0.00014"),
        ("raw", 123456.7, "1.235e+05"),
        ("raw", 3.4e38, "3.4e+38"),
        ("log-probabilities", -0.02, "-0.02"),
    ],
)
def test_the_heading_says_what_scores_are(scores: str, score: float, expected: str) -> None:
    """A logit can have any size: four digits of it are shown."""
    record = CRACK | {"topK": [{"classIndex": 1, "label": "crack", "score": score}] * 2}
    table = results_table.table(Run((record,), None, SUMMARY | {"scores": scores}))
    columns = [(column.header, list(column.cells)) for column in table.columns]
    assert [f"{header}: {cells[0]}" for header, cells in columns[1:]] == [
        "predicted: crack",
        f"score ({scores}): {expected}",
        f"runner-up: crack {expected}",
    ]


@pytest.mark.parametrize("summary", [SUMMARY, None])
def test_probabilities_have_three_decimals(summary: dict[str, Any] | None) -> None:
    """So have the scores of an older workload, which left no summary."""
    table = results_table.table(Run((CRACK,), None, summary))
    assert table.columns[2].header == "score"
    assert f"{next(iter(table.columns[2].cells))}" == "0.980"


def test_a_class_without_a_label_is_shown_by_its_index() -> None:
    """A manifest may have an empty label, such as that of a background."""
    top = [{"classIndex": 7, "label": "", "score": 0.5}, {"classIndex": 0, "label": "", "score": 0}]
    text = shown(Run((CRACK | {"label": "", "topK": top},), None))
    assert "class 7" in text
    assert "class 0 0.000" in text


@pytest.mark.parametrize("score", [10**400, float("nan"), float("inf"), True, "0.5", None])
def test_a_score_that_no_model_gives_is_refused(score: object) -> None:
    """Somebody edited the results."""
    record = CRACK | {"topK": [{"classIndex": 1, "label": "crack", "score": score}]}
    with pytest.raises(ResultsError, match=r"results\.jsonl: line 1 is no record of a picture"):
        parse(lines(record), "Image: x\n")


LABELS = ["می\u200cخواهم", "👩\u200d🔬", "a\u00a0b", "東京\u3000駅", "ไทย", "עברית"]  # noqa: RUF001


@pytest.mark.parametrize("label", LABELS)
def test_a_label_in_any_language_is_shown_as_it_is(label: str) -> None:
    """Joiners of Persian and emoji, and spaces of other widths, are parts of words."""
    best = {"classIndex": 1, "label": label, "score": 0.5}
    text = shown(Run((CRACK | {"label": label, "topK": [best, best]},), None))
    assert label in text
    assert f"{label} 0.500" in text


EVIL = "[/][bold]\x1b]0;x\x07:bomb:\n\r\u2028\u202e[link=https://x.example]x" + "y" * 5000
HOSTILE: dict[str, dict[str, Any]] = {
    "name": CRACK | {"name": EVIL},
    "label": CRACK | {"label": EVIL},
    "runner-up": CRACK | {"topK": [*CRACK["topK"][:1], CRACK["topK"][1] | {"label": EVIL}]},
    "code": {"name": "a.png", "error": EVIL},
}


@pytest.mark.parametrize("record", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_or_label_is_shown_as_text(record: dict[str, Any]) -> None:
    """Whoever uploads a picture chooses its name, and the model's owner chooses the label."""
    text = shown(Run((record,), None), {EVIL: "crack"})
    joined = "".join(c for c in text if c not in "│ \n")
    assert r"[/][bold]\x1b]0;x\x07:bomb:\n\r\u2028\u202e[link=https://x.example]x" in joined
    assert "y…(5" in joined
    assert len(joined) < 1000
    assert [c for c in text if not c.isprintable() and c != "\n"] == []


def test_a_hostile_summary_is_shown_as_one_line_of_text() -> None:
    """Whoever can write the bucket can edit it."""
    text = results_table.summary_line(SUMMARY | {"engine": EVIL})
    assert r"engine [/][bold]\x1b]0;x" in text
    assert [c for c in text if not c.isprintable()] == []


@pytest.mark.parametrize(
    ("records", "summary", "problem"),
    [
        (lines(CRACK) + "[]\n", None, r"results\.jsonl: line 2 is no JSON object"),
        (lines(CRACK, {"name": 1}), None, r"results\.jsonl: line 2 is no record"),
        (lines(CRACK | {"topK": []}), None, "line 1 is no record"),
        (lines(CRACK | {"topK": [{"label": "x", "score": "1"}]}), None, "is no record"),
        (lines(CRACK | {"topK": [[]]}), None, "line 1 is no record"),
        (lines({"error": "x", "reason": "y"}), None, "line 1 is no record"),
        ("[" * 100_000, None, "line 1 is not JSON"),
        (lines(CRACK), "{}", r"summary\.json: line 1 is no summary"),
        (lines(CRACK), json.dumps(SUMMARY | {"failed": {"a": "b"}}), "is no summary"),
    ],
)
def test_an_object_of_another_form_is_an_error(
    records: str, summary: str | None, problem: str
) -> None:
    """Whoever can write the result bucket can edit its objects; there is no traceback."""
    with pytest.raises(ResultsError, match=problem):
        parse(records, "Image: x\n", summary)


def test_a_line_end_of_unicode_does_not_end_a_record() -> None:
    """Cloud Storage allows U+2028 in a name, and JSON allows it in a text."""
    record = CRACK | {"name": "a\u2028b\u0085c.png"}
    text = json.dumps(record, ensure_ascii=False) + "\n"
    assert parse(text, "Image: x\n").records == (record,)


def test_a_right_prediction_has_a_tick_and_a_wrong_one_a_cross() -> None:
    """By the true classes that the caller gives."""
    assert "crack ✓" in shown(Run((CRACK,), None), {"part-1.png": "crack"})
    assert "clean ✗" in shown(Run((CRACK,), None), {"part-1.png": "clean"})


def test_right_predictions_are_counted_and_every_wrong_one_has_a_row() -> None:
    """Of 20 right ones five have a row."""
    named = [CRACK | {"name": f"{number}.png"} for number in range(22)]
    truth = {record["name"]: "crack" for record in named} | {"7.png": "clean", "21.png": "hole"}
    text = shown(Run(tuple(named), None), truth)
    assert [name for name in truth if f" {name} " in text] == [
        *(f"{number}.png" for number in (*range(5), 7, 21))
    ]
    assert "15 more like these" in text


def test_without_pulumi_the_bucket_must_be_named() -> None:
    """If there is no pulumi on PATH, the error names the option that replaces it."""
    with pytest.raises(ResultsError, match="--uri gs://BUCKET"):
        results.from_stack("secundus", {"PATH": ""})


def test_a_closed_pipe_ends_the_command_without_an_error() -> None:
    """As with `… | head`: no message, no traceback."""
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-m", "ops", "why", "-", "--json"],
        input=b"Error: no_pictures: There is no picture.",
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=REPOSITORY,
        check=False,
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        (True, "gs://b holds an earlier run's `result`, and none of this run"),
        (False, "gs://b holds no object `result` of this run"),
    ],
)
def test_the_error_says_whether_the_result_of_an_earlier_run_is_there(
    *, earlier: bool, expected: str
) -> None:
    """It is never shown as the result of this run."""
    where = results.Where("b", None, Machine(project="p", zone="z", name="m"))
    assert results._ended(where, "TERMINATED", earlier=earlier).startswith(
        f"{expected}, and the machine m is off (TERMINATED)"
    )
    assert results._timed_out(where, 3, "RUNNING", earlier=earlier).startswith(
        f"{expected} after 3 s, and the machine m is RUNNING"
    )


def test_a_malformed_uri_ends_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is on stderr."""
    assert main(["results", "--uri", "nowhere"]) == UNUSABLE
    assert "expected gs://BUCKET" in capsys.readouterr().err
