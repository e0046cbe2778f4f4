"""CONTRIBUTING.md names places and commands that exist, and says where each contract is kept."""

from __future__ import annotations

import re

import pytest

from rehearsal.repository import REPOSITORY

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text()
MAKEFILE = (REPOSITORY / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
TREE = {
    "infra",
    "workload",
    "ops",
    "packing",
    "policy",
    "rehearsal",
    "model",
    "tests",
    "bench",
    "docs",
}


def missing_places(text: str) -> list[str]:
    """Files and folders that a text names by their path and that do not exist.

    A path in the column of a folder is relative to that folder: `unit/` in the row of `tests/`.
    """
    missing = []
    for line in text.splitlines():
        paths = re.findall(r"`([\w./-]+(?:/|\.py|\.md|\.txt|\.toml|\.yaml))`", line)
        above = paths[0] if line.startswith("| `") and paths and paths[0].endswith("/") else ""
        for path in paths:
            bases = (REPOSITORY, REPOSITORY / above)
            if not any((base / path).exists() for base in bases):
                missing.append(path)
    return missing


def test_every_place_exists() -> None:
    """A newcomer opens what the document names."""
    assert missing_places(TEXT) == []


def test_a_place_that_does_not_exist_is_reported() -> None:
    """The check can fail, also for a path below the folder of its row."""
    assert missing_places("see `infra/nothing.py`") == ["infra/nothing.py"]
    assert missing_places("| `tests/` | `unit/` and `nowhere/` |") == ["nowhere/"]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z]+)", TEXT))))
def test_every_make_target_exists(target: str) -> None:
    """What can be copied works."""
    assert target in TARGETS


def test_every_kind_of_test_is_on_the_map() -> None:
    """Each folder of tests/, but the fixtures."""
    (row,) = re.findall(r"^\| `tests/` \| (.*) \|$", TEXT, re.MULTILINE)
    folders = {path.name for path in (REPOSITORY / "tests").iterdir() if path.is_dir()}
    assert folders - {"__pycache__", "fixtures"} == set(re.findall(r"`([a-z]+)/`", row))


def test_every_area_of_the_unit_tests_is_named() -> None:
    """`make unit T=…` lists the areas that there are."""
    (line,) = re.findall(r"make unit T=infra +# (.*)", TEXT)
    areas = {path.name for path in (REPOSITORY / "tests" / "unit").iterdir() if path.is_dir()}
    assert areas - {"__pycache__"} == set(re.findall(r"[a-z]+", line.partition(": ")[2])) & TREE
