"""What a demonstration promised to show, and whether it did."""

from __future__ import annotations

from dataclasses import dataclass, field

from ops.terminal import Table, styled


@dataclass(frozen=True)
class Promise:
    """One thing that was to be shown, and what was seen."""

    what: str
    seen: str
    kept: bool


@dataclass
class Promises:
    """The promises of one run, in the order in which they were put to the test."""

    made: list[Promise] = field(default_factory=list)

    def check(self, what: str, seen: str, *, kept: bool) -> None:
        """Note what was seen; a broken promise does not end the demonstration."""
        self.made.append(Promise(what, seen, kept))

    @property
    def broken(self) -> list[Promise]:
        """The promises that were not kept."""
        return [promise for promise in self.made if not promise.kept]

    def table(self) -> Table:
        """The closing table."""
        shown = Table("", "promised", "seen", header_style="bold")
        for promise in self.made:
            mark = styled("✓", "green") if promise.kept else styled("✗", "red")
            shown.add_row(mark, promise.what, promise.seen)
        return shown
