"""The commands `empty` and `leftovers`: what they ask, print and end with."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import Forbidden

from ops.cli import main
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.pulumi_command import StackError
from ops.stack_state import Deployed, deployed
from ops.teardown import contents, empty_command, leftovers, leftovers_command
from ops.teardown.contents import Contents
from ops.teardown.leftovers import Leftover
from tests.fixtures.pulumi_config import Stacks

if TYPE_CHECKING:
    from pathlib import Path

NEWEST = dt.datetime(2026, 11, 27, 20, 15, tzinfo=dt.UTC)
FOUND = Contents(bucket="results", tracked=frozenset(), objects=3, size=3 * 2**20, newest=NEWEST)


@pytest.fixture
def emptied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The buckets that were emptied; no cloud and no engine."""
    log: list[str] = []

    def delete(_: object, found: Contents) -> int:
        log.append(found.bucket)
        return found.objects

    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    monkeypatch.setattr(empty_command, "deployed", lambda *_: ())
    monkeypatch.setattr(contents, "contents", lambda *_: [FOUND])
    monkeypatch.setattr(contents, "delete", delete)
    return log


def answer(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool) -> None:
    """What a person types, or a pipe holds."""
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    monkeypatch.setattr(empty_command, "_is_terminal", lambda: terminal)


@pytest.mark.parametrize(
    ("text", "terminal", "code"),
    [
        ("secundus\n", True, OK),
        ("yes\n", True, BROKEN),
        ("", True, BROKEN),
        ("secundus\n", False, BROKEN),
    ],
    ids=["the name", "another word", "nothing", "a pipe"],
)
def test_only_a_person_who_types_the_stacks_name_agrees(
    emptied: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
    terminal: bool,
    code: int,
) -> None:
    """After it has seen what would be deleted."""
    answer(monkeypatch, text, terminal=terminal)
    assert main(["empty"]) == code
    printed = capsys.readouterr()
    line = "gs://results: 3 objects, 3.0 MiB, the newest of 2026-11-27 20:15 UTC"
    assert line in printed.out
    assert emptied == (["results"] if code == OK else [])
    if code:
        assert "nothing was deleted. To agree: type the stack's name, or add --yes" in printed.err


def test_yes_agrees(emptied: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """For a script, and for the runbook."""
    assert main(["empty", "--stack", "secundus-acme", "--yes"]) == OK
    assert emptied == ["results"]
    printed = capsys.readouterr().out
    assert "gs://results: 3 objects deleted" in printed
    assert "Now: pulumi destroy --stack secundus-acme" in printed


def test_where_nothing_is_in_the_way_nobody_is_asked(
    emptied: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also after the last interruption."""
    monkeypatch.setattr(contents, "contents", lambda *_: [])
    assert main(["empty"]) == OK
    assert emptied == []
    assert "No bucket of the stack secundus holds" in capsys.readouterr().out


def test_a_refusal_of_google_ends_it_with_the_sentence(
    emptied: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the same command goes on from there."""

    def refused(*_: object) -> int:
        raise Forbidden("no storage.objects.delete")  # type: ignore[no-untyped-call]  # untyped

    monkeypatch.setattr(contents, "delete", refused)
    assert main(["empty", "--yes"]) == UNUSABLE
    assert emptied == []
    errors = capsys.readouterr().err
    assert "no storage.objects.delete" in errors
    assert "The same command again goes on from there" in errors


def test_the_state_says_what_the_stack_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what is being deleted, and told apart from what is only read."""
    urn = "urn:pulumi:secundus::p::t::"
    resources = [
        {"urn": f"{urn}a", "type": "t", "id": "1", "outputs": {"name": "x"}},
        {"urn": f"{urn}b", "type": "t", "id": "2", "external": True},
        {"urn": f"{urn}c", "type": "t", "id": "3", "delete": True},
        {"urn": f"{urn}d", "type": "component"},
    ]
    exported = json.dumps({"deployment": {"resources": resources}})
    monkeypatch.setattr("ops.stack_state.run", lambda *_: exported)
    assert deployed("secundus", {}) == (
        Deployed(type="t", name="a", id="1", properties={"name": "x"}),
        Deployed(type="t", name="b", id="2", managed=False),
        Deployed(type="component", name="d", id=""),
    )
    monkeypatch.setattr("ops.stack_state.run", lambda *_: '{"deployment": null}')
    assert deployed("secundus", {}) == ()


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """Both companies' stacks in the current folder, and a temporary folder of their own."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(leftovers_command, "gettempdir", lambda: str(tmp_path / "copies"))
    found = Stacks(tmp_path)
    found.create()
    return found


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ([], OK, "Nothing is left that costs or admits."),
        ([Leftover(what="pool p: reserved")], OK, "pool p: reserved\nNothing is left"),
        ([Leftover(what="bucket b", remove="rm b")], BROKEN, "bucket b\n  remove: rm b\nSomething"),
        ([Leftover(what="bucket b", error="403 no")], UNUSABLE, "bucket b: not known: 403 no"),
    ],
    ids=["nothing", "reserved", "left", "not known"],
)
@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_what_is_left_decides_the_exit_code(
    stacks: Stacks,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    company: str,
    found: list[Leftover],
    code: int,
    said: str,
) -> None:
    """A script can ask; a reserved id is nothing to be removed."""
    assert stacks.folder.exists()
    monkeypatch.setattr(leftovers, f"of_{company}", lambda *_: found)
    assert main(["leftovers", "--stack", company]) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_copies_of_uploaded_files_are_left_over(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model may be among them."""
    monkeypatch.setattr(leftovers, "of_primus", lambda *_: [])
    (stacks.folder / "copies" / "pulumi-asset-ab").touch()
    assert main(["leftovers", "--stack", "primus"]) == BROKEN
    assert f"rm {stacks.folder}/copies/pulumi-asset-*" in capsys.readouterr().out


@pytest.mark.parametrize("stack", ["tertius", "primus"])
def test_an_unusable_stack_is_an_error(
    stacks: Stacks, capsys: pytest.CaptureFixture[str], stack: str
) -> None:
    """Of another company, or with a configuration that names nothing."""
    stacks.configure("primus", project="NO")
    assert main(["leftovers", "--stack", stack]) == UNUSABLE
    assert capsys.readouterr().err.startswith("error: ")


def test_a_stack_that_pulumi_does_not_know_is_an_error(
    emptied: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is deleted."""

    def unknown(*_: object) -> None:
        raise StackError("no stack named 'secundus' found")

    monkeypatch.setattr(empty_command, "deployed", unknown)
    assert main(["empty", "--yes"]) == UNUSABLE
    assert emptied == []
    assert "no stack named" in capsys.readouterr().err
