"""The published schema and page of the manifest say what the workload takes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args

import jsonschema
import pytest

from rehearsal.repository import REPOSITORY
from tests.fixtures.manifests import (
    BAD,
    FULL,
    GOOD,
    OPTIONAL,
    REQUIRED,
    TOGETHER,
    changed,
    without,
)
from workload import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads((REPOSITORY / "docs/schema/model-v2.json").read_text(encoding="utf-8"))
PAGE = (REPOSITORY / "docs/manifest.md").read_text(encoding="utf-8")
CHOICES = {
    "format": manifest.Format,
    "input.channels": manifest.Channels,
    "input.resize": manifest.Resize,
    "input.fit": manifest.Fit,
    "input.decode": manifest.Decode,
    "input.type": manifest.Type,
    "input.layout": manifest.Layout,
    "output.scores": manifest.Scores,
    "output.activation": manifest.Activation,
}


def accepted_by_schema(data: object) -> bool:
    """Whether the published schema takes it."""
    return bool(jsonschema.Draft202012Validator(SCHEMA).is_valid(data))


def accepted_by_workload(data: object) -> bool:
    """Whether the workload takes it."""
    try:
        manifest.of(data)
    except manifest.ManifestError:
        return False
    return True


CASES = [
    ("short", GOOD),
    ("full", FULL),
    ("grey", changed(changed(GOOD, "input.channels", "grey"), "input.mean", [1])),
    *((f"{field} = {value}"[:60], changed(FULL, field, value)) for field, value in BAD),
    *((f"without {field}", without(FULL, field)) for field in (*REQUIRED, *OPTIONAL)),
    *((f"{field} alone", data) for field, data in TOGETHER),
    *(
        (f"{field} = {value}", changed(FULL, field, value))
        for field, choice in CHOICES.items()
        for value in get_args(choice)
    ),
]


@pytest.mark.parametrize("data", [data for _, data in CASES], ids=[name for name, _ in CASES])
def test_schema_and_workload_judge_alike(data: Any) -> None:
    """Each key missing, each value wrong, each choice; but not rules that compare two numbers."""
    assert accepted_by_schema(data) == accepted_by_workload(data)


ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    0.5,
    10**7,
    -(10**7),
    1e31,
    "",
    "text",
    "text\n",
    "text\u202e",
    "می\u200cخواهم",  # noqa: RUF001  Persian
    "x" * 1_001,
    [],
    [None],
    [[]],
    {},
    {"key": 1},
)
"""Values of every kind. None of them breaks a rule only by comparing two numbers."""


def places(part: Any, path: str = "") -> Iterator[str]:
    """Every place of a JSON value, by path."""
    inner = part.items() if isinstance(part, dict) else enumerate(part)
    for key, value in inner:
        yield f"{path}{key}"
        if isinstance(value, dict | list):
            yield from places(value, f"{path}{key}.")


PLACES = [each for each in places(FULL) if not each.startswith("metadata.")]


@pytest.mark.parametrize("place", PLACES)
def test_they_judge_any_value_in_any_place_alike(place: str) -> None:
    """Nearly a thousand manifests, each with one value of another kind."""
    judged = {repr(value)[:20]: changed(FULL, place, value) for value in ODD}
    assert {name: accepted_by_schema(data) for name, data in judged.items()} == {
        name: accepted_by_workload(data) for name, data in judged.items()
    }


def test_both_verdicts_occur() -> None:
    """Else the test above would show nothing."""
    assert {accepted_by_workload(data) for _, data in CASES} == {True, False}


def test_the_file_beside_the_archive_has_one_more_key() -> None:
    """The archive itself could not hold its own hash."""
    beside = {**GOOD, "archive": {"file": "m.tar.gz", "bytes": 3, "sha256": "a" * 64}}
    assert accepted_by_schema(beside)
    assert not accepted_by_workload(beside)


@pytest.mark.parametrize("path", ["model/manifest.json", "model/manifest-litert.json"])
def test_the_committed_manifests_fit_the_schema(path: str) -> None:
    """They are the first examples that a reader finds."""
    assert accepted_by_schema(json.loads((REPOSITORY / path).read_text(encoding="utf-8")))


def resolved(part: Any) -> Any:
    """The schema of a value, or of the elements of a list."""
    while "$ref" in part or "items" in part:
        reference = part.get("$ref", "").rpartition("/")[2]
        part = SCHEMA["$defs"][reference] if reference else part["items"]
    return part


def keys(part: Any, path: str = "") -> set[str]:
    """All keys of the schema by path."""
    found = set()
    for name, inner in part.get("properties", {}).items():
        found |= {path + name, *keys(resolved(inner), f"{path}{name}.")}
    return found


def test_the_page_names_every_key_once() -> None:
    """In the first column of its tables."""
    named = re.findall(r"(?m)^\| `([A-Za-z.0-9]+)` \|", PAGE)
    assert sorted(named) == sorted(
        keys(SCHEMA) - {"archive.file", "archive.bytes", "archive.sha256"}
    )


def test_the_page_names_every_choice() -> None:
    """In code spans."""
    for choice in CHOICES.values():
        for value in get_args(choice):
            assert f"`{value}`" in PAGE, value
