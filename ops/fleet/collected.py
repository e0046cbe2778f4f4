"""Takes records one by one: counts them, writes them to a file, and keeps them if they are few."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import IO, Any, Final

from infra.wording import counted
from ops.fleet.deployed import FleetError

MOST: Final = 100_000
"""Records that are kept in memory: for a table, a page, or as data."""


def require_few(pictures: int, *options: str) -> None:
    """FleetError if so many records cannot be shown by these options."""
    if options and pictures > MOST:
        raise FleetError(
            f"got {' and '.join(options)} for {counted(pictures, 'picture')}, expected {MOST:,} at"
            " most, which fit into memory. Write the records to a file, and work with that:"
            " --output results.jsonl"
        )


@dataclass
class Collected:
    """The records so far."""

    keep: bool
    """whether they are kept in memory"""
    file: IO[bytes] | None = None
    count: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    records: list[dict[str, Any]] = field(default_factory=list)

    def add(self, line: bytes, record: dict[str, Any]) -> None:
        """Take one record; its line is written unchanged."""
        self.count += 1
        if "error" in record:
            self.codes[record["error"]] += 1
        if self.keep:
            self.records.append(record)
        if self.file is not None:
            self.file.write(line)

    @property
    def classified(self) -> int:
        """Pictures with a label."""
        return self.count - self.codes.total()
