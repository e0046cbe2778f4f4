"""`confidential-inference results --stream` against the local cloud."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from google.api_core.exceptions import Forbidden
from google.cloud.storage import Blob

from ops import results
from ops.cli import main
from ops.exit_codes import OK, PARTLY, UNUSABLE
from ops.fleet import collected, queue, stream_records
from tests.cloud.fleet import DEAD_LETTERS, EXPORTED, INPUT, RESULT
from workload import records
from workload.checkpoints import Origin
from workload.errors import PictureFailure
from workload.fleet import jobs
from workload.fleet.records import Author

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud.fleet import Deployed


def arrived(
    fleet: Deployed, name: str, outcome: records.Outcome | None = None, **about: str
) -> bytes:
    """A picture arrives and gets its record, as a worker writes it; returns the record."""
    generation = fleet.upload(name, b"x")
    picture = records.Picture(name=name, generation=generation)
    origin = Origin(
        engine="litert",
        image_digest=f"sha256:{'a' * 64}",
        **{"model_sha256": "b" * 64, "scores": "probabilities", **about},
    )
    author = Author(machine="workload-vm-1", origin=origin)
    line = author.published([(picture, outcome or [records.Score(1, "crack", 0.5)])]).encode()
    fleet.write(jobs.stream_name(name, generation), line, author.provenance)
    return line


def stream(*options: str) -> int:
    """Run the command; returns its exit code."""
    return main(["results", "--stream", *options])


def test_records_are_merged_in_the_order_of_names(
    fleet: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in the order of the objects, whose names are hashes."""
    names = [f"ü{number:03}.png" for number in range(60)]
    lines = {name: arrived(fleet, name) for name in reversed(names)}
    output = tmp_path / "stream.jsonl"
    assert stream("--output", str(output)) == OK
    assert output.read_bytes() == b"".join(lines[name] for name in names)
    assert f"60 of 60 pictures of gs://{INPUT} have a record; failed 0" in capsys.readouterr().out


def test_pictures_without_a_record_are_named_and_replace_no_file(
    fleet: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One was there before; one was replaced; the record of one that was removed is left out."""
    first = arrived(fleet, "a.png", PictureFailure.DAMAGED)
    arrived(fleet, "b.png")
    arrived(fleet, "removed.png")
    fleet.client.bucket(INPUT).blob("removed.png").delete()
    for name in ("b.png", "c.png"):
        fleet.upload(name, b"y")
    output = tmp_path / "stream.jsonl"
    assert stream("--output", str(output)) == UNUSABLE
    error = capsys.readouterr().err
    assert f"2 pictures of gs://{INPUT} without a record, the first: b.png, c.png" in error
    assert not output.exists()
    assert stream("--output", str(output), "--partial") == PARTLY
    assert output.read_bytes() == first
    capsys.readouterr()
    assert stream("--json") == PARTLY
    found = json.loads(capsys.readouterr().out)
    assert found["stream"] == {
        "listed": 3,
        "missing": 2,
        "examples": ["b.png", "c.png"],
        "failed": {"picture_damaged": 1},
        "models": {"b" * 64: 1},
        "scores": {},
        "givenUp": [],
        "deadLettersRemoved": 0,
    }
    assert [each["name"] for each in found["records"]] == ["a.png"]


@pytest.mark.parametrize(
    "edited",
    [
        b"",
        b"[]\n",
        b"not JSON\n",
        b'{"name": "b.png", "generation": "GENERATION", "error": "picture_damaged"}\n',
        b'{"name": "a.png", "generation": "1", "error": "picture_damaged"}\n',
        b'{"name": "a.png", "generation": "GENERATION", "error": "picture_damaged"}',
        b'{"name": "a.png", "generation": "GENERATION", "error": "picture_damaged"}\n{}\n',
        b'{"name": "a.png", "generation": "GENERATION"}\n',
    ],
)
def test_a_record_that_was_edited_is_an_error_that_names_the_object(
    edited: bytes, fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of another picture, of another generation, not whole, or more than one."""
    generation = fleet.upload("a.png", b"x")
    name = jobs.stream_name("a.png", generation)
    fleet.write(name, edited.replace(b"GENERATION", generation.encode()))
    assert stream() == UNUSABLE
    assert f"gs://{RESULT}/{name} is not the record of a.png" in capsys.readouterr().err


def test_pictures_that_were_given_up_are_named_with_the_remedy(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Letters of a picture that has a record by now, was replaced, or was removed are removed."""
    arrived(fleet, "done.png")
    for name in ("given-up.png", "replaced.png", "removed.png", "done.png"):
        generation = fleet.generation(name) or fleet.upload(name, b"x")
        letter = {"bucketId": INPUT, "objectId": name, "objectGeneration": generation}
        fleet.dead_letter({}, eventType="OBJECT_FINALIZE", **letter)
    fleet.upload("replaced.png", b"y")
    fleet.client.bucket(INPUT).blob("removed.png").delete()
    for others in ({"bucketId": "x"}, {"objectGeneration": "x"}, {"objectId": ".."}):
        fleet.dead_letter({}, **{**letter, **others})
    fleet.dead_letter({"job": "20270101-000000-abcdef", "slice": 1})
    assert stream("--json") == PARTLY
    found = json.loads(capsys.readouterr().out)
    assert found["stream"]["givenUp"] == ["given-up.png"]
    assert found["stream"]["deadLettersRemoved"] == 3
    assert f"gcloud storage cp FILE gs://{INPUT}/NAME" in found["notes"][1]
    assert len(queue.dead_letters(fleet.api, DEAD_LETTERS).kept) == 5
    fleet.upload("given-up.png", b"y")
    assert stream("--json") == PARTLY
    found = json.loads(capsys.readouterr().out)
    assert (found["stream"]["givenUp"], found["stream"]["deadLettersRemoved"]) == ([], 1)


def test_a_letter_of_a_generation_that_no_object_has_is_of_no_picture(fleet: Deployed) -> None:
    """As for the worker that gave it back: Cloud Storage refuses a request with 64 bits."""
    letter = {"bucketId": INPUT, "objectId": "a.png", "objectGeneration": f"{2**63}"}
    fleet.dead_letter({}, eventType="OBJECT_FINALIZE", **letter)
    (found,) = queue.dead_letters(fleet.api, DEAD_LETTERS).kept
    assert found.picture == ""


def test_dead_letters_of_a_stream_that_cannot_be_read_are_noted(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The records are shown."""
    arrived(fleet, "a.png")
    del fleet.cloud.subscriptions[DEAD_LETTERS]
    assert stream() == OK
    assert f"The dead letters are not known, {DEAD_LETTERS}: 404" in capsys.readouterr().out


def test_scores_are_called_what_the_model_gave(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logits are no probabilities, and a model that says nothing known gave neither."""
    arrived(fleet, "a.png")
    assert stream() == OK
    out = capsys.readouterr().out
    assert "0.500" in out
    assert "score (" not in out
    arrived(fleet, "b.png", scores="logits")
    arrived(fleet, "c.png", scores="\x1b[31m")
    assert stream() == OK
    out = capsys.readouterr().out
    assert "score (not known and logits and" in out
    assert "0.500" not in out


def test_records_of_several_models_are_noted(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stack that takes another model does not do the pictures before it again."""
    for name in ("a.png", "b.png"):
        arrived(fleet, name)
    assert stream("--json") == OK
    assert json.loads(capsys.readouterr().out)["notes"] == []
    arrived(fleet, "c.png", PictureFailure.DAMAGED, model_sha256="c" * 64)
    arrived(fleet, "d.png", model_sha256="x")
    assert stream("--json") == PARTLY
    found = json.loads(capsys.readouterr().out)
    assert found["stream"]["models"] == {"b" * 64: 2, "c" * 64: 1, "": 1}
    assert found["notes"][0].startswith(
        "These records are of 3 models: bbbbbbbbbbbb (2 pictures), cccccccccccc (1 picture), not"
        " known (1 picture). To have all of one model, submit a job: "
    )


def test_a_record_that_is_compressed_is_not_decompressed(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says so."""
    arrived(fleet, "a.png")
    (name,) = fleet.names()
    fleet.compress(name)
    assert stream() == UNUSABLE
    assert "it has the contentEncoding gzip, expected none" in capsys.readouterr().err


def test_a_stream_without_records_has_nothing_to_show(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that makes records of what was there before is named."""
    fleet.upload("a.png", b"x")
    assert stream() == UNUSABLE
    out = " ".join(capsys.readouterr().out.split())
    assert "Those that were there before the stream need a job:" in out


def test_more_records_than_fit_into_memory_go_to_a_file(
    fleet: Deployed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says so."""
    for module in (collected, stream_records):
        monkeypatch.setattr(module, "MOST", 2)
    lines = [arrived(fleet, f"{number}.png") for number in range(3)]
    assert stream() == UNUSABLE
    assert "got a stream without --output for 3 pictures, expected 2 at" in capsys.readouterr().err
    page = ["--html", str(tmp_path / "page.html")]
    assert stream("--output", str(tmp_path / "x"), *page) == UNUSABLE
    assert "got --html for 3 pictures, expected 2 at most" in capsys.readouterr().err
    assert stream("--output", str(tmp_path / "x")) == OK
    assert (tmp_path / "x").read_bytes() == b"".join(lines)


def test_a_result_bucket_by_its_name_needs_the_name_of_the_other(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records are found by the names of pictures."""
    arrived(fleet, "a.png")
    uri = ["--uri", f"gs://{RESULT}"]
    assert stream(*uri) == UNUSABLE
    assert "Name it: --pictures gs://BUCKET" in capsys.readouterr().err
    assert stream(*uri, "--pictures", f"gs://{INPUT}") == OK


def test_an_input_bucket_that_cannot_be_listed_is_an_error(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """With Google's sentence."""
    del fleet.cloud.buckets[INPUT]
    assert stream() == UNUSABLE
    assert "the input bucket could not be listed, so no picture's record is known: 404" in (
        capsys.readouterr().err
    )


def test_progress_is_shown_of_a_large_stream(
    fleet: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many pictures each."""
    monkeypatch.setattr(stream_records, "EACH", 2)
    for number in range(3):
        arrived(fleet, f"{number}.png")
    assert stream() == OK
    assert "asked for 2 records\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fleet_outputs", "said", "not_said"),
    [
        ({"stream": True}, "New ones get theirs soon.", "None of them gets one"),
        ({"stream": False}, "because the stack classifies no pictures as they arrive", "soon"),
        ({}, "It is not known whether the stack has a stream.", "None of them gets one"),
        (None, "because the stack has no fleet. Deploy one: pulumi config rm run", "submit"),
    ],
)
def test_a_record_is_promised_by_a_stream_only(
    fleet_outputs: dict[str, bool] | None,
    said: str,
    not_said: str,
    fleet: Deployed,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fleet has none by default, and older versions of the program did not export it."""
    fleet.upload("a.png", b"x")
    table = None if fleet_outputs is None else EXPORTED["fleet"] | fleet_outputs
    monkeypatch.setattr(results, "outputs", lambda *_: EXPORTED | {"fleet": table})
    assert stream() == UNUSABLE
    out = " ".join(capsys.readouterr().out.split())
    assert said in out
    assert not_said not in out


def test_partial_records_of_a_stream_without_any_replace_no_file(
    fleet: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor those of a bucket without pictures."""
    output = tmp_path / "stream.jsonl"
    output.write_text("before")
    assert stream("--output", str(output), "--partial") == UNUSABLE
    assert f"gs://{INPUT} holds no pictures. Nothing was written\n" in capsys.readouterr().err
    fleet.upload("a.png", b"x")
    assert stream("--output", str(output), "--partial") == UNUSABLE
    assert output.read_text() == "before"


def test_letters_that_cannot_be_judged_are_noted(
    fleet: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloud Storage refuses, after every record was read: these are shown."""
    arrived(fleet, "a.png")
    letter = {"bucketId": INPUT, "objectId": "a.png", "objectGeneration": "1"}
    fleet.dead_letter({}, eventType="OBJECT_FINALIZE", **letter)

    def refused(*_: object, **__: object) -> bool:
        raise Forbidden("no")  # type: ignore[no-untyped-call]  # untyped

    monkeypatch.setattr(Blob, "exists", refused)
    assert stream() == OK
    assert f"The dead letters are not known, {DEAD_LETTERS}: 403 no" in capsys.readouterr().out


def test_more_letters_than_are_looked_at_are_noted(
    fleet: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other pictures may be given up as well."""
    arrived(fleet, "a.png")
    fleet.dead_letter({}, [])
    monkeypatch.setattr(queue, "MOST_DEAD_LETTERS", 2)
    assert stream() == OK
    assert f"{DEAD_LETTERS} has 2 dead letters or more" in capsys.readouterr().out
