"""The demonstration's output fits into 80 columns, and hides only what its words say."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from infra.attestation.clause import Party
from ops.evidence import Kind
from ops.terminal import Table, Terminal
from ops.verdict import ClauseResult, Verdict
from rehearsal.demo import refusal, summary
from rehearsal.demo.expectations import Expectations
from rehearsal.demo.layout import COLUMNS, fact, narrow, short, without_lines
from rehearsal.repository import REPOSITORY

DIGEST = "14b2ead669ab" + "0" * 52
MET = ClauseResult(clause="secure boot was on", claim="secboot", passed=True, expected="", got="")
UNMET = ClauseResult(
    clause="its code is an image that Primus admits",
    claim="submods.container.image_digest",
    passed=False,
    expected=f'"sha256:{DIGEST}"',
    got='"sha256:x"',
    mistake_of=Party.OPERATOR,
    fix="launch the admitted image",
)
REFUSED = Verdict(kind=Kind.LOG, sentence="Refused.", clauses=(MET, UNMET, MET))


@pytest.fixture
def console() -> Terminal:
    """A log."""
    return Terminal(io.StringIO(), width=110)


def printed(console: Terminal) -> list[str]:
    """The lines so far, without the spaces at their ends."""
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "expected"), [(110, COLUMNS), (60, 60)])
def test_a_log_has_80_columns_and_a_narrow_terminal_its_own(width: int, expected: int) -> None:
    """A wide terminal shows what the log shows."""
    console = Terminal(io.StringIO(), width=width)
    narrow(console)
    assert console.width == expected


def test_a_long_text_goes_on_beside_its_label(console: Terminal) -> None:
    """Words stay whole, also those with hyphens; a name that is longer than a line does, too."""
    narrow(console)
    name = "a-" * 60
    fact(console, "fix", f"{'word ' * 13}--stack {name}")
    assert printed(console) == [
        f"  fix        {' '.join(['word'] * 13)}",
        "             --stack",
        f"             {name}",
    ]


def test_a_text_of_another_company_is_escaped(console: Terminal) -> None:
    """It cannot control the terminal."""
    fact(console, "got", "a \x1b[31m")
    assert printed(console) == ["  got        a \\x1b[31m"]


def test_only_a_sha256_is_cut() -> None:
    """Wherever it is in the text; a shorter number is not one."""
    assert short(f"w@sha256:{DIGEST}, {DIGEST}/m, {DIGEST[1:]}") == (
        f"w@sha256:14b2ead669ab…, 14b2ead669ab…/m, {DIGEST[1:]}"
    )


def test_a_table_without_lines_has_a_line_a_row(console: Terminal) -> None:
    """And one for the heading, indented like a fact."""
    table = Table("a", "b")
    table.add_row("1", "2")
    console.print(without_lines(table))
    assert printed(console) == ["  a  b", "  1  2"]


def test_a_refusal_shows_the_unmet_clause_and_counts_the_met_ones(console: Terminal) -> None:
    """What was expected and got, whose mistake it is, the fix, and where the rest can be seen."""
    refusal.show(console, REFUSED)
    assert printed(console) == [
        "  verdict    Refused. `why` shows the other 2.",
        "  ✗          its code is an image that Primus admits",
        '  expected   "sha256:14b2ead669ab…"',
        '  got        "sha256:x"',
        "  mistake of operator",
        "  fix        launch the admitted image",
    ]


def test_a_refusal_without_an_unmet_clause_is_shown_whole(console: Terminal) -> None:
    """As `why` shows it: the clauses are no explanation then."""
    refusal.show(console, replace(REFUSED, clauses=(MET,), sentence="Refused by IAM."))
    lines = printed(console)
    assert any("secure boot was on" in line for line in lines)
    assert "Refused by IAM." in lines


def expectations(*, met: bool) -> Expectations:
    """Two, of which the second may not be met."""
    both = Expectations()
    both.check("first", "yes", met=True)
    both.check("second", "a [long] answer", met=met)
    return both


def test_five_lines_say_what_will_be_shown(console: Terminal) -> None:
    """With the numbers of the parts, and none wider than a terminal."""
    summary.introduce(console, summary.SHOWN)
    lines = printed(console)
    assert [line[:3] for line in lines[:5]] == ["1. ", "2. ", "3. ", "4. ", "5. "]
    assert max(map(len, lines)) <= COLUMNS


def test_what_was_shown_is_followed_by_what_comes_next(console: Terminal) -> None:
    """Each expectation in a line, then the report, the time and the next commands."""
    summary.conclude(console, expectations(met=True), 23.4, "report.html")
    assert printed(console)[:4] == [
        "  ✓  first   yes",
        "  ✓  second  a [long] answer",
        "The pictures with their classes, for a browser: report.html",
        "23 s in all. Next:",
    ]
    assert [line.split("  ")[1] for line in printed(console)[4:]] == [
        what for what, _ in summary.NEXT
    ]
    assert max(map(len, printed(console))) <= COLUMNS


def test_what_was_not_shown_has_nothing_next(console: Terminal) -> None:
    """The answer stands whole below the table; a report that was not written is not named."""
    summary.conclude(console, expectations(met=False), 23.4, None)
    assert printed(console) == [
        "  ✓  first   yes",
        "  ✗  second  not met",
        "not as expected: second: a [long] answer",
        "23 s in all",
    ]


def test_the_next_page_is_there() -> None:
    """As a file of this repository."""
    (page,) = [what for what, _ in summary.NEXT if what.endswith(".md")]
    assert (REPOSITORY / page).is_file()
