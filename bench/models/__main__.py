"""`python -m bench.models [TEXT]`: packs all models, or those with this text in their names."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench.models import table
from bench.models.rows import rows
from ops.terminal import without_native_messages

with without_native_messages():
    from bench.models import subjects

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Packs the models and writes their rows into the table; returns 1 for any problem."""
    part = " ".join(arguments)
    found = []
    for number, subject in enumerate(subjects.ALL):
        for row in rows(number, subject) if part in subject.name else ():
            found.append(row)
            result = row.problem or row.same_class or "refused as expected"
            sys.stdout.write(f"{subject.name}, {subject.form}, {row.engine}: {result}\n")
            sys.stdout.flush()
    order = [(each.name, each.form, engine) for each in subjects.ALL for engine in each.engines]
    document = table.DOCUMENT.read_text(encoding="utf-8")
    table.DOCUMENT.write_text(table.updated(document, found, order), encoding="utf-8")
    return 1 if any(row.problem for row in found) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
