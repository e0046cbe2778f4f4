"""The expectations of a demonstration, and whether they are met."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ops.terminal import Table, styled
from rehearsal.demo.layout import without_lines

if TYPE_CHECKING:
    from ops.terminal import Padding


@dataclass(frozen=True)
class Expectation:
    """One expectation, and the observation."""

    what: str
    seen: str
    met: bool


@dataclass
class Expectations:
    """The expectations of one run, in the order of their checks."""

    checked: list[Expectation] = field(default_factory=list)

    def check(self, what: str, seen: str, *, met: bool) -> None:
        """Record an observation; an unmet expectation does not end the demonstration."""
        self.checked.append(Expectation(what, seen, met))

    @property
    def unmet(self) -> list[Expectation]:
        """The expectations that are not met."""
        return [expectation for expectation in self.checked if not expectation.met]

    def table(self) -> Padding:
        """The closing table; it says of an unmet expectation only that it is not met."""
        shown = Table("", "expected", "seen", show_header=False)
        for expectation in self.checked:
            mark = styled("✓", "green") if expectation.met else styled("✗", "red")
            shown.add_row(
                mark, expectation.what, expectation.seen if expectation.met else "not met"
            )
        return without_lines(shown)
