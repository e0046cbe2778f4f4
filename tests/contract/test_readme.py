"""The README fits on a page; the pages behind it say what there is: variables, places."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from infra import launch
from ops import cli
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

README = (REPOSITORY / "README.md").read_text()
DOCS = REPOSITORY / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text()
MOST_LINES = 120


def test_the_readme_fits_on_a_page() -> None:
    """What is longer belongs into docs/."""
    assert len(README.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)", README))))
def test_every_link_of_the_readme_leads_to_a_file(target: str) -> None:
    """No generator of pages looks at it."""
    assert (REPOSITORY / target).exists()


def test_the_readme_leads_to_every_page() -> None:
    """But to the list of them, and to the page that only includes rehearsal/README.md."""
    linked = set(re.findall(r"\]\(docs/([a-z-]+\.md)\)", README))
    pages = {page.name for page in DOCS.glob("*.md")}
    assert pages - linked == {"index.md", "rehearsal.md"}


def test_the_architecture_lists_the_variables_of_the_metadata() -> None:
    """Errors about other variables point to that list."""
    listed = re.findall(r"^\| `([A-Z0-9_]+)` \|", ARCHITECTURE, re.MULTILINE)
    assert tuple(listed) == launch.ENVIRONMENT


def test_every_place_of_the_architecture_exists() -> None:
    """The folders under "Where things are" are there, and none of ours is left out."""
    places = re.findall(
        r"^\| `([a-z/]+/)`", ARCHITECTURE.partition("## Where things are")[2], re.MULTILINE
    )
    assert [place for place in places if not (REPOSITORY / place).is_dir()] == []
    packages = {f"{path.parent.name}/" for path in REPOSITORY.glob("*/__init__.py")}
    assert packages <= set(places)


@pytest.mark.parametrize("target", ["demo", "cloud", "attack", "docs", "test"])
def test_every_command_for_a_newcomer_is_in_the_readme(target: str) -> None:
    """Each is a make target, which needs no set-up of its own."""
    assert f"make {target}" in README


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_of_a_company_is_on_a_page(command: str) -> None:
    """It is written as it is typed, outside of decisions and cursed knowledge."""
    typed = f".venv/bin/confidential-inference {command}"
    pages = (page for page in DOCS.glob("*.md") if page.name != "cursed-knowledge.md")
    assert any(typed in page.read_text() for page in pages)


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
