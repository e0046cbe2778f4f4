"""Progress counts what happened to real resources, and nothing of the engine's bookkeeping."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from pulumi.automation.events import EngineEvent

from ops.terminal import Terminal
from rehearsal.demo.progress import LONGEST_NAME, Progress

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = "urn:pulumi:primus::confidential-inference::a:b:C$gcp:storage/bucket:Bucket::model"
OBJECT = "urn:pulumi:secundus::confidential-inference::a:b:C$gcp:storage/b:BucketObject::"
COMPONENT = "urn:pulumi:primus::confidential-inference::confidential-inference:infra:Primus::primus"
PROVIDER = "urn:pulumi:primus::confidential-inference::pulumi:providers:gcp::google"
BEGIN, END = "resourcePreEvent", "resOutputsEvent"
WIDTH = 80


def event(kind: str, op: str, urn: str) -> EngineEvent:
    """The engine begins or ends an operation."""
    metadata = {"op": op, "urn": urn, "type": "", "provider": "", "old": None, "new": None}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}})


def warning(message: str) -> EngineEvent:
    """The program warns."""
    said = {"message": message, "color": "never", "severity": "warning"}
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": said})


def printed(
    events: list[EngineEvent],
    say: Callable[[str], None] = lambda _: None,
    warned: set[str] | None = None,
) -> list[str]:
    """The lines of these events and of the summary."""
    console = Terminal(io.StringIO(), width=WIDTH)
    progress = Progress(console, "primus", say, set() if warned is None else warned)
    for each in events:
        progress(each)
    progress.summarize()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def summary(*steps: tuple[str, str]) -> str:
    """The summary when each (operation, urn) begins and ends, without line ends and time."""
    events = [event(kind, op, urn) for op, urn in steps for kind in (BEGIN, END)]
    text = " ".join(line.strip() for line in printed(events))
    return re.sub(r" \(\d+\.\d s\)$", "", text)


def many(count: int, op: str = "create") -> list[tuple[str, str]]:
    """So many pictures."""
    return [(op, f"{OBJECT}secundus-input-{number}.jpg") for number in range(count)]


@pytest.mark.parametrize(
    ("op", "word"),
    [("create", "created"), ("create-replacement", "created"), ("update", "updated")],
)
def test_a_finished_operation_is_counted(op: str, word: str) -> None:
    """Who, how many, what was done, and the kind."""
    assert summary((op, BUCKET)) == f"primus     1 resource {word}: Bucket"


def test_pictures_are_one_number() -> None:
    """27 uploads are "27 pictures"; the most frequent kind is first; one has no number."""
    steps = [("create", BUCKET), ("create", f"{OBJECT}primus-model-1"), *many(27)]
    assert summary(*steps) == ("primus     29 resources created: 27 pictures, Bucket, BucketObject")


def test_what_is_destroyed_is_only_counted() -> None:
    """The kinds are those that were created before."""
    assert summary(*many(27, "delete"), ("delete", BUCKET)) == "primus     28 resources deleted"


def test_a_resource_that_was_replaced_is_counted_twice() -> None:
    """It was deleted and created."""
    assert summary(("delete-replaced", BUCKET), ("create-replacement", BUCKET)) == (
        "primus     1 resource deleted: Bucket; 1 resource created: Bucket"
    )


@pytest.mark.parametrize(
    ("op", "urn"), [("same", BUCKET), ("create", COMPONENT), ("create", PROVIDER)]
)
def test_bookkeeping_has_none(op: str, urn: str) -> None:
    """What did not change, components and providers are not counted."""
    assert summary((op, urn)) == ""


def test_the_live_line_has_what_runs_now() -> None:
    """Names of what begins and has not ended; pictures as their number."""
    said: list[str] = []
    pictures = [event(BEGIN, op, urn) for op, urn in many(3)]
    events = [event(BEGIN, "create", BUCKET), *pictures, event(END, "create", BUCKET)]
    printed(events, said.append)
    assert said[0] == "primus: 0 done, now model"
    assert said[-2:] == ["primus: 0 done, now model, 3 pictures", "primus: 1 done, now 3 pictures"]


@pytest.mark.parametrize("name", ["[/]\x1b[31m", "a::b", "\u202e" * 1000, "x" * 1000])
def test_a_name_stays_text_and_the_live_line_one_line(name: str) -> None:
    """Resources are named after buckets and objects, which a company may name as it likes."""
    said: list[str] = []
    printed([event(BEGIN, "create", f"{OBJECT}{name}")], said.append)
    (line,) = said
    assert [c for c in line if not c.isprintable()] == []
    assert len(line) <= WIDTH - 2
    assert ascii(name[0])[1:-1] in line
    assert line.count("x") <= LONGEST_NAME


def test_a_warning_is_its_first_sentence() -> None:
    """The fix in the rest is for whoever types `pulumi up`; a value with a dot is no end."""
    assert printed([warning("image.digest is not set: any image runs. Set it: pulumi config")]) == [
        "  warning    image.digest is not set: any image runs."
    ]


def test_a_warning_is_printed_once() -> None:
    """Not at each update of the demonstration; another one is."""
    warned: set[str] = set()
    assert len(printed([warning("a"), warning("b"), warning("a")], warned=warned)) == 2
    assert printed([warning("a")], warned=warned) == []
