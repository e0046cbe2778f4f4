"""`python -m ops results` against the local cloud: what it waits for, and when it stops."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from ops import results
from ops.cli import BROKEN, OK, PARTLY, UNUSABLE, main
from ops.commands import EXPLAIN
from ops.machine import Machine
from ops.picture_causes import cause_of_picture
from ops.records import ResultsError
from ops.results import EndedError, Where
from rehearsal.cloud.state import Cloud, Instance
from workload.errors import Detail

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.storage import Bucket, Client

OPERATOR = "user:deployer@secundus.example"
PROJECT, ZONE, NAME = "secundus-vision", "us-west1-b", "workload-vm"
MACHINE = Machine(project=PROJECT, zone=ZONE, name=NAME)
KEY = f"projects/{PROJECT}/zones/{ZONE}/instances/{NAME}"
LATER = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
CRACK: dict[str, Any] = {
    "name": "a.png",
    "generation": "1",
    "label": "crack",
    "topK": [{"classIndex": 1, "label": "crack", "probability": 0.98}],
}
DAMAGED = {"name": "b.png", "generation": "2", "error": "picture_damaged"}


@pytest.fixture
def bucket(
    cloud: Cloud, storage_as: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> Bucket:
    """The result bucket, as its owner sees it, who is also who runs the command."""
    project = cloud.projects[PROJECT]
    project.services.update({"compute.googleapis.com", "storage.googleapis.com"})
    project.policy.bindings = [
        {"role": role, "members": [OPERATOR]}
        for role in ("roles/storage.admin", "roles/compute.instanceAdmin.v1")
    ]
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(OPERATOR))
    owner = storage_as(OPERATOR)
    for name in ("input-bucket", "result-bucket"):
        owner.create_bucket(name, project=PROJECT, location="us-west1")
    return owner.bucket("result-bucket")


def machine(cloud: Cloud, status: str) -> None:
    """A machine with this status."""
    cloud.instances[KEY] = Instance("4711", PROJECT, ZONE, NAME, {"status": status, "disks": []})


def left(
    bucket: Bucket, *records: dict[str, Any], text: str = "Image: a.png, Response: {}\n"
) -> None:
    """What a run leaves, the text last."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    bucket.blob("results.jsonl").upload_from_string(lines)
    bucket.blob("result").upload_from_string(text)


def fetched(where: Where, wait: float = 0) -> tuple[Any, list[str]]:
    """The run, and what was told while it was waited for."""
    told: list[str] = []
    return results.fetch(where, wait, told.append), told


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("status", ["TERMINATED", "STOPPED", "SUSPENDED"])
def test_a_machine_that_is_off_is_not_waited_for(cloud: Cloud, status: str) -> None:
    """Of 600 s none is spent: the command says what is off, and what to type next."""
    machine(cloud, status)
    with pytest.raises(EndedError) as caught:
        fetched(Where("result-bucket", machine=MACHINE), 600)
    told = str(caught.value)
    assert f"no object `result` of this run, and the machine workload-vm is off ({status})" in told
    assert 'jsonPayload._HOSTNAME="workload-vm"' in told
    assert "--project secundus-vision --format=json > launcher.json && " in told
    assert told.endswith(f"&& {EXPLAIN}")


@pytest.mark.usefixtures("bucket")
def test_a_machine_that_is_not_there_is_not_waited_for() -> None:
    """It has to be deployed first."""
    with pytest.raises(EndedError, match=r"there is no machine workload-vm\. Deploy it: pulumi up"):
        fetched(Where("result-bucket", machine=MACHINE), 600)


def test_an_earlier_runs_result_is_not_this_runs(bucket: Bucket, cloud: Cloud) -> None:
    """A machine that ended without one left what was there before."""
    machine(cloud, "TERMINATED")
    left(bucket, CRACK)
    with pytest.raises(EndedError, match="holds an earlier run's `result`, and none of this run"):
        fetched(Where("result-bucket", LATER, MACHINE), 600)


@pytest.mark.usefixtures("bucket")
def test_a_machine_that_works_is_waited_for_and_said_to_work(cloud: Cloud) -> None:
    """What is waited for is told at once, the machine's status whenever it changes."""
    machine(cloud, "RUNNING")
    told: list[str] = []
    with pytest.raises(
        ResultsError, match=r"the machine workload-vm is RUNNING\. Wait longer"
    ) as one:
        results.fetch(Where("result-bucket", machine=MACHINE), 0, told.append)
    assert not isinstance(one.value, EndedError)
    assert told == [
        "waiting at most 0 s for gs://result-bucket/result",
        "machine workload-vm: RUNNING",
    ]


def test_the_last_thing_that_a_machine_wrote_is_seen(
    bucket: Bucket, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends right after the bucket was looked at and before it was asked after."""
    machine(cloud, "TERMINATED")
    ask = Machine.state

    def late(self: Machine, credentials: Any) -> str:
        left(bucket, CRACK)
        return ask(self, credentials)

    monkeypatch.setattr(Machine, "state", late)
    run, told = fetched(Where("result-bucket", machine=MACHINE), 600)
    assert run.records == (CRACK,)
    assert told[-1] == "machine workload-vm: TERMINATED"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda cloud: cloud.projects[PROJECT].policy.bindings.pop(), r"not known \(403 "),
        (lambda cloud: cloud.instances[KEY].doc.update(status="\x1b[31m"), r"\\x1b\[31m"),
        (lambda cloud: cloud.instances[KEY].doc.pop("status"), r"not known \('status'\)"),
    ],
    ids=["no permission", "hostile", "nothing"],
)
def test_a_machine_that_cannot_be_asked_after_ends_no_waiting(
    cloud: Cloud, spoil: Callable[[Cloud], Any], status: str
) -> None:
    """Whoever may read the bucket need not be allowed to see the machine."""
    machine(cloud, "RUNNING")
    spoil(cloud)
    with pytest.raises(ResultsError, match=f"the machine workload-vm is {status}"):
        fetched(Where("result-bucket", machine=MACHINE))


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_said_at_once() -> None:
    """Asking for an object in it looks as if the object alone were missing."""
    with pytest.raises(ResultsError, match="gs://none does not exist or is not yours to see"):
        fetched(Where("none"), 600)


def test_where_there_is_only_a_result_it_is_shown(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Google's published example leaves nothing else; its bucket does exist."""
    text = (
        "Image: a.png, Response: {'predicted_class': 1}\nImage: b.png, Response: {'error': 'x[/]'}"
    )
    bucket.blob("result").upload_from_string(text)
    assert main(["results", "--uri", "gs://result-bucket"]) == PARTLY
    printed = capsys.readouterr().out
    assert printed.startswith(text)
    assert "another workload wrote its own message" in printed
    assert "note: There is no results.jsonl" in printed


def test_the_published_examples_refusal_is_shown_with_its_cure(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next step is a command, and not another command that says to come back here."""
    refused = f"('Error code unauthorized_client: {Detail.CONDITION}', '{{}}')"
    bucket.blob("result").upload_from_string(f"Error: {refused}")
    assert main(["results", "--uri", "gs://result-bucket"]) == BROKEN
    printed = capsys.readouterr().out
    assert f"The run failed: {refused}" in printed
    assert "fix: gcloud logging read" in printed


def test_codes_are_shown_with_what_they_mean(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose mistake it is and what helps stand below the table; the exit code is not 0."""
    left(bucket, CRACK, DAMAGED)
    assert main(["results", "--uri", "gs://result-bucket"]) == PARTLY
    printed = capsys.readouterr().out
    meant = cause_of_picture("picture_damaged")
    assert meant.when[:40] in printed
    assert f"mistake of: {meant.mistake_of}" in printed
    assert f"fix: {meant.fix[:30]}" in printed


def test_a_run_whose_pictures_were_all_classified_is_well(bucket: Bucket) -> None:
    """Then, and only then, the exit code is 0."""
    left(bucket, CRACK)
    assert main(["results", "--uri", "gs://result-bucket"]) == OK


def test_a_run_that_failed_says_what_helps(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to look the code up."""
    left(bucket, text="Error: no_pictures: The input bucket holds no pictures.\n")
    assert main(["results", "--uri", "gs://result-bucket"]) == BROKEN
    assert "fix: put pictures into the input bucket, and run it again" in capsys.readouterr().out


def test_nothing_to_show_has_an_exit_code_of_its_own(bucket: Bucket) -> None:
    """Neither a failed run nor one with failed pictures."""
    assert bucket.name
    assert main(["results", "--uri", "gs://result-bucket", "--wait", "0"]) == UNUSABLE


def test_an_object_that_was_edited_is_told_and_not_a_traceback(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not even where it is no text."""
    bucket.blob("results.jsonl").upload_from_string(b"\xff\xfe")
    bucket.blob("result").upload_from_string("Image: x\n")
    assert main(["results", "--uri", "gs://result-bucket"]) == UNUSABLE
    assert "results.jsonl: line 1 is not JSON" in capsys.readouterr().err


def picture(bucket: Bucket, name: str) -> dict[str, Any]:
    """A picture in the input bucket, and the record of it."""
    blob = bucket.client.bucket("input-bucket").blob(name)
    blob.upload_from_string(b"x")
    return CRACK | {"name": name, "generation": str(blob.generation)}


def test_results_of_what_the_bucket_holds_need_no_note(bucket: Bucket) -> None:
    """Every picture is told of, in the generation that is there; a place-holder is no picture."""
    left(bucket, picture(bucket, "a.png"), picture(bucket, "b.png"))
    bucket.client.bucket("input-bucket").blob("folder/").upload_from_string(b"")
    run, told = fetched(Where("result-bucket", pictures="input-bucket"))
    assert (run.notes, told) == ((), [])


def test_results_of_other_pictures_than_are_there_say_so(bucket: Bucket) -> None:
    """One was added, one replaced, one deleted since the run."""
    kept, replaced, gone = (picture(bucket, f"{name}.png") for name in "abc")
    left(bucket, kept, replaced, gone)
    picture(bucket, "b.png")
    picture(bucket, "d.png")
    bucket.client.bucket("input-bucket").blob("c.png").delete()
    run, _ = fetched(Where("result-bucket", pictures="input-bucket"))
    (note,) = run.notes
    assert (
        "gs://input-bucket holds other pictures than these results: 2 objects have no record,"
        " 2 records are of objects that were changed or removed." in note
    )
    assert note.endswith("&& pulumi up --stack secundus")


def test_an_input_bucket_that_cannot_be_listed_is_said(bucket: Bucket) -> None:
    """The results are shown all the same."""
    left(bucket, CRACK)
    run, _ = fetched(Where("result-bucket", pictures="none"))
    assert run.notes[0].startswith(
        "Could not check whether gs://none holds other pictures now: 404"
    )


def test_results_that_come_while_they_are_waited_for_are_shown(
    cloud: Cloud, bucket: Bucket
) -> None:
    """The machine still tidies up by then."""
    machine(cloud, "RUNNING")
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        left(bucket, CRACK)

    run = results.fetch(Where("result-bucket", machine=MACHINE), 60, tell)
    assert run.records == (CRACK,)
