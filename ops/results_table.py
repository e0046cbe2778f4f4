"""A run for people: its pictures in a table, and what it was on a line.

Names were chosen by whoever uploaded the pictures, labels by the model's owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.untrusted_text import shown
from ops import failure_causes
from ops.google_client_errors import in_our_words
from ops.picture_causes import explained
from ops.terminal import Table, Text, styled
from ops.verdict import NOT_TOLD, failures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.records import Run
    from ops.terminal import Terminal

FEW: Final = 5

LONGEST: Final = 200
"""Characters of a name or label in the table; `--json` has the whole."""


def show(console: Terminal, run: Run) -> None:
    """Everything about a run: its pictures, what their codes mean, the summary, what else is said.

    Of one that failed as a whole, why, whose mistake that is, and what helps.
    """
    if run.failure is not None:
        cause = failure_causes.of_result(in_our_words(run.failure))
        console.print(styled("The run failed:", "red"), shown(run.failure), soft_wrap=True)
        console.print(f"mistake of: {cause.mistake_of or NOT_TOLD}")
        console.print(f"cure: {cause.cure}", soft_wrap=True)
        return
    if run.text is None:
        console.print(table(run))
    else:
        for one in run.text.rstrip("\n").split("\n"):
            console.print(shown(one), soft_wrap=True)
    if run.failed:
        console.print(failures(explained(run.failed)))
    if run.summary is not None:
        console.print(line(run.summary))
    for note in run.notes:
        console.print(f"note: {note}", soft_wrap=True)


def table(run: Run) -> Table:
    """The records."""
    table = Table("picture", "predicted", "score", "runner-up", header_style="bold")
    for record in run.records:
        table.add_row(_cell(record["name"]), *_verdict(record))
    return table


def compared(run: Run, truth: Mapping[str, str]) -> Table:
    """The same beside what is right (name -> class): a few that are right, and all that are not."""
    table = Table("picture", "predicted", "score", "runner-up", "drawn as", header_style="bold")
    right = 0
    for record in run.records:
        expected = truth.get(record["name"], "?")
        wrong = record.get("label") != expected
        right += not wrong
        if wrong or right <= FEW:
            mark = styled(f"{expected} ").append("✗" if wrong else "✓", "red" if wrong else "green")
            table.add_row(_cell(record["name"]), *_verdict(record), mark)
    if right > FEW:
        table.add_row(f"{right - FEW} more like these", "", "", "", styled("✓", "green"))
    return table


def line(summary: Mapping[str, Any]) -> str:
    """The summary for people."""
    failed = sum(summary["failed"].values())
    codes = ", ".join(f"{code} {count}" for code, count in sorted(summary["failed"].items()))
    rate = summary["picturesPerSecond"]
    told = [
        f"classified {summary['classified']}, failed {failed}" + (f" ({codes})" if codes else ""),
        f"{summary['continued']} taken over from an earlier start" if summary["continued"] else "",
        f"{summary['started']} to {summary['finished']}",
        f"{rate} pictures/s" if rate is not None else "",
        f"engine {summary['engine']}",
        f"model {summary['modelSha256'][:12]}",
        f"image {summary['imageDigest'] or 'not known'}",
    ]
    return shown("; ".join(filter(None, told)))


def _verdict(record: Mapping[str, Any]) -> list[Text]:
    if "error" in record:
        return [_cell(record["error"], "red"), Text(), Text()]
    best, *others = record["topK"]
    runner_up = f"{others[0]['label']} {others[0]['probability']:.3f}" if others else ""
    return [_cell(record["label"]), Text(f"{best['probability']:.3f}"), _cell(runner_up)]


def _cell(text: str, style: str = "") -> Text:
    cell = styled(shown(text, LONGEST), style)
    cell.overflow = "fold"  # a long name is broken, not cut a second time
    return cell
