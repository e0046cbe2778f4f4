"""One module prints, and to it a text is a text; no other module prints by another way."""

from __future__ import annotations

import ast
import io
import re
from typing import TYPE_CHECKING

import pytest

from infra.wording import counted
from ops.terminal import Table, Terminal, print_error, styled
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = "[/][red]x[link=https://x.example]y[/link]:bomb:\x1b[31m\x07\u202e\u2028"
SPELT = r"[/][red]x[link=https://x.example]y[/link]:bomb:\x1b[31m\x07\u202e\u2028"


def in_table(console: Terminal) -> None:
    """As a cell, and as a heading."""
    table = Table(EVIL)
    table.add_row(EVIL)
    console.print(table)


WAYS: dict[str, Callable[[Terminal], None]] = {
    "line": lambda console: console.print(EVIL),
    "line asking for markup": lambda console: console.print(EVIL, markup=True, emoji=True),
    "beside a style": lambda console: console.print(styled("error:", "red"), EVIL),
    "styled": lambda console: console.print(styled(EVIL, "red")),
    "rule": lambda console: console.rule(EVIL),
    "rule with a style": lambda console: console.rule(styled(EVIL, "bold")),
    "table": in_table,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_text_is_a_text(way: Callable[[Terminal], None]) -> None:
    """Neither markup nor an emoji is made of it, and what a terminal would obey is spelt out."""
    out = io.StringIO()
    way(Terminal(out, width=200))
    assert SPELT in out.getvalue()
    assert [c for c in out.getvalue() if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize("first", [True, False])
def test_the_last_line_of_a_terminal_is_a_text_too(*, first: bool) -> None:
    """What is going on is named by the engine, after resources that anybody may name."""

    class TerminalStream(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = TerminalStream()
    with Terminal(out, width=200).working(EVIL if first else "") as show_progress:
        if not first:
            show_progress(EVIL)
    shown = out.getvalue()
    assert SPELT in shown
    assert "\x1b[31m" not in shown


def test_an_error_is_spelt_out(capsys: pytest.CaptureFixture[str]) -> None:
    """It may repeat what the engine or Google said about somebody's names."""
    print_error(f"several\nlines: {EVIL}")
    assert capsys.readouterr().err == f"error: several\nlines: {SPELT}\n"


def ways_round(source: str) -> list[str]:
    """Everything in a module that reaches a terminal otherwise than by the screen."""
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
                        pass  # ours
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
                found.append(f"calls .{how}, where rich takes markup or nothing is spelt out")
    return found


DOOR = "terminal.py"
BEFORE_ANY_PACKAGE = ("install_packages.py", "progress_line.py")
"""They run while the screen's library is not installed yet; they print what pip says."""


def modules() -> list[Path]:
    """Every module of the commands, but for the one that prints."""
    commands = [*(REPOSITORY / "ops").glob("*.py"), *(REPOSITORY / "rehearsal").glob("*.py")]
    commands += (REPOSITORY / "rehearsal" / "demo").glob("*.py")
    return [path for path in sorted(commands) if path.name not in (DOOR, *BEFORE_ANY_PACKAGE)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.name)
def test_nobody_goes_round_the_screen(path: Path) -> None:
    """What somebody else wrote can reach a terminal by the screen alone."""
    assert ways_round(path.read_text()) == []


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
        ("console.status(name)", "calls .status, where rich takes markup or nothing is spelt out"),
        ("console.out(name)", "calls .out, where rich takes markup or nothing is spelt out"),
    ],
)
def test_a_way_round_the_screen_is_found(source: str, found: str) -> None:
    """The guard can fail."""
    assert ways_round(source) == [found]


def test_what_is_no_way_round_is_let_be() -> None:
    """JSON is ASCII, a constant is ours, and the screen escapes what it prints."""
    source = "print(json.dumps(x))\nprint('stopped', file=sys.stderr)\nconsole.print(name)"
    assert ways_round(source) == []
    assert len(modules()) > 20


@pytest.mark.parametrize(
    ("number", "told"), [(0, "0 keys"), (1, "1 key"), (2, "2 keys"), (10_000, "10000 keys")]
)
def test_one_thing_is_one_thing(number: int, told: str) -> None:
    """Nothing is said of 1 keys."""
    assert counted(number, "key") == told


def test_some_things_have_a_plural_of_their_own() -> None:
    """An s is not always enough."""
    assert (counted(1, "entry", "entries"), counted(2, "entry", "entries")) == (
        "1 entry",
        "2 entries",
    )
