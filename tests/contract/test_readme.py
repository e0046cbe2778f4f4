"""The README says what there is: every key, every role, every command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra.config import key_table
from ops import cli
from rehearsal import cli as rehearsal_cli
from rehearsal.companies import COMPANIES
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

README = (REPOSITORY / "README.md").read_text()


def test_the_table_of_keys_is_the_generated_one() -> None:
    """The README lists each key as the settings declare it."""
    assert key_table.updated(README) == README, f"run {key_table.COMMAND}"


def test_a_table_of_keys_changed_by_hand_is_written_again() -> None:
    """The text around the table stays; the table does not."""
    written = key_table.updated(README)
    changed = written.replace("| both | `project` |", "| both | `nothing` |")
    assert changed != written
    assert key_table.updated(changed) == written


def test_every_key_is_listed_once() -> None:
    """A key of both stacks has one row, or one for each stack."""
    listed = [(row.stack, row.key) for row in key_table.rows()]
    assert len(listed) > 40
    assert len(set(listed)) == len(listed)
    of_both = {key for stack, key in listed if stack == "both"}
    assert of_both.isdisjoint(key for stack, key in listed if stack != "both")


@pytest.mark.parametrize("marker", [key_table.START, key_table.END])
def test_a_readme_without_a_marker_is_refused(marker: str) -> None:
    """It is never overwritten."""
    with pytest.raises(ValueError, match="got a document without"):
        key_table.updated(README.replace(marker, ""))


def test_the_roles_in_the_readme_are_those_of_the_rehearsal() -> None:
    """The rehearsal's deployers hold exactly the roles that a real one is told to get."""
    table = README.partition("| whoever deploys primus")[2].partition("\n\n")[0]
    rows = [row.split("|") for row in table.splitlines()[2:]]
    for column, company in ((1, "primus"), (2, "secundus")):
        named = {role for row in rows for role in re.findall(r"`(roles/[^`]+)`", row[column])}
        assert named == set(COMPANIES[company].roles)


@pytest.mark.parametrize("usage", ["results", "why FILE"])
def test_every_command_of_a_company_is_in_the_readme(usage: str) -> None:
    """Each is mentioned as it is typed."""
    command = cli.parser().parse_args(usage.split()).command
    assert f".venv/bin/confidential-inference {command}" in README


@pytest.mark.parametrize("usage", ["demo", "cloud"])
def test_every_command_of_the_rehearsal_is_in_the_readme(usage: str) -> None:
    """Each has a make target."""
    command = rehearsal_cli.parser().parse_args([usage]).command
    assert f"make {command}" in README


DOCUMENTS = (
    REPOSITORY / "README.md",
    *(REPOSITORY / "docs").glob("*.md"),
    *(REPOSITORY / "ops").rglob("*.py"),
    *(REPOSITORY / "rehearsal").rglob("*.py"),
)


COMMAND = r"(?:python -m (?:ops|rehearsal) [a-z]+|confidential-inference (?:results|why))"


def bare_commands(text: str) -> list[str]:
    """Commands of ours that the system's Python would run, which lacks what they need."""
    return re.findall(rf"(?<!\.venv/bin/){COMMAND}[^`]*", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_names_the_python_that_can_run_it(path: Path) -> None:
    """What can be copied works; a docstring names a command in quotes of its own, for readers."""
    text = re.sub(f"`{COMMAND}`", "", path.read_text())
    assert bare_commands(text) == []


@pytest.mark.parametrize("command", ["python -m ops why", "confidential-inference why"])
def test_a_command_outside_the_virtual_environment_is_found(command: str) -> None:
    """The guard can fail."""
    assert bare_commands(f"x && {command} launcher.json") == [f"{command} launcher.json"]
    assert bare_commands(f".venv/bin/{command} launcher.json") == []


def test_every_place_in_the_readme_exists() -> None:
    """The folders under "Where things are" are there."""
    places = re.findall(
        r"^\| `([a-z/]+/)`", README.partition("## Where things are")[2], re.MULTILINE
    )
    assert len(places) > 5
    assert [place for place in places if not (REPOSITORY / place).is_dir()] == []
