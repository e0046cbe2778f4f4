"""`confidential-inference results` against the local cloud: how long it waits, what it prints."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from ops import results
from ops.cli import main
from ops.commands import EXPLAIN
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.machine import Machine
from ops.picture_causes import cause_of_picture
from ops.progress import Parts
from ops.records import ResultsError
from ops.results import EndedError, Where
from rehearsal.cloud.state import Cloud, Instance, StoredObject
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
    "topK": [{"classIndex": 1, "label": "crack", "score": 0.98}],
}
DAMAGED = {"name": "b.png", "generation": "2", "error": "picture_damaged"}


@pytest.fixture
def bucket(
    cloud: Cloud, storage_as: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> Bucket:
    """The result bucket; its owner runs the command."""
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


def leave(
    bucket: Bucket, *records: dict[str, Any], text: str = "Image: a.png, Response: {}\n"
) -> None:
    """Write a run's objects, `result` last."""
    lines = "".join(json.dumps(record) + "\n" for record in records)
    bucket.blob("results.jsonl").upload_from_string(lines)
    bucket.blob("result").upload_from_string(text)


def fetched(where: Where, wait: float = 0) -> tuple[Any, list[str]]:
    """The run, and the progress that was shown."""
    progress: list[str] = []
    return results.fetch(where, wait, progress.append), progress


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("status", ["TERMINATED", "STOPPED", "SUSPENDED"])
def test_the_command_does_not_wait_if_the_machine_is_off(cloud: Cloud, status: str) -> None:
    """The error names the state and the command that explains it."""
    machine(cloud, status)
    with pytest.raises(EndedError) as caught:
        fetched(Where("result-bucket", machine=MACHINE), 600)
    error = str(caught.value)
    assert f"no object `result` of this run, and the machine workload-vm is off ({status})" in error
    assert 'jsonPayload._HOSTNAME="workload-vm"' in error
    assert "--project secundus-vision --format=json > launcher.json && " in error
    assert error.endswith(f"&& {EXPLAIN}")


@pytest.mark.usefixtures("bucket")
def test_the_command_does_not_wait_if_there_is_no_machine() -> None:
    """The error says how to deploy it."""
    with pytest.raises(EndedError, match=r"there is no machine workload-vm\. Deploy it: pulumi up"):
        fetched(Where("result-bucket", machine=MACHINE), 600)


def test_the_result_of_an_earlier_run_is_not_shown(bucket: Bucket, cloud: Cloud) -> None:
    """The machine went off and left no new one."""
    machine(cloud, "TERMINATED")
    leave(bucket, CRACK)
    with pytest.raises(EndedError, match="holds an earlier run's `result`, and none of this run"):
        fetched(Where("result-bucket", LATER, MACHINE), 600)


@pytest.mark.usefixtures("bucket")
def test_the_command_waits_while_the_machine_works(cloud: Cloud) -> None:
    """It shows what it waits for, and each change of the machine's status."""
    machine(cloud, "RUNNING")
    progress: list[str] = []
    with pytest.raises(
        ResultsError, match=r"the machine workload-vm is RUNNING\. Wait longer"
    ) as one:
        results.fetch(Where("result-bucket", machine=MACHINE), 0, progress.append)
    assert not isinstance(one.value, EndedError)
    assert progress == [
        "waiting at most 0 s for gs://result-bucket/result",
        "machine workload-vm: RUNNING",
    ]


def test_a_result_written_just_before_the_machine_went_off_is_shown(
    bucket: Bucket, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine writes it after the last look at the bucket."""
    machine(cloud, "TERMINATED")
    state = Machine.state

    def late(self: Machine, credentials: Any) -> str:
        leave(bucket, CRACK)
        return state(self, credentials)

    monkeypatch.setattr(Machine, "state", late)
    run, progress = fetched(Where("result-bucket", machine=MACHINE), 600)
    assert run.records == (CRACK,)
    assert progress[-1] == "machine workload-vm: TERMINATED"


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda cloud: cloud.projects[PROJECT].policy.bindings.pop(), r"not known \(403 "),
        (lambda cloud: cloud.instances[KEY].doc.update(status="\x1b[31m"), r"\\x1b\[31m"),
        (
            lambda cloud: cloud.instances[KEY].doc.pop("status"),
            r"not known \(the answer has no status\)",
        ),
    ],
    ids=["no permission", "hostile", "nothing"],
)
def test_the_command_waits_if_the_status_of_the_machine_is_not_known(
    cloud: Cloud, spoil: Callable[[Cloud], Any], status: str
) -> None:
    """Whoever may read the bucket may have no permission to see the machine."""
    machine(cloud, "RUNNING")
    spoil(cloud)
    with pytest.raises(ResultsError, match=f"the machine workload-vm is {status}"):
        fetched(Where("result-bucket", machine=MACHINE))


@pytest.mark.usefixtures("bucket")
def test_the_command_does_not_wait_for_a_missing_bucket() -> None:
    """A request for an object in it does not distinguish the two."""
    with pytest.raises(ResultsError, match="gs://none does not exist or is not yours to see"):
        fetched(Where("none"), 600)


def test_a_result_object_alone_is_shown_unchanged(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Google's published example leaves no other object."""
    text = (
        "Image: a.png, Response: {'predicted_class': 1}\nImage: b.png, Response: {'error': 'x[/]'}"
    )
    bucket.blob("result").upload_from_string(text)
    assert main(["results", "--uri", "gs://result-bucket"]) == PARTLY
    printed = capsys.readouterr().out
    assert printed.startswith(text)
    assert "another workload wrote its own message" in printed
    assert "note: There is no results.jsonl" in printed


def test_a_refusal_of_the_published_example_is_shown_with_its_fix(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fix is a command that does not lead back here."""
    refused = f"('Error code unauthorized_client: {Detail.CONDITION}', '{{}}')"
    bucket.blob("result").upload_from_string(f"Error: {refused}")
    assert main(["results", "--uri", "gs://result-bucket"]) == BROKEN
    printed = capsys.readouterr().out
    assert f"The run failed: {refused}" in printed
    assert "fix: gcloud logging read" in printed


def test_the_code_of_a_picture_is_shown_with_its_cause(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose mistake it is and the fix are below the table; the exit code is 3."""
    leave(bucket, CRACK, DAMAGED)
    assert main(["results", "--uri", "gs://result-bucket"]) == PARTLY
    printed = capsys.readouterr().out
    cause = cause_of_picture("picture_damaged")
    assert cause.when[:40] in printed
    assert f"mistake of: {cause.mistake_of}" in printed
    assert f"fix: {cause.fix[:30]}" in printed


def test_a_run_that_classified_every_picture_has_exit_code_0(bucket: Bucket) -> None:
    """No other run has."""
    leave(bucket, CRACK)
    assert main(["results", "--uri", "gs://result-bucket"]) == OK


def test_a_failed_run_is_shown_with_its_fix(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1."""
    leave(bucket, text="Error: no_pictures: The input bucket holds no pictures.\n")
    assert main(["results", "--uri", "gs://result-bucket"]) == BROKEN
    assert "fix: put pictures into the input bucket, and run it again" in capsys.readouterr().out


def test_no_results_have_exit_code_2(bucket: Bucket) -> None:
    """Neither a failed run nor failed pictures."""
    assert bucket.name
    assert main(["results", "--uri", "gs://result-bucket", "--wait", "0"]) == UNUSABLE


def test_an_object_that_is_not_text_is_an_error(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no traceback."""
    bucket.blob("results.jsonl").upload_from_string(b"\xff\xfe")
    bucket.blob("result").upload_from_string("Image: x\n")
    assert main(["results", "--uri", "gs://result-bucket"]) == UNUSABLE
    assert "results.jsonl: line 1 is not JSON" in capsys.readouterr().err


def picture(bucket: Bucket, name: str) -> dict[str, Any]:
    """Put a picture into the input bucket; its record."""
    blob = bucket.client.bucket("input-bucket").blob(name)
    blob.upload_from_string(b"x")
    return CRACK | {"name": name, "generation": str(blob.generation)}


def test_results_of_the_present_pictures_have_no_note(bucket: Bucket) -> None:
    """Every picture has a record of its generation; a place-holder of a folder is not a picture."""
    leave(bucket, picture(bucket, "a.png"), picture(bucket, "b.png"))
    bucket.client.bucket("input-bucket").blob("folder/").upload_from_string(b"")
    run, progress = fetched(Where("result-bucket", pictures="input-bucket"))
    assert (run.notes, progress) == ((), [])


def test_results_of_other_pictures_have_a_note(bucket: Bucket) -> None:
    """One was added, one replaced, one deleted since the run."""
    unchanged, replaced, deleted = (picture(bucket, f"{name}.png") for name in "abc")
    leave(bucket, unchanged, replaced, deleted)
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


def test_an_input_bucket_that_cannot_be_listed_gives_a_note(bucket: Bucket) -> None:
    """The results are shown."""
    leave(bucket, CRACK)
    run, _ = fetched(Where("result-bucket", pictures="none"))
    assert run.notes[0].startswith(
        "Could not check whether gs://none holds other pictures now: 404"
    )


def test_results_that_arrive_during_the_wait_are_shown(cloud: Cloud, bucket: Bucket) -> None:
    """The machine is still on."""
    machine(cloud, "RUNNING")
    progress: list[str] = []

    def show_progress(text: str) -> None:
        progress.append(text)
        leave(bucket, CRACK)

    run = results.fetch(Where("result-bucket", machine=MACHINE), 60, show_progress)
    assert run.records == (CRACK,)


@pytest.mark.parametrize(
    ("parts", "pictures", "said"),
    [
        (0, 3, ""),
        (1, 3, "3 of 3 pictures"),
        (1, 700, "512 of 700 pictures"),
        (3, 5000, "1,536 of 5,000 pictures, 51.2/s, about 68 s more"),
        (3, 50_000, "1,536 of 50,000 pictures, 51.2/s, about 16 min more"),
    ],
    ids=["none", "a small run", "the first part", "seconds", "minutes"],
)
def test_progress_says_how_many_pictures_are_done(
    bucket: Bucket, cloud: Cloud, parts: int, pictures: int, said: str
) -> None:
    """By the parts that the run has written; the rate by the cloud's own clock."""
    stored = cloud.buckets["input-bucket"].objects
    bucket.client.bucket("input-bucket").blob("0.png").upload_from_string("x")
    for number in range(1, pictures):
        meta = {**stored["0.png"].meta, "name": f"{number}.png"}
        stored[f"{number}.png"] = StoredObject(meta, b"x")
    for number in range(parts):
        bucket.blob(f"parts/{number:05}.jsonl").upload_from_string("x")
        part = cloud.buckets["result-bucket"].objects[f"parts/{number:05}.jsonl"]
        part.meta["updated"] = f"2026-11-27T20:00:{10 * number:02}.000Z"
    progress = Parts(bucket, "input-bucket", None)
    assert progress.progress() == said
    assert progress.progress() == "", "no news"


def test_progress_that_cannot_be_read_is_not_shown(bucket: Bucket, cloud: Cloud) -> None:
    """Nor is the number of pictures where the input bucket is not known."""
    bucket.blob("parts/00000.jsonl").upload_from_string("x")
    assert Parts(bucket, None, None).progress() == "512 pictures"
    assert Parts(bucket, "somebody-elses", None).progress() == ""
    del cloud.buckets["result-bucket"]
    assert Parts(bucket, None, None).progress() == ""


def test_results_of_another_image_than_the_deployed_one_are_noted(bucket: Bucket) -> None:
    """Another machine writes here, or the last update did not end."""
    bucket.blob("summary.json").upload_from_string(json.dumps(SUMMARY))
    leave(bucket, CRACK)
    run, _ = fetched(Where("result-bucket", image=f"x/y/z/workload@sha256:{'b' * 64}"))
    assert "another machine writes to this bucket" in run.notes[0]
    run, _ = fetched(Where("result-bucket", image=f"x/y/z/workload@sha256:{'a' * 64}"))
    assert run.notes == ()


SUMMARY = {
    "classified": 1,
    "failed": {},
    "continued": 0,
    "modelSha256": "a",
    "engine": "litert",
    "scores": "raw",
    "imageDigest": f"sha256:{'a' * 64}",
    "started": "x",
    "finished": "x",
    "picturesPerSecond": 1.0,
}


def forget(bucket: Bucket) -> None:
    """Delete what a run before left, whatever its generation is."""
    for name in ("result", "summary.json"):
        if bucket.blob(name).exists():
            bucket.blob(name).delete()


def leave_run(bucket: Bucket, name: str) -> None:
    """A run, as the workload writes it: what was there is deleted first."""
    forget(bucket)
    bucket.blob("results.jsonl").upload_from_string("")
    bucket.blob("parts/00000.jsonl").upload_from_string(name)
    bucket.blob("summary.json").upload_from_string(json.dumps({**SUMMARY, "engine": name}))
    leave(bucket, {**CRACK, "name": f"{name}.png"})
    bucket.blob("parts/00000.jsonl").delete()


@pytest.fixture
def versioned(bucket: Bucket) -> Bucket:
    """Two runs, then one that failed, in a bucket that keeps what is overwritten."""
    bucket.versioning_enabled = True
    bucket.patch()
    for name in ("first", "second"):
        leave_run(bucket, name)
    forget(bucket)
    bucket.blob("results.jsonl").upload_from_string('{"error": "model_not_readable"}\n')
    bucket.blob("result").upload_from_string("Error: model_not_readable: it cannot be read")
    return bucket


def test_former_runs_are_listed_the_newest_first(
    versioned: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that failed is one, too."""
    uri = ["--uri", f"gs://{versioned.name}"]
    assert main(["results", *uri, "--list"]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["1", "2", "3"]
    assert lines[0].endswith("Error: model_not_readable: it cannot be read")
    assert lines[1].endswith("UTC  results")
    assert main(["results", *uri, "--list", "--json"]) == OK
    assert [each["number"] for each in json.loads(capsys.readouterr().out)] == [1, 2, 3]


@pytest.mark.parametrize(("number", "name"), [(2, "second"), (3, "first")])
def test_a_former_run_is_shown_with_its_own_records_and_summary(
    versioned: Bucket, number: int, name: str
) -> None:
    """None of another run, although all have the same names."""
    run = results.former(Where(versioned.name), number)
    assert [record["name"] for record in run.records] == [f"{name}.png"]
    assert (run.summary or {})["engine"] == name
    assert run.failure is None


def test_a_former_run_that_failed_has_no_summary_of_the_run_before(versioned: Bucket) -> None:
    """It left none."""
    run = results.former(Where(versioned.name), 1)
    assert run.failure == "model_not_readable: it cannot be read"
    assert run.summary is None


def test_a_run_that_is_not_kept_is_an_error_with_the_way_to_keep_the_next(
    bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without versions, there is the newest run alone."""
    for name in ("first", "second"):
        leave_run(bucket, name)
    assert main(["results", "--uri", f"gs://{bucket.name}", "--run", "2"]) == UNUSABLE
    assert "has 1 runs, and none with the number 2" in capsys.readouterr().err
    assert main(["results", "--uri", f"gs://{bucket.name}", "--run", "1"]) == OK
    assert "second.png" in capsys.readouterr().out
    for each in ("result", "results.jsonl", "summary.json"):
        bucket.blob(each).delete()
    assert main(["results", "--uri", f"gs://{bucket.name}", "--list"]) == OK
    assert capsys.readouterr().out == "There is none.\n"
