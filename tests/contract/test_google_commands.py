"""Each command of gcloud and Docker that a document names exists, with its options.

Nobody could run them here; `tests/contract/google_reference.py` is a table of both references.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.contract.documented_commands import DOCUMENTS, Command, commands, documented
from tests.contract.google_reference import DOCKER, GCLOUD, WIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TABLES: Final[Mapping[str, tuple[Mapping[str, frozenset[str]], frozenset[str]]]] = {
    "gcloud": (GCLOUD, WIDE),
    "docker": (DOCKER, frozenset()),
}
"""By program: the options of each command, and those of all."""


def entry(words: Sequence[str], table: Mapping[str, frozenset[str]]) -> str | None:
    """The command of the table that these words begin with."""
    named = [each for each in table if [*words[: len(each.split())]] == each.split()]
    return max(named, key=len, default=None)


def options(words: Sequence[str]) -> set[str]:
    """Those among the words, without their values."""
    return {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}


def problem(command: Command) -> str:
    """What the reference does not have of a command; empty if nothing, or of another program."""
    program, *words = command.words
    if program not in TABLES or not words:
        return ""
    table, wide = TABLES[program]
    name = entry(words, table)
    if name is None:
        return f"{' '.join(command.words)}: no such command in the reference"
    extra = sorted(options(words) - table[name] - wide)
    return f"{program} {name}: no option {', '.join(extra)} in the reference" if extra else ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_is_in_the_reference(path: Path) -> None:
    """With each of its options."""
    assert [found for each in documented(path) if (found := problem(each))] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gcloud logging reed x", "gcloud logging reed x: no such command in the reference"),
        ("gcloud logging read x --formt=json > f", "no option --formt in the reference"),
        ("cp a b && docker buildx build --pull .", "no option --pull in the reference"),
        ("A=0 docker buildx bild .", "docker buildx bild .: no such command in the reference"),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, expected: str) -> None:
    """Of either program, also behind another command."""
    (found,) = filter(None, map(problem, commands(f"```sh google\n{line}\n```\n", "x.md")))
    assert found.endswith(expected)


@pytest.mark.parametrize("program", TABLES)
def test_the_reference_holds_what_documents_use_and_nothing_else(program: str) -> None:
    """Nobody has to check the rest again when a reference changes."""
    table, _ = TABLES[program]
    used: dict[str, set[str]] = {}
    for path in DOCUMENTS:
        for command in documented(path):
            name = entry(command.words[1:], table)
            if command.words[0] == program and name:
                used[name] = used.get(name, set()) | options(command.words)
    assert sorted(table) == sorted(used)
    assert [name for name, known in table.items() if known - used[name]] == []


@pytest.mark.gcloud
@pytest.mark.parametrize("name", GCLOUD)
def test_the_installed_gcloud_agrees_with_the_reference(name: str) -> None:
    """It has each command, with each option of the table."""
    group: Any = installed_gcloud()
    wide = set(group["flags"])
    for word in name.split():
        group = group["commands"][word]
    known = {each.replace("--no-", "--") for each in GCLOUD[name] | WIDE}
    assert known <= set(group["flags"]) | wide


@cache
def installed_gcloud() -> dict[str, Any]:
    """The commands of the gcloud on this machine, from its completion of the command line."""
    program = Path(shutil.which("gcloud") or "").resolve()
    path = program.parents[1] / "data" / "cli" / "gcloud_completions.py"
    spec = importlib.util.spec_from_file_location("gcloud_completions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tree: dict[str, Any] = module.STATIC_COMPLETION_CLI_TREE
    return tree
