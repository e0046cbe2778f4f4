"""`ops.terminal` prints every text as it is, and no other module prints."""

from __future__ import annotations

import ast
import io
import os
import re
from typing import TYPE_CHECKING

import pytest

from infra.wording import counted
from ops.terminal import Table, Terminal, print_error, styled, without_native_messages
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = "[/][red]x[link=https://x.example]y[/link]:bomb:\x1b[31m\x07\u202e\u2028"
ESCAPED = r"[/][red]x[link=https://x.example]y[/link]:bomb:\x1b[31m\x07\u202e\u2028"


def in_table(console: Terminal) -> None:
    """Print it as a cell and as a heading."""
    table = Table(EVIL)
    table.add_row(EVIL)
    console.print(table)


PRINTING: dict[str, Callable[[Terminal], None]] = {
    "line": lambda console: console.print(EVIL),
    "line asking for markup": lambda console: console.print(EVIL, markup=True, emoji=True),
    "beside a style": lambda console: console.print(styled("error:", "red"), EVIL),
    "styled": lambda console: console.print(styled(EVIL, "red")),
    "rule": lambda console: console.rule(EVIL),
    "rule with a style": lambda console: console.rule(styled(EVIL, "bold")),
    "table": in_table,
}


@pytest.mark.parametrize("printing", PRINTING.values(), ids=PRINTING)
def test_markup_and_control_characters_are_printed_as_text(
    printing: Callable[[Terminal], None],
) -> None:
    """Neither a style nor an emoji; what would control a terminal is escaped."""
    out = io.StringIO()
    printing(Terminal(out, width=200))
    assert ESCAPED in out.getvalue()
    assert [c for c in out.getvalue() if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize("first", [True, False])
def test_the_progress_in_the_last_line_is_printed_as_text(*, first: bool) -> None:
    """It holds names of resources, which anybody may choose."""

    class TerminalStream(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = TerminalStream()
    with Terminal(out, width=200).working(EVIL if first else "") as show_progress:
        if not first:
            show_progress(EVIL)
    shown = out.getvalue()
    assert ESCAPED in shown
    assert "\x1b[31m" not in shown


def test_an_error_message_is_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """It may quote names that other people chose."""
    print_error(f"several\nlines: {EVIL}")
    assert capsys.readouterr().err == f"error: several\nlines: {ESCAPED}\n"


def other_outputs(source: str) -> list[str]:
    """The statements of a module that print without `ops.terminal`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names) if any(re.match(r"rich\b", n.name) for n in names):
                found.append("imports rich")
            case ast.ImportFrom(module=str(name)) if re.match(r"rich\b", name):
                found.append("imports rich")
            case ast.Call(func=ast.Name(id="print"), args=arguments):
                match arguments:
                    case [ast.Constant()]:
                        pass  # our own text
                    case [ast.Call(func=ast.Attribute(value=ast.Name(id="json"), attr="dumps"))]:
                        pass  # ASCII
                    case _:
                        found.append("prints")
            case ast.Attribute(
                value=ast.Attribute(value=ast.Name(id="sys"), attr=stream), attr=how
            ):
                if stream in ("stdout", "stderr") and how != "isatty":
                    found.append(f"uses sys.{stream}.{how}")
            case ast.Call(func=ast.Attribute(attr="status" | "out" | "control" | "input" as how)):
                found.append(f"calls .{how}, where rich reads markup or nothing is escaped")
    return found


PRINTER = "terminal.py"
BEFORE_ANY_PACKAGE = ("install_packages.py", "progress_line.py")
"""They run before `rich` is installed; they print what pip prints."""


def modules() -> list[Path]:
    """Every module of the commands except the one that prints."""
    commands = [*(REPOSITORY / "ops").glob("*.py"), *(REPOSITORY / "rehearsal").glob("*.py")]
    commands += (REPOSITORY / "rehearsal" / "demo").glob("*.py")
    return [path for path in sorted(commands) if path.name not in (PRINTER, *BEFORE_ANY_PACKAGE)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.name)
def test_no_other_module_prints(path: Path) -> None:
    """So other people's text cannot reach a terminal unescaped."""
    assert other_outputs(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import rich", "imports rich"),
        ("import rich.markup as m", "imports rich"),
        ("from rich.console import Console", "imports rich"),
        ("def f():\n    from rich import print", "imports rich"),
        ("print(name)", "prints"),
        ("print(f'{name}')", "prints"),
        ("print('a', name)", "prints"),
        ("print(str(json.dumps(x)) + name)", "prints"),
        ("print()", "prints"),
        ("sys.stdout.write(name)", "uses sys.stdout.write"),
        ("sys.stderr.buffer.write(name)", "uses sys.stderr.buffer"),
        ("console.status(name)", "calls .status, where rich reads markup or nothing is escaped"),
        ("console.out(name)", "calls .out, where rich reads markup or nothing is escaped"),
    ],
)
def test_a_module_that_prints_is_found(source: str, found: str) -> None:
    """The guard can fail."""
    assert other_outputs(source) == [found]


def test_constants_and_json_may_be_printed() -> None:
    """JSON is ASCII, and a constant is our own text."""
    source = "print(json.dumps(x))\nprint('stopped', file=sys.stderr)\nconsole.print(name)"
    assert other_outputs(source) == []
    assert len(modules()) > 20


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys"), (10_000, "10000 keys")]
)
def test_a_count_has_a_plural_unless_it_is_one(number: int, text: str) -> None:
    """Never "1 keys"."""
    assert counted(number, "key") == text


def test_a_count_can_have_an_irregular_plural() -> None:
    """An "s" is not always enough."""
    assert (counted(1, "entry", "entries"), counted(2, "entry", "entries")) == (
        "1 entry",
        "2 entries",
    )


def test_messages_of_native_libraries_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    """Only within the block; Python's own errors are exceptions and pass."""
    with without_native_messages():
        os.write(2, b"a note about the processor\n")
    os.write(2, b"an error\n")
    assert capfd.readouterr().err == "an error\n"
