"""What the user of `results` asks for, and how the answer is given: text, data, or files."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.stack_name import for_stack
from infra.wording import counted
from ops import results, results_table
from ops.fleet.collected import Collected
from ops.picture_causes import explained
from ops.report import files
from ops.terminal import print_progress, standard_output
from ops.verdict_table import failed_pictures_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from google.cloud import storage

    from ops.records import Run
    from ops.results import Where
    from ops.terminal import Terminal

MOST_ROWS: Final = 1_000
"""Pictures in a table on the terminal."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options, and where the results are."""

    options: argparse.Namespace
    where: Where
    bucket: storage.Bucket
    write: Callable[[Run], None]
    """writes the page and the table that the user asks for"""

    @property
    def in_memory(self) -> list[str]:
        """The options that need every record at once."""
        given = {"--html": self.options.html, "--csv": self.options.csv}
        given["--json"] = self.options.json and not self.options.output
        return [name for name, value in given.items() if value]

    @property
    def incomplete(self) -> str:
        """What became of the --output where records are missing."""
        rest = "" if self.options.partial else ". To write what is there: --partial"
        return f"Nothing was written{rest}"

    def keeps(self, pictures: int) -> bool:
        """Whether so many records are kept in memory: for a file, as data, or for a table."""
        in_table = pictures <= MOST_ROWS and not self.options.output
        return bool(self.in_memory) or in_table

    def collected(self, read: Callable[[Collected], None], *, keep: bool) -> Collected:
        """What `read` gave, also in the --output, which is replaced only if nothing failed."""
        output = self.options.output
        with files.replacing(output) if output else nullcontext() as file:
            collected = Collected(keep, file)
            # Here, too, because errors of the connection are OSErrors, as those of a file.
            with results.errors_of_google(self.where):
                read(collected)
        if output:
            print_progress(f"wrote {output}: {counted(collected.count, 'record')}")
        return collected

    def answer(
        self,
        run: Run,
        codes: Mapping[str, int],
        data: Mapping[str, Any],
        show: Callable[[Terminal], None],
    ) -> None:
        """Write files; print the records that are in memory, and what `show` prints, or `data`."""
        if run.records:
            self.write(run)  # first, because the reader of the rest may stop early
        if self.options.json:
            records = {} if self.options.output else {"records": run.records}
            print(json.dumps({**data, "notes": run.notes, **records}))  # noqa: T201  the answer
        else:
            terminal = standard_output()
            in_file = self.options.html or self.options.csv or self.options.output
            table = not in_file and 0 < len(run.records) <= MOST_ROWS
            results_table.show(terminal, run, pictures=table)
            if codes and not run.records:
                terminal.print(failed_pictures_table(explained(codes)))
            show(terminal)

    def for_stack(self, text: str) -> str:
        """A message whose commands are for the stack of the request."""
        return for_stack(text, self.options.stack)
