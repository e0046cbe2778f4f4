"""docs/handover.md shows commands that exist and files that are accepted."""

from __future__ import annotations

import re
import shlex

import pytest

from infra import handover_file
from ops import cli
from ops.handover import author_file, operator_file
from rehearsal.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "handover.md").read_text()
COMMANDS = re.findall(r"^\.venv/bin/confidential-inference (.*)$", PAGE, re.MULTILINE)
FILES = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one_that_exists(command: str) -> None:
    """With its options."""
    assert cli.parser().parse_args(shlex.split(command)).command == "handover"


def test_every_action_is_shown() -> None:
    """None is left out."""
    assert {command.split()[1] for command in COMMANDS} == {"export", "check", "import"}


def test_the_files_are_in_the_agreed_form() -> None:
    """One of each direction, byte by byte, with values that are accepted."""
    author, operator = (handover_file.read(file.encode(), "docs/handover.md") for file in FILES)
    assert author_file.accepted(author, "docs/handover.md", None).image == author.values["image"]
    assert operator_file.accepted(operator.values, "docs/handover.md")
