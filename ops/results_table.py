"""Prints a run: a table of its pictures, and a line with its summary.

Whoever uploaded the pictures chose their names, and the model's owner chose the labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.untrusted_text import shown
from ops.detail_causes import cause_of_result
from ops.google_client_errors import as_workload_message
from ops.picture_causes import explained
from ops.records import PROBABILITIES, label_of, predicted
from ops.terminal import Table, Text, styled
from ops.verdict_table import NOT_SAID, failed_pictures_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.records import Run
    from ops.terminal import Terminal

FEW: Final = 5

LONGEST: Final = 200
"""Characters of a name or label in the table; `--json` has the whole."""


def show(terminal: Terminal, run: Run, *, pictures: bool = True) -> None:
    """Print a run's pictures, the causes of their codes, the summary and the notes.

    Without `pictures`, the rest. For a run that failed as a whole: its message, whose mistake that
    is, and the fix.
    """
    if run.failure is not None:
        cause = cause_of_result(as_workload_message(run.failure))
        terminal.print(styled("The run failed:", "red"), shown(run.failure), soft_wrap=True)
        terminal.print(f"mistake of: {cause.mistake_of or NOT_SAID}")
        terminal.print(f"fix: {cause.fix}", soft_wrap=True)
        return
    if run.text is None and pictures:
        terminal.print(table(run))
    elif run.text is not None:
        for line_of_text in run.text.rstrip("\n").split("\n"):
            terminal.print(shown(line_of_text), soft_wrap=True)
    if run.failed:
        terminal.print(failed_pictures_table(explained(run.failed)))
    if run.summary is not None:
        terminal.print(summary_line(run.summary))
    for note in run.notes:
        terminal.print(f"note: {note}", soft_wrap=True)


def table(run: Run) -> Table:
    """The records, one in a row."""
    table = Table("picture", "predicted", _heading(run), "runner-up", header_style="bold")
    for record in run.records:
        table.add_row(_cell(record["name"]), *_verdict(record, run.decimals))
    return table


def compared(run: Run, truth: Mapping[str, str]) -> Table:
    """The records beside their true classes, by name: all wrong ones, and FEW of the right ones."""
    columns = ("picture", "predicted", _heading(run), "runner-up", "drawn as")
    table = Table(*columns, header_style="bold")
    right = 0
    for record in run.records:
        expected = truth.get(record["name"], "?")
        wrong = record.get("label") != expected
        right += not wrong
        if wrong or right <= FEW:
            mark = styled(f"{expected} ").append("✗" if wrong else "✓", "red" if wrong else "green")
            table.add_row(_cell(record["name"]), *_verdict(record, run.decimals), mark)
    if right > FEW:
        table.add_row(f"{right - FEW} more like these", "", "", "", styled("✓", "green"))
    return table


def summary_line(summary: Mapping[str, Any]) -> str:
    """The summary in one line."""
    failed = sum(summary["failed"].values())
    codes = ", ".join(f"{code} {count}" for code, count in sorted(summary["failed"].items()))
    rate = summary["picturesPerSecond"]
    parts = [
        f"classified {summary['classified']}, failed {failed}" + (f" ({codes})" if codes else ""),
        f"{summary['continued']} taken over from an earlier start" if summary["continued"] else "",
        f"{summary['started']} to {summary['finished']}",
        f"{rate} pictures/s" if rate is not None else "",
        f"scores are {summary['scores']}" if summary["scores"] != PROBABILITIES else "",
        f"engine {summary['engine']}",
        f"model {summary['modelSha256'][:12]}",
        f"image {summary['imageDigest'] or 'not known'}",
    ]
    return shown("; ".join(filter(None, parts)))


def _heading(run: Run) -> str:
    return "score" if run.has_probabilities else f"score ({shown(run.scores, LONGEST)})"


def _verdict(record: Mapping[str, Any], decimals: str) -> list[Text]:
    if "error" in record:
        return [_cell(record["error"], "red"), Text(), Text()]
    best, *others = record["topK"]
    runner_up = f"{label_of(others[0])} {others[0]['score']:{decimals}}" if others else ""
    return [_cell(predicted(record)), Text(f"{best['score']:{decimals}}"), _cell(runner_up)]


def _cell(text: str, style: str = "") -> Text:
    cell = styled(shown(text, LONGEST), style)
    cell.overflow = "fold"  # `shown` has cut a long name; the table must not cut it again
    return cell
