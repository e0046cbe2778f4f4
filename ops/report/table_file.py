"""The pictures of a run as comma-separated values, for a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from ops.records import ResultsError, label_of, predicted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.records import Run

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet computes a cell that begins so: https://owasp.org/www-community/attacks/CSV_Injection"""


def table(run: Run) -> str:
    """A line for each record, in the order of the listing; ResultsError if the run left none.

    A text that a spreadsheet would compute begins with an apostrophe.
    """
    if run.text is not None:
        raise ResultsError(
            "another workload left only the object `result`, which has no form of its own, so"
            " there is nothing to list. Read it: gcloud storage cat gs://BUCKET/result"
        )
    out = io.StringIO()
    most = max((len(each.get("topK", ())) for each in run.records), default=0)
    best = [f"{what}_{n}" for n in range(2, most + 1) for what in ("label", "score")]
    writer = csv.writer(out)
    writer.writerow(("name", "label", "score", "error", "generation", "sha256", *best))
    for record in run.records:
        writer.writerow(map(_cell, _row(record)))
    return out.getvalue()


def _row(record: Mapping[str, Any]) -> Iterator[Any]:
    first, *others = record.get("topK") or (None,)
    yield record["name"]
    yield predicted(record)
    yield first["score"] if first else ""
    yield from (record.get(key, "") for key in ("error", "generation", "sha256"))
    for each in others:
        yield from (label_of(each), each["score"])


def _cell(value: Any) -> Any:  # noqa: ANN401  a text or a number
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
