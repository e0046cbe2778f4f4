"""The command `review`: where the preview comes from, the three forms, and the exit codes."""

from __future__ import annotations

import io
import json
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from ops.cli import main
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.review import markdown
from policy.rules import EVERY
from tests.fixtures.previews import BUCKET, UNKNOWN, preview, step, urn

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = {
    "name": "models",
    "publicAccessPrevention": "enforced",
    "uniformBucketLevelAccess": True,
    "labels": {"a": "b"},
}
NOTHING = preview(step("same", BUCKET, old=PRIVATE, new=PRIVATE))
LOSS = preview(step("delete", BUCKET, old=PRIVATE))
VIOLATION = preview(step("create", BUCKET, new={**PRIVATE, "publicAccessPrevention": "x"}))
PICTURES = urn("confidential-inference:infra:PrivateBucket", "secundus-input")
LOOSENING = preview(
    step(
        "create",
        "gcp:storage/bucketIAMMember:BucketIAMMember",
        new={
            "bucket": "models",
            "role": "roles/storage.objectViewer",
            "member": "user:a@b.example",
        },
        parent=PICTURES,
    )
)
UNKNOWN_MEMBER = preview(
    step(
        "create",
        "gcp:storage/bucketIAMMember:BucketIAMMember",
        new={"bucket": "models", "role": "roles/storage.objectViewer", "member": UNKNOWN},
        parent=PICTURES,
    )
)
UNJUDGED = preview(step("create", "gcp:odd/kind:Kind", new={}))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file for a preview."""
    return tmp_path / "preview.json"


@pytest.mark.parametrize(
    ("text", "fail_on", "code"),
    [
        (NOTHING, [], OK),
        (LOSS, [], OK),
        (LOSS, ["loss"], BROKEN),
        (LOSS, ["loosening"], OK),
        (LOSS, ["never"], OK),
        (LOOSENING, [], OK),
        (LOOSENING, ["loosening"], BROKEN),
        (LOOSENING, ["loss"], OK),
        (LOOSENING, ["loss", "loosening"], BROKEN),
        (UNJUDGED, [], OK),
        (UNJUDGED, ["loosening"], BROKEN),
        (UNKNOWN_MEMBER, [], OK),
        (UNKNOWN_MEMBER, ["loosening"], BROKEN),
        (VIOLATION, [], BROKEN),
        (VIOLATION, ["never"], BROKEN),
        (b"{}", [], UNUSABLE),
    ],
)
def test_the_exit_code_is_for_what_no_person_must_judge(
    file: Path, text: bytes, fail_on: list[str], code: int
) -> None:
    """A broken mandatory rule always fails; the rest only if somebody asked for it."""
    file.write_bytes(text)
    options = [option for each in fail_on for option in ("--fail-on", each)]
    assert main(["review", str(file), *options]) == code


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`pulumi preview --json --show-sames | confidential-inference review -`."""
    stdin = io.TextIOWrapper(io.BytesIO(LOSS))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert main(["review", "-"]) == OK
    assert "DATA LOSS: the bucket models is deleted" in capsys.readouterr().out


def test_the_text_shows_verdict_alarms_sections_and_details(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this order."""
    objects = [
        step(
            "delete", "gcp:storage/bucketObject:BucketObject", "o", old={"bucket": "b", "name": "n"}
        ),
        step("create", "gcp:projects/service:Service", "s", new={}),
    ]
    file.write_bytes(preview(*objects))
    main(["review", str(file)])
    assert capsys.readouterr().out.splitlines() == [
        "primus: Nothing about who can read the pictures and results changes.",
        "  DATA LOSS: 1 object is deleted from the bucket b",
        "      n",
        "Everything else",
        "  create: 1 gcp:projects/service:Service",
        f"note: {len(EVERY)} rules judged 1 resource.",
        "Every changed input: pulumi preview --diff --stack primus",
    ]


def test_the_other_forms_are_markdown_and_json(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a bot, and for programs."""
    file.write_bytes(LOSS)
    assert main(["review", str(file), "--markdown", "--fail-on", "loss"]) == BROKEN
    assert capsys.readouterr().out.splitlines()[0] == markdown.marker("primus")
    assert main(["review", str(file), "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["alarms"] == ["DATA LOSS"]


def test_a_file_that_does_not_exist_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """With its name."""
    assert main(["review", "nowhere.json"]) == UNUSABLE
    assert "nowhere.json: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["file", "--stack", "primus"]])
def test_one_source_is_needed(arguments: list[str]) -> None:
    """A file or a stack."""
    with pytest.raises(SystemExit) as ended:
        main(["review", *arguments])
    assert ended.value.code == UNUSABLE


def pulumi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a `pulumi` that runs a shell script on PATH."""
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize(
    "further", [[], ["--refresh"], ["--policy-pack", "policy"]], ids=["", "refresh", "pack"]
)
def test_a_stack_is_previewed(
    further: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With every resource, so that every rule judges it; also if a policy pack refuses."""
    (tmp_path / "preview.json").write_bytes(LOSS)
    said = tmp_path / "arguments"
    pulumi(tmp_path, monkeypatch, f'echo "$@" > {said}; cat {tmp_path}/preview.json; exit 1')
    assert main(["review", "--stack", "primus", *further]) == OK
    expected = ["preview", "--json", "--show-sames", "--non-interactive", "--stack", "primus"]
    assert said.read_text().split() == [*expected, *further]
    shown = capsys.readouterr()
    assert "DATA LOSS" in shown.out
    assert shown.err == f"`pulumi {said.read_text().strip()}`\n"


def test_a_stack_that_cannot_be_previewed_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the words of `pulumi`."""
    pulumi(tmp_path, monkeypatch, "echo 'error: no stack named odd' >&2; exit 255")
    assert main(["review", "--stack", "odd"]) == UNUSABLE
    assert "--stack odd` failed: error: no stack named odd" in capsys.readouterr().err


def test_without_pulumi_there_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file can be reviewed without it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["review", "--stack", "primus"]) == UNUSABLE
    assert "`pulumi` is not on PATH" in capsys.readouterr().err
