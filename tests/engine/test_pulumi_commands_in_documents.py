"""Each `pulumi` command that a document names exists, and has the options that it is named with."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.contract.documented_commands import DOCUMENTS, commands, documented

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Help = Callable[[tuple[str, ...]], str]

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def usage(pulumi_cli: Path) -> Help:
    """What `pulumi COMMAND --help` prints."""

    @functools.cache
    def text(command: tuple[str, ...]) -> str:
        line = [str(pulumi_cli / "pulumi"), *command, "--help"]
        # Otherwise `up --plan`, of which the documents only say why it is not used, is hidden.
        shown = {**os.environ, "PULUMI_EXPERIMENTAL": "true"}
        return subprocess.run(line, capture_output=True, text=True, check=False, env=shown).stdout

    return text


def problems(usage: Help, words: Sequence[str]) -> Iterator[str]:
    """The subcommands and options among the words that the CLI does not have."""
    path: tuple[str, ...] = ()
    for word in words:
        if word.startswith("--"):
            option = word.partition("=")[0]
            if not re.search(rf"{re.escape(option)}\b", usage(path)):
                yield f"{' '.join(('pulumi', *path))} has no option {option}"
        elif not re.fullmatch("[a-z][a-z-]+", word):
            continue
        # Of a word that is no command, the CLI prints what it prints without the word.
        elif usage((*path, word)) != usage(path):
            path = (*path, word)
        elif not path:
            yield f"pulumi has no command {word}"


def test_every_pulumi_command_exists_with_its_options(usage: Help) -> None:
    """What can be copied works, as far as its names go."""
    named = {
        (each.document, each.words[1:])
        for path in DOCUMENTS
        for each in documented(path)
        if each.words[0] == "pulumi"
    }
    assert len(named) > 60
    found = [
        f"{document}: {problem}" for document, words in named for problem in problems(usage, words)
    ]
    assert sorted(found) == []


def test_what_does_not_exist_is_found(usage: Help) -> None:
    """The check can fail: a command, an option, one of a command below another."""
    text = "`pulumi upp`, `pulumi up --stak x`, `pulumi config set --pth a.b c`"
    named = [each.words[1:] for each in commands(text, "x.md")]
    assert [problem for words in named for problem in problems(usage, words)] == [
        "pulumi has no command upp",
        "pulumi up has no option --stak",
        "pulumi config set has no option --pth",
    ]
