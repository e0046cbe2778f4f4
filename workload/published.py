"""The published forms of a run's records, written part by part while later pictures are decoded.

At the end of a run only one core would work on them, and longer the more pictures there are.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from workload import records

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Published:
    """Records and text for `Results`, in files of a private folder until the run is complete."""

    def __init__(self, folder: Path, scores: str) -> None:
        """`scores` says what the scores are, as in `Origin`."""
        self._records = folder / "records"
        self._text = folder / "text"
        self._scores = scores
        self._codes: Counter[str | None] = Counter()
        for path in (self._records, self._text):
            path.write_text("")

    def add(self, lines: Iterable[str]) -> None:
        """Adds the next records, in the order of the listing."""
        with (
            self._records.open("a", encoding="utf-8") as published,
            self._text.open("a", encoding="utf-8") as texts,
        ):
            for line in lines:
                record = json.loads(line)
                published.write(records.line(records.rounded(record, self._scores)))
                # Not after the last: readers of the published example split here.
                between = "\n" if self._codes else ""
                texts.write(between + records.text(record))
                self._codes[record.get("error")] += 1

    def complete(self, to_records: Path, to_text: Path) -> Counter[str | None]:
        """Moves both files; gives the number of records with each code, None for no code."""
        self._records.rename(to_records)
        self._text.rename(to_text)
        return self._codes
