"""Each command of ours, and each target of the Makefile, that a document names exists."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
from typing import TYPE_CHECKING, Final

import pytest

from ops import cli
from rehearsal import cli as rehearsal_cli
from rehearsal.repository import REPOSITORY
from tests.contract.documented_commands import DOCUMENTS, Command, commands, documented, lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAKEFILE: Final = (REPOSITORY / "Makefile").read_text()
TARGETS: Final = frozenset(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
UNANSWERED: Final = re.compile(
    r"pulumi (?:up|destroy|refresh)\b"
    r"(?!(?:[^|;&<>]|>&)* (?:--yes|-y|--preview-only)\b)(?:[^|;&<>]|\d>&)*(?:\||[<>](?!&))(?!\|)"
)
"""Its terminal is replaced by a pipe or a file, so Pulumi cannot ask, and does nothing."""
PYTHON: Final = frozenset({"--version"})
OURS: Final = frozenset({"bench", "infra", "model", "ops", "packing", "policy", "rehearsal"})
VARIABLES: Final = frozenset(re.findall(r"\$\((?:if )?(?:\$\()?([A-Z]+)[):]", MAKEFILE))


def unknown_options(parser: argparse.ArgumentParser, words: Sequence[str]) -> Iterator[str]:
    """The commands and options among the words that the parser does not have."""
    for position, word in enumerate(words):
        subcommands = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if word.startswith("--"):
            if word.partition("=")[0] not in parser._option_string_actions:
                yield f"{parser.prog} has no option {word}"
        elif subcommands and not word.startswith("-"):
            (choices,) = subcommands
            if word in choices.choices:
                yield from unknown_options(choices.choices[word], words[position + 1 :])
            elif re.fullmatch("[a-z-]+", word):
                yield f"{parser.prog} has no command {word}"
            return


def of_python(words: Sequence[str]) -> Iterator[str]:
    """The options of Python and of our own modules that do not exist; others' are not known."""
    if words[:1] != ["-m"]:
        yield from (f"python has no option {word}" for word in words if word not in PYTHON)
        return
    if len(words) < 2 or words[1].partition(".")[0] not in OURS:
        return
    module, *options = words[1:]
    if module == "rehearsal":
        yield from unknown_options(rehearsal_cli.parser(), options)
    elif importlib.util.find_spec(module) is None:
        yield f"there is no module {module}"
    elif options:
        yield from unknown_options(importlib.import_module(module).parser(), options)


def problems(command: Command) -> Iterator[str]:
    """What is wrong with a command of ours; nothing about anybody else's."""
    program, *words = command.words
    if program.removeprefix(".venv/bin/") == "confidential-inference":
        yield from unknown_options(cli.parser(), words)
    elif re.fullmatch(r"(?:.*/)?python[\d.]*", program):
        yield from of_python(words)
    elif program == "make":
        for word in words:
            name, value, _ = word.partition("=")
            if value and name not in VARIABLES:
                yield f"make has no variable {name}"
            elif not value and not word.startswith("-") and word not in TARGETS:
                yield f"make has no target {word}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_pulumi_cannot_ask_is_answered(path: Path) -> None:
    """An update that has no terminal says yes beforehand."""
    assert [line for line in lines(path.read_text()) if UNANSWERED.search(line)] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("pulumi up --stack primus 2>&1 | tee up.log", True),
        ("pulumi destroy > destroy.log", True),
        ("cd x && pulumi up 2>&1 | tee --yes", True),
        ("pulumi up --yes --stack primus 2>&1 | tee up.log", False),
        ("pulumi up --stack primus && pulumi stack output | cat", False),
        ("pulumi up --stack primus || true", False),
        ("pulumi preview > preview.txt", False),
    ],
)
def test_a_question_that_nobody_can_answer_is_found(line: str, found: bool) -> None:
    """Where the pipe or the file is of that command."""
    assert bool(UNANSWERED.search(line)) is found


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_of_ours_exists_with_its_options(path: Path) -> None:
    """What can be copied works, as far as its names go."""
    assert [problem for each in documented(path) for problem in problems(each)] == []


def test_the_commands_of_the_documents_are_found() -> None:
    """The check looks at something."""
    programs = [each.words[0] for path in DOCUMENTS for each in documented(path)]
    assert programs.count(".venv/bin/confidential-inference") > 60
    assert programs.count("make") > 30
    assert programs.count("pulumi") > 100


TEXT: Final = """
Type `confidential-inference wy` or `GCP_PLUGIN=x make dmo ARG=x`:

```sh
cd x && .venv/bin/confidential-inference results --jsn \\
    | tee x; .venv/bin/confidential-inference handover exprt --stack primus
.venv/bin/python -m rehearsal demo --losen condition
python3 --versoin; .venv/bin/python -m bench.cost --rtae 31; .venv/bin/python -m bench.csot
```
"""


def test_what_does_not_exist_is_found() -> None:
    """In the text and in blocks, also behind another command and on the next line."""
    found = [problem for each in commands(TEXT, "x.md") for problem in problems(each)]
    assert found == [
        "confidential-inference results has no option --jsn",
        "confidential-inference handover has no command exprt",
        ".venv/bin/python -m rehearsal demo has no option --losen",
        "python has no option --versoin",
        "python -m bench.cost has no option --rtae",
        "there is no module bench.csot",
        "confidential-inference has no command wy",
        "make has no target dmo",
        "make has no variable ARG",
    ]
