"""Progress says what happened to real resources, and nothing about the engine's bookkeeping."""

from __future__ import annotations

import io
import re

import pytest
from pulumi.automation.events import EngineEvent

from ops.terminal import Terminal
from rehearsal.demo.progress import LONGEST_NAME, Progress

BUCKET = "urn:pulumi:primus::confidential-inference::a:b:C$gcp:storage/bucket:Bucket::model"
OBJECT = "urn:pulumi:primus::confidential-inference::a:b:C$gcp:storage/b:BucketObject::"
COMPONENT = "urn:pulumi:primus::confidential-inference::confidential-inference:infra:Primus::primus"
PROVIDER = "urn:pulumi:primus::confidential-inference::pulumi:providers:gcp::google"


def lines(*steps: tuple[str, str]) -> list[str]:
    """What is printed when each (operation, urn) begins and ends."""
    console = Terminal(io.StringIO(), width=120)
    progress = Progress(console, "primus", lambda _: None)
    for op, urn in steps:
        metadata = {"op": op, "urn": urn, "type": "", "provider": "", "old": None, "new": None}
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            progress(
                EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}})
            )
    progress.summarize()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("op", "word"),
    [
        ("create", "created"),
        ("update", "updated"),
        ("delete", "deleted"),
        ("delete-replaced", "deleted"),
    ],
)
def test_a_finished_operation_has_a_line(op: str, word: str) -> None:
    """Who, what was done, how long it took, the kind and the name: one line."""
    (line,) = lines((op, BUCKET))
    assert line.split()[:2] == ["primus", word]
    assert line.split()[-2:] == ["Bucket", "model"]


def many(count: int, name: str = "picture") -> list[tuple[str, str]]:
    """So many resources of one kind, created."""
    return [("create", f"{OBJECT}{name}-{number}") for number in range(count)]


def test_resources_of_a_kind_share_a_line() -> None:
    """Of 27 pictures three are named and all are counted; anything else has its own line."""
    pictures, bucket, destroyed = lines(*many(27), ("create", BUCKET), ("delete", BUCKET))
    assert re.fullmatch(
        r"  primus    created    \d\.\d s  27 BucketObject +picture-0, picture-1, picture-2, …",
        pictures,
    )
    assert bucket.split()[-3:] == ["1", "Bucket", "model"]
    assert destroyed.split()[1] == "deleted"


def test_where_everything_goes_one_line_says_it() -> None:
    """What is destroyed has no names any more."""
    (line,) = lines(*(("delete", urn) for _, urn in many(27)), ("delete", BUCKET))
    assert line.endswith(" s  28 in all: 27 BucketObject, 1 Bucket")


def test_a_resource_that_was_replaced_is_counted_twice() -> None:
    """It was deleted and created."""
    assert len(lines(("delete-replaced", BUCKET), ("create-replacement", BUCKET))) == 2


@pytest.mark.parametrize("name", ["[/]\x1b[31m", "a::b", "\u202e" * 1000])
def test_a_name_stays_text_and_is_cut(name: str) -> None:
    """Resources are named after the pictures, which anybody may name."""
    (line,) = lines(*many(1, name))
    assert [c for c in line if not c.isprintable()] == []
    assert len(line) < 70 + 10 * LONGEST_NAME
    assert ascii(name[0])[1:-1] in line


@pytest.mark.parametrize(
    ("op", "urn"), [("same", BUCKET), ("create", COMPONENT), ("create", PROVIDER)]
)
def test_bookkeeping_has_none(op: str, urn: str) -> None:
    """What did not change, components and providers make no line."""
    assert lines((op, urn)) == []
