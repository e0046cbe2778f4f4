"""`handover check` says what a file means, and refuses what nobody agreed to."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from infra.handover_file import FROM_AUTHOR, FROM_OPERATOR
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.handover import files
from tests.fixtures.handovers import DIGEST, SHA256, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fixtures.pulumi_config import Stacks

    Handover = Callable[..., Any]

OTHER = "sha256:" + "b2" * 32


def test_a_file_alone_is_shown_value_by_value(stacks: Stacks, handover: Handover) -> None:
    """With the names that people use, the hash that they compare, and no stack."""
    file = files.read(str(write(stacks.folder / "f.json")))
    ended = handover("check", "f.json")
    assert ended.code == OK
    lines = ended.out.splitlines()
    assert lines[0] == "from the author of the model"
    assert f"  image digest              {DIGEST}" in lines
    assert f"  SHA-256 of the file       {file.sha256}" in lines
    assert "warning" not in ended.out


def test_standard_input_is_read(
    stacks: Stacks, handover: Handover, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of `gcloud storage cat` or `gh api`."""
    data = write(stacks.folder / "f.json", kind=FROM_OPERATOR).read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    ended = handover("check", "-")
    assert ended.code == OK
    assert "  operator's project        secundus-vision" in ended.out.splitlines()


def test_a_file_that_ends_soon_has_a_warning(stacks: Stacks, handover: Handover) -> None:
    """Before a preview is refused."""
    write(stacks.folder / "f.json", days_ago=80)
    assert "warning: it expires at" in handover("check", "f.json").out


@pytest.mark.parametrize("options", [(), ("--stack", "secundus")])
def test_an_expired_file_is_refused(
    stacks: Stacks, handover: Handover, options: tuple[str, ...]
) -> None:
    """What was agreed then may have been withdrawn."""
    write(stacks.folder / "f.json", days_ago=91)
    ended = handover("check", "f.json", *options)
    assert (ended.code, ended.out) == (BROKEN, "")
    assert ended.says("f.json: got a file that expired at .*Ask the author of the model for a new")


def test_a_missing_file_cannot_be_checked(handover: Handover) -> None:
    """That is no refusal."""
    ended = handover("check", "f.json")
    assert ended.code == UNUSABLE
    assert ended.says("f.json: No such file or directory")


FOREIGN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "another author": (
        {},
        {"author": {"project": "tertius-models", "projectNumber": "333333333333"}},
        (
            "f.json: the author published a handover that cannot be trusted.*- image: got .*"
            "- audience: got .*- modelReader: got .*config set --stack secundus --path .*author"
        ),
    ),
    "another author of the same name": (
        {},
        {"author": {"project": "primus-models", "projectNumber": "333333333333"}},
        "- audience: got .*expected a provider of project number 333333333333",
    ),
    "another operator": (
        {},
        {"projectNumber": "333333333333"},
        (
            "admits another machine than this stack declares.*operatorNumber: got '2{12}'.*"
            "--stack primus --path .*operators.NAME.projectNumber' 3{12} && .*pulumi up --stack"
        ),
    ),
    "another account": ({}, {"names": {"serviceAccount": "other-sa"}}, "- operatorAccount: got "),
    "an operator that is stopped": ({"stopped": True}, {}, "the author has stopped this operator"),
    "nobody": ({"operatorAccount": None}, {}, "got no operatorAccount"),
    "an image by tag": ({"image": "us-docker.pkg.dev/primus-models/r/w:1"}, {}, "- image: got"),
    "another schema": ({"schema": "x/v9"}, {}, "of schema 'x/v9'.*pulumi up --stack primus"),
    "a key more": ({"script": "curl"}, {}, "- script: not part of"),
}


@pytest.mark.parametrize(("values", "configured", "message"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_others_is_refused_by_the_stacks_configuration(
    stacks: Stacks,
    handover: Handover,
    values: dict[str, Any],
    configured: dict[str, Any],
    message: str,
) -> None:
    """What is configured decides who author and operator are, never the file."""
    write(stacks.folder / "f.json", values)
    stacks.configure("secundus", **configured)
    ended = handover("check", "f.json", "--stack", "secundus")
    assert (ended.code, ended.out) == (BROKEN, "")
    assert ended.says(message)


EVIL = "secundus-vision; rm -r .\x1b]0;x\x07"
OPERATORS: dict[str, tuple[dict[str, Any], str]] = {
    "a command": (
        {"project": EVIL},
        r"- project: got 'secundus-vision; rm -r .\\x1b.*expected a p",
    ),
    "a number that is none": ({"projectNumber": "12"}, "- projectNumber: got '12'"),
    "an account of another project": (
        {"serviceAccount": "workload-sa@evil-project.iam.gserviceaccount.com"},
        "- serviceAccount: got .*expected a service account of that project",
    ),
    "a user": ({"serviceAccount": "user@example.com"}, "- serviceAccount: got 'user@example.com'"),
    "nothing": (dict.fromkeys(("project", "projectNumber", "serviceAccount")), "- project: got No"),
    "keys more": (
        {f"key {n}": "x" for n in range(7)},
        "- key 0: no value of an operator.*- 2 more such keys",
    ),
}


@pytest.mark.parametrize("options", [(), ("--stack", "primus")])
@pytest.mark.parametrize(("values", "message"), OPERATORS.values(), ids=OPERATORS)
def test_an_operator_that_could_not_be_admitted_is_refused(
    stacks: Stacks,
    handover: Handover,
    values: dict[str, Any],
    message: str,
    options: tuple[str, ...],
) -> None:
    """Its values become configuration and commands."""
    write(stacks.folder / "f.json", values, kind=FROM_OPERATOR)
    ended = handover("check", "f.json", *options)
    assert (ended.code, ended.out) == (BROKEN, "")
    assert ended.says(message)
    assert "\x1b" not in ended.told


@pytest.mark.parametrize(
    ("kind", "stack", "wanted"),
    [("author", "primus", "secundus"), ("operator", "secundus", "primus")],
)
def test_a_file_is_for_the_other_companys_stack(
    stacks: Stacks, handover: Handover, kind: str, stack: str, wanted: str
) -> None:
    """The two directions are never mixed up."""
    write(stacks.folder / "f.json", kind=FROM_OPERATOR if kind == "operator" else FROM_AUTHOR)
    ended = handover("check", "f.json", "--stack", stack)
    assert ended.code == BROKEN
    assert ended.says(f"from the {kind} .*so it is for a stack of {wanted}, but got stack '{stack}")


def test_what_differs_from_an_older_file_is_named_with_its_meaning(
    stacks: Stacks, handover: Handover
) -> None:
    """In the order that matters, with what was agreed and what is said now; exit code 1."""
    sha256 = "d4" * 32
    write(stacks.folder / "old.json", days_ago=100)
    write(
        stacks.folder / "new.json",
        {
            "image": f"us-docker.pkg.dev/primus-models/other/workload@{OTHER}",
            "audience": "//iam.googleapis.com/projects/111111111111/locations/global"
            "/workloadIdentityPools/other/providers/other",
            "modelUri": f"gs://other/models/{sha256}/model.tar.gz",
            "modelSha256": sha256,
            "modelReader": "other-sa@primus-models.iam.gserviceaccount.com",
            "operatorNumber": "333333333333",
            "operatorAccount": "other-sa@secundus-vision.iam.gserviceaccount.com",
            "models": {"small": sha256},
        },
    )
    ended = handover("check", "new.json", "--against", "old.json")
    assert ended.code == BROKEN
    _, _, said = ended.out.partition("9 differences from what was agreed before:\n")
    lines = said.splitlines()
    assert [line.strip().partition(":")[0] for line in lines[::3]] == [
        "image repository",
        "image digest",
        "identity provider",
        "model address",
        "model hash",
        "model reader",
        "operator's project number",
        "operator's account",
        "models.small",
    ]
    assert lines[3:6] == [
        "  image digest: other code would run on the pictures",
        f"    agreed  {DIGEST}",
        f"    now     {OTHER}",
    ]
    assert lines[-2:] == ["    agreed  nothing", f"    now     {sha256}"]


def test_text_of_an_earlier_file_is_escaped_and_cut(stacks: Stacks, handover: Handover) -> None:
    """Nothing has judged it: it must neither add a line, nor control a terminal, nor fill it."""
    evil = "x\n  image digest: other code\x1b]0;x\x07" + "x" * 5_000
    write(stacks.folder / "old.json", {"modelReader": evil, evil: "x"})
    write(stacks.folder / "new.json")
    ended = handover("check", "new.json", "--against", "old.json")
    assert ended.code == BROKEN
    _, _, said = ended.out.partition("2 differences from what was agreed before:\n")
    assert len(said.splitlines()) == 6
    assert len(said) < 5_000
    assert "\x1b" not in said


def test_a_renewed_file_is_no_difference(stacks: Stacks, handover: Handover) -> None:
    """Only the times are others, also where the old one has expired."""
    write(stacks.folder / "old.json", days_ago=100)
    write(stacks.folder / "new.json")
    assert handover("check", "new.json", "--against", "old.json").code == OK


def test_an_older_file_is_a_difference(stacks: Stacks, handover: Handover) -> None:
    """Somebody may have withdrawn what it says, and somebody else may send it again."""
    write(stacks.folder / "old.json", days_ago=1)
    write(stacks.folder / "new.json", days_ago=2)
    ended = handover("check", "new.json", "--against", "old.json")
    assert ended.code == BROKEN
    assert "  made: the file is older than what was agreed" in ended.out


def test_files_of_two_directions_are_not_compared(stacks: Stacks, handover: Handover) -> None:
    """They have no value in common."""
    write(stacks.folder / "old.json", kind=FROM_OPERATOR)
    write(stacks.folder / "new.json")
    ended = handover("check", "new.json", "--against", "old.json")
    assert ended.code == BROKEN
    assert ended.says("new.json is from the author .*, but old.json is from the operator")


def test_with_a_stack_the_file_in_place_was_agreed(stacks: Stacks, handover: Handover) -> None:
    """Nothing else needs to be named."""
    (stacks.folder / "agreed").mkdir()
    write(stacks.folder / "agreed" / "h.json", days_ago=100)
    stacks.configure("secundus", handover="agreed/h.json")
    image = f"us-docker.pkg.dev/primus-models/r/workload@{OTHER}"
    write(stacks.folder / "f.json", {"image": image})
    ended = handover("check", "f.json", "--stack", "secundus")
    assert ended.code == BROKEN
    assert "2 differences" in ended.out
    assert stacks.commands == []


def test_with_stack_primus_its_configuration_was_agreed(stacks: Stacks, handover: Handover) -> None:
    """Primus has no file in place."""
    write(stacks.folder / "same.json", kind=FROM_OPERATOR)
    write(stacks.folder / "f.json", {"projectNumber": "333333333333"}, kind=FROM_OPERATOR)
    assert handover("check", "same.json", "--stack", "primus").code == OK
    ended = handover("check", "f.json", "--stack", "primus")
    assert ended.code == BROKEN
    assert "    agreed  222222222222\n    now     333333333333\n" in ended.out
    assert SHA256 not in ended.out
