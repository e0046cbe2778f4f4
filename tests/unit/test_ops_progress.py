"""Progress says what happened to real resources, and nothing about the engine's bookkeeping."""

from __future__ import annotations

import io

import pytest
from pulumi.automation.events import EngineEvent
from rich.console import Console

from ops.progress import Progress

BUCKET = "urn:pulumi:primus::confidential-inference::a:b:C$gcp:storage/bucket:Bucket::model"
COMPONENT = "urn:pulumi:primus::confidential-inference::confidential-inference:infra:Primus::primus"
PROVIDER = "urn:pulumi:primus::confidential-inference::pulumi:providers:gcp::google"


def lines(*steps: tuple[str, str]) -> list[str]:
    """What is printed when each (operation, urn) begins and ends."""
    console = Console(file=io.StringIO(), width=120)
    progress = Progress(console, "primus", console.status(""))
    for op, urn in steps:
        metadata = {"op": op, "urn": urn, "type": "", "provider": "", "old": None, "new": None}
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            progress(
                EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}})
            )
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


@pytest.mark.parametrize(
    ("op", "urn"), [("same", BUCKET), ("create", COMPONENT), ("create", PROVIDER)]
)
def test_bookkeeping_has_none(op: str, urn: str) -> None:
    """What did not change, components and providers make no line."""
    assert lines((op, urn)) == []
