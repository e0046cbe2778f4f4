"""Blocks of commands that need Google: nobody could run them here, but each command exists.

```sh google marks such a block. `tests/contract/google_reference.py` is the table for gcloud and
Docker; our own command and `pulumi` are asked themselves.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from ops import cli
from rehearsal.repository import REPOSITORY
from tests.contract.google_reference import DOCKER, GCLOUD, WIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN: Final = ".venv/bin/confidential-inference"
OTHERS: Final = frozenset({".venv/bin/python", "cp", "export", "printf", "python3", "tee"})
"""Programs that every machine has, or that the block before has made."""
PAGES: Final = {path.name: path.read_text() for path in sorted((REPOSITORY / "docs").glob("*.md"))}


def commands(page: str) -> Iterator[list[str]]:
    """The words of each command in the blocks that need Google, without redirections."""
    for block in re.findall(r"^```sh google\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r" (?:2>&1 )?\| | && ", line):
                yield shlex.split(re.sub(r" >>? \S+$", "", command))


def unknown(words: list[str], table: Mapping[str, frozenset[str]], wide: frozenset[str]) -> str:
    """What the reference does not have of a command of gcloud or Docker; empty if nothing."""
    named = [each for each in table if words[: len(each.split())] == each.split()]
    if not named:
        return f"{' '.join(words)}: no such command in the reference"
    name = max(named, key=len)
    given = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
    extra = sorted(given - table[name] - wide)
    return f"{name}: no option {', '.join(extra)} in the reference" if extra else ""


def problem(words: list[str]) -> str:
    """What is wrong with a command; empty if nothing, or if it is one of Pulumi's."""
    program, *rest = words
    if program == "gcloud":
        return unknown(rest, GCLOUD, WIDE)
    if program == "docker" or words[1:2] == ["docker"]:  # after the assignment of a variable
        return unknown(words[words.index("docker") + 1 :], DOCKER, frozenset())
    if program == OWN:
        try:
            cli.parser().parse_args(rest)
        except SystemExit:
            return f"{' '.join(words)}: not understood"
        return ""
    return "" if program in {*OTHERS, "pulumi"} else f"{program}: unknown program"


@pytest.mark.parametrize("name", PAGES)
def test_every_command_that_needs_google_is_in_the_reference(name: str) -> None:
    """With each of its options."""
    assert [found for words in commands(PAGES[name]) if (found := problem(words))] == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gcloud logging reed x", "logging reed x: no such command in the reference"),
        ("gcloud logging read x --formt=json > f", "no option --formt in the reference"),
        ("cp a b && docker buildx build --pull .", "no option --pull in the reference"),
        ("A=0 docker buildx bild .", "buildx bild .: no such command in the reference"),
        (f"{OWN} results --jsn", f"{OWN} results --jsn: not understood"),
        ("pulumi up | tea x", "tea: unknown program"),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, expected: str) -> None:
    """Whichever program it is of."""
    (found,) = filter(None, map(problem, commands(f"```sh google\n{line}\n```\n")))
    assert found.endswith(expected)


def test_the_reference_holds_what_documents_use_and_nothing_else() -> None:
    """Nobody has to check the rest again when a reference changes."""
    lines = [" ".join(words) for page in PAGES.values() for words in commands(page)]
    for program, table in (("gcloud", GCLOUD), ("docker", DOCKER)):
        for name, options in table.items():
            using = [line for line in lines if f"{program} {name}" in line]
            assert using, f"{program} {name}: in no document"
            unused = [each for each in options if not any(f" {each}" in line for line in using)]
            assert unused == [], f"{program} {name}"


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


PULUMI: Final = sorted(
    {
        tuple(words[1 : 3 if words[1] == "config" else 2])
        for page in PAGES.values()
        for words in commands(page)
        if words[0] == "pulumi"
    }
)


@pytest.mark.engine
@pytest.mark.parametrize("name", PULUMI, ids=" ".join)
def test_every_command_of_pulumi_has_its_options(name: tuple[str, ...], pulumi_cli: Path) -> None:
    """Pulumi's own help names them."""
    done = subprocess.run(
        [pulumi_cli / "pulumi", *name, "--help"], capture_output=True, text=True, check=True
    )
    assert f"pulumi {' '.join(name)}" in done.stdout  # of this command, not of the group
    known = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", done.stdout))
    for page in PAGES.values():
        for words in commands(page):
            if words[0] == "pulumi" and tuple(words[1 : 1 + len(name)]) == name:
                assert {each for each in words if re.match("--?[a-z]", each)} <= known
