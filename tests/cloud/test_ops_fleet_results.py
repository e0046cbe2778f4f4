"""`confidential-inference results` of a fleet's job, against the local cloud."""

from __future__ import annotations

import json
import re
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from ops.cli import main
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.fleet import (
    causes,
    collected,
    job_object,
    job_results,
    job_state,
    merging,
    queue,
    request,
    waiting,
)
from ops.fleet.stored import first_bytes
from tests.cloud.fleet import DEAD_LETTERS, INPUT, RESULT
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from google.cloud.storage import Blob

    from ops.records import Run
    from tests.cloud.fleet import Deployed

PICTURES = 1200
EARLIER = "2020-01-01T00:00:00.000Z"


@pytest.fixture
def job(fleet: Deployed) -> jobs.Job:
    """A job of three slices."""
    return fleet.submitted(PICTURES)


def results(*options: str, wait: int = 0) -> int:
    """Run the command; returns its exit code."""
    return main(["results", "--wait", str(wait), *options])


def data(capsys: pytest.CaptureFixture[str], code: int, *options: str) -> dict[str, Any]:
    """What the command prints as data."""
    assert results("--json", *options) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def observer_of(fleet: Deployed, job: jobs.Job) -> job_state.Observer:
    """Who looks at the job, without its dead letters."""
    bucket = fleet.client.bucket(RESULT)
    return job_state.Observer(bucket, job, job_object.read(bucket, job.head.job).created)


def test_the_merged_records_are_those_of_one_machine(
    fleet: Deployed, job: jobs.Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Byte for byte, in the order of slices, whatever the order in which they were written."""
    written = {number: fleet.work(job, number) for number in (2, 0, 1)}
    output = tmp_path / "results.jsonl"
    assert results("--output", str(output)) == OK
    assert output.read_bytes() == written[0] + written[1] + written[2]
    said = capsys.readouterr()
    assert f"job {job.head.job}: the newest of --list" in said.err
    assert f"wrote {output}: {PICTURES} records" in said.err
    assert "classified 1200, failed 0" in said.out


def test_failed_pictures_are_counted_by_code(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are explained as those of one machine."""
    for number in range(3):
        fleet.work(job, number, "0003.png", "1100.png")
    assert results("--job", job.head.job) == PARTLY
    out = capsys.readouterr().out
    assert "classified 1198, failed 2 (picture_damaged 2)" in out
    assert "it cannot be decoded" in out


def test_each_machine_has_its_rate(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """From its first slice's start to its last one's end."""
    for number in range(3):
        fleet.work(job, number)
    found = data(capsys, OK)
    machines = {each["machine"]: each for each in found["job"]["machines"]}
    even, odd = machines["workload-vm-0"], machines["workload-vm-1"]
    assert (even["slices"], even["pictures"]) == (2, 512 + 176)
    assert even["picturesPerSecond"] == round((512 + 176) / 28, 1)
    assert odd["picturesPerSecond"] == round(512 / 8, 1)
    assert found["summary"]["picturesPerSecond"] == round(PICTURES / 28, 1)
    assert len(found["records"]) == PICTURES


def test_an_incomplete_job_replaces_no_file(
    fleet: Deployed, job: jobs.Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless it is asked to."""
    first, last = fleet.work(job, 0), fleet.work(job, 2)
    output = tmp_path / "results.jsonl"
    output.write_text("before")
    assert results("--output", str(output)) == UNUSABLE
    assert "has no records for 1 slice of 3 (1). Nothing was written." in capsys.readouterr().err
    assert output.read_text() == "before"
    assert results("--output", str(output), "--partial") == PARTLY
    assert output.read_bytes() == first + last
    assert [each.name for each in tmp_path.iterdir()] == ["results.jsonl"]


def test_missing_slices_have_their_causes_and_the_command_that_publishes_them_again(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cause of a slice that was done later is not shown."""
    fleet.work(job, 0)
    fleet.cause(jobs.cause_name(job.head.job, 0), "run_crashed", "not shown")
    fleet.cause(jobs.cause_name(job.head.job, 2), "input_changed", "It changed.")
    fleet.dead_letter({"job": job.head.job, "slice": 2}, {"job": job.head.job, "slice": 0})
    found = data(capsys, PARTLY)["job"]
    assert (found["missing"], found["deadLetters"]) == ([1, 2], [2])
    assert [(each["error"], each["number"]) for each in found["causes"]] == [("input_changed", 2)]
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert "2 slices without records: 1 given up (dead letters), 1 waiting, at work" in out
    assert out.rstrip().endswith(f"submit --stack secundus --missing {job.head.job}")


def test_dead_letters_are_given_back_at_once(fleet: Deployed, job: jobs.Job) -> None:
    """Somebody else sees them as well."""
    fleet.dead_letter({"job": job.head.job, "slice": 2}, {}, [], objectId="a.png")
    results()
    entries = fleet.cloud.subscriptions[DEAD_LETTERS].backlog._entries.values()
    assert len(entries) == 3
    assert all(each.deadline <= fleet.cloud.now() for each in entries)


def test_dead_letters_that_cannot_be_read_are_noted(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is shown."""
    del fleet.cloud.subscriptions[DEAD_LETTERS]
    fleet.work(job, 0)
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert f"note: The dead letters are not known, {DEAD_LETTERS}: 404" in out
    assert "how many of them were given up (dead letters) is not known" in out


def test_a_slice_that_somebody_published_again_is_not_given_up_any_more(
    fleet: Deployed, job: jobs.Job
) -> None:
    """A wait goes on. One look may miss a letter, because Pub/Sub can leave some out."""
    for number in (0, 2):
        fleet.work(job, number)
    fleet.dead_letter({"job": job.head.job, "slice": 1})
    observer = observer_of(fleet, job)
    observer.api, observer.dead_letters = fleet.api, DEAD_LETTERS
    assert observer.look().ended
    assert main(["submit", "--missing", "last"]) == OK
    assert [observer.look().ended for _ in range(3)] == [True, False, False]
    fleet.dead_letter({"job": job.head.job, "slice": 1})
    assert observer.look().ended


def test_a_job_of_which_every_slice_was_given_up_has_failed(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody waits for it."""
    fleet.dead_letter(*({"job": job.head.job, "slice": number} for number in range(3)))
    assert results(wait=600) == BROKEN
    assert "3 slices without records: 3 given up" in capsys.readouterr().out


def test_a_job_without_any_records_yet_has_nothing_to_show(
    job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how far it is."""
    assert results() == UNUSABLE
    said = capsys.readouterr()
    assert "0 of 3 slices, 0 of 1200 pictures" in said.err
    assert job.head.job in said.out


def test_machines_that_failed_since_are_named_with_the_cause_and_the_fix(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that failed before the job are not."""
    fleet.cause("workers/old.json", "run_crashed", "before", machine="old")
    fleet.cloud.buckets[RESULT].objects["workers/old.json"].meta["updated"] = EARLIER
    sentence = "The model's owner did not release it to this workload."
    fleet.cause("workers/workload-vm-9.json", "release_refused", sentence)
    fleet.work(job, 0)
    assert results() == PARTLY
    said = capsys.readouterr()
    assert f"machine workload-vm-9 failed: release_refused: {sentence}" in said.err
    assert "old" not in said.err
    assert f"workload-vm-9 failed: release_refused: {sentence}\n  mistake of: " in said.out
    found = data(capsys, PARTLY)["job"]["failedMachines"]
    assert [each["machine"] for each in found] == ["workload-vm-9"]


def test_what_runs_again_is_the_job_not_the_one_machine(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fix of a run says `pulumi config set run`, which a fleet refuses."""
    fleet.cause(jobs.cause_name(job.head.job, 1), "run_killed", "It was killed.")
    fleet.work(job, 0)
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert "1 slice (1) failed: run_killed: It was killed." in out
    assert re.search(
        rf"  fix: run it again: \S+ submit --stack secundus --missing {job.head.job}", out
    )
    assert "config set run" not in out


def test_the_command_waits_until_every_slice_is_done(
    fleet: Deployed, job: jobs.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is new."""
    monkeypatch.setattr(waiting, "POLL_SECONDS", 0.0)
    said: list[str] = []

    def progress(text: str) -> None:
        said.append(text)
        if len(said) > 1:
            fleet.work(job, len(said) - 2)

    monkeypatch.setattr(job_results, "print_progress", progress)
    assert results(wait=600) == OK
    assert said[1:] == [
        "0 of 3 slices, 0 of 1200 pictures",
        "1 of 3 slices, 512 of 1200 pictures, 1 machine, 64.0/s, about 11 s more",
        "2 of 3 slices, 1,024 of 1200 pictures, 2 machines, 56.9/s, about 3 s more",
    ]


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ({"job": "20270101-000000-000000"}, "its heading has another job than the job"),
        ({"slice": 2}, "its heading has another slice than the job"),
        ({"slice": True}, "its heading has another slice than the job"),
        ({"fingerprint": "0" * 64}, "its heading has another fingerprint than the job"),
        ({"modelSha256": "0"}, "its heading has another modelSha256 than the job"),
        ({"imageDigest": None}, "its heading has another imageDigest than the job"),
        ({"schema": "x"}, "its first line is no heading of a slice"),
        ({"machine": 1}, "its heading is not whole"),
        ({"started": "yesterday"}, "its heading is not whole"),
        ({"started": "2027-01-01T00:00:00"}, "its heading is not whole"),
    ],
)
def test_records_with_a_forged_heading_are_an_error_that_names_the_object(
    heading: dict[str, Any],
    said: str,
    fleet: Deployed,
    job: jobs.Job,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is shown."""
    fleet.work(job, 1, **heading)
    assert results() == UNUSABLE
    name = f"gs://{RESULT}/{jobs.records_name(job.head.job, 1)}"
    error = capsys.readouterr().err
    assert f"{name}: {said}, so nothing of it is shown" in error
    assert f"gcloud storage rm {name} && " in error


def test_a_heading_is_read_once_unless_its_object_is_replaced(
    fleet: Deployed, job: jobs.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wait looks every few seconds at thousands of slices."""
    read: list[str] = []

    def counting(blob: Blob, number: int) -> bytes:
        read.append(blob.name)
        return first_bytes(blob, number)

    monkeypatch.setattr(job_state, "first_bytes", counting)
    observer = observer_of(fleet, job)
    fleet.work(job, 0)
    for _ in range(2):
        observer.look()
    assert len(read) == 1
    fleet.work(job, 0, machine="another")
    assert observer.look().headings[0].machine == "another"


def test_causes_of_missing_slices_are_read_once_however_many_others_there_are(
    fleet: Deployed, job: jobs.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cause stays where its slice was done later, and a wait looks every few seconds."""
    read: list[str] = []

    def counting(blob: Blob, number: int) -> bytes:
        read.append(blob.name)
        return first_bytes(blob, number)

    monkeypatch.setattr(causes, "MOST_CAUSES", 1)
    for module in (causes, job_state):
        monkeypatch.setattr(module, "first_bytes", counting)
    observer = observer_of(fleet, job)
    fleet.work(job, 0)
    names = [jobs.cause_name(job.head.job, number) for number in range(3)]
    for name in names[:2]:
        fleet.cause(name, "input_changed", "It changed.")
    for _ in range(2):
        state = observer.look()
        assert ([each.number for each in state.failed], state.notes) == ([1], ())
    assert read[1:] == [names[1]]
    fleet.cause(names[1], "run_crashed", "It crashed.")
    fleet.cause(names[2], "run_crashed", "It crashed.")
    state = observer.look()
    assert [each.error for each in state.failed] == ["run_crashed"]
    folder = jobs.causes_folder(job.head.job)
    assert state.notes == (f"1 more objects in {folder} were not read",)


def lines(content: bytes) -> list[bytes]:
    """With their ends."""
    return content.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda _: b"", "its first line is not JSON"),
        (lambda old: old[: len(lines(old)[0]) + 5], "line 2 is no record of a picture"),
        (lambda old: old[:-1], "line 513 is no record of a picture"),
        (lambda old: b"".join(lines(old)[:-1]), "it has fewer records than the slice has pictures"),
        (
            lambda old: old + lines(old)[-1].replace(b"1023.png", b"1023.pnh"),
            "it has more records than the slice has pictures",
        ),
        (lambda old: old + lines(old)[-1], "line 514 is of a picture that is not next"),
        (
            lambda old: b"".join([lines(old)[0], *lines(old)[2:], lines(old)[1]]),
            "line 2 is of a picture that is not next",
        ),
        (lambda old: old.replace(b"1023.png", b"1024.png"), "line 513 is of a picture that is not"),
        (lambda old: old.replace(b'"topK"', b'"topk"', 1), "line 2 is no record of a picture"),
        (lambda old: old.replace(b"\n", b"\n[]\n", 1), "line 2 is no record of a picture"),
    ],
)
def test_records_that_were_edited_are_an_error_and_replace_no_file(
    edit: Callable[[bytes], bytes],
    said: str,
    fleet: Deployed,
    job: jobs.Job,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Cut off, repeated, in another order, of other pictures, or no records."""
    for number in range(3):
        fleet.work(job, number)
    name = jobs.records_name(job.head.job, 1)
    fleet.write(name, edit(fleet.cloud.buckets[RESULT].objects[name].data))
    output = tmp_path / "results.jsonl"
    assert results("--output", str(output)) == UNUSABLE
    assert f"gs://{RESULT}/{name}: {said}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_objects_that_belong_to_no_slice_are_noted(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are not read."""
    for number in range(3):
        fleet.work(job, number)
    for name in ("0000003.jsonl", "1.jsonl", "x", "00000001.jsonl"):
        fleet.write(jobs.records_folder(job.head.job) + name, b"x")
    found = data(capsys, OK)
    assert found["job"]["notes"] == [
        f"4 objects in {jobs.records_folder(job.head.job)} belong to no slice"
    ]


def test_names_of_machines_cannot_control_the_terminal(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor can a cause."""
    fleet.work(job, 0, machine="\x1b[31mred")
    fleet.cause(jobs.cause_name(job.head.job, 1), "input_changed", "\x1b[31mred")
    fleet.write(jobs.cause_name(job.head.job, 2), b'{"schema": "\x1b[31m')
    assert results() == PARTLY
    assert "\x1b" not in capsys.readouterr().out


def test_a_page_and_a_table_are_written_for_a_job(
    fleet: Deployed, job: jobs.Job, tmp_path: Path
) -> None:
    """By the same code as for one machine."""
    for number in range(3):
        fleet.work(job, number, "0003.png")
    page, table = tmp_path / "run.html", tmp_path / "run.csv"
    options = ["--html", str(page), "--no-thumbnails", "--csv", str(table)]
    assert results(*options) == PARTLY
    assert "picture_damaged" in page.read_text()
    assert table.read_text("utf-8-sig").count(".png") == PICTURES


@pytest.mark.parametrize("option", ["--html", "--csv", "--json"])
def test_a_job_that_does_not_fit_into_memory_has_no_page(
    option: str,
    job: jobs.Job,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error names the limit, and what has none."""
    monkeypatch.setattr(collected, "MOST", PICTURES - 1)
    value = [] if option == "--json" else [str(tmp_path / "file")]
    assert results(option, *value) == UNUSABLE
    assert f"got {option} for 1200 pictures, expected 1,199 at most" in capsys.readouterr().err
    assert job.head.pictures == PICTURES


def test_a_large_job_is_counted_without_its_records_in_memory(
    fleet: Deployed,
    job: jobs.Job,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Its codes are explained; with --output, also as data."""
    kept: list[int] = []
    answer = request.Request.answer

    def counting(self: request.Request, run: Run, *rest: Any) -> None:
        kept.append(len(run.records))
        answer(self, run, *rest)

    monkeypatch.setattr(request.Request, "answer", counting)
    for module in (collected, job_results):
        monkeypatch.setattr(module, "MOST", PICTURES - 1)
    for number in range(3):
        fleet.work(job, number, "0003.png")
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert "classified 1199, failed 1 (picture_damaged 1)" in out
    assert "it cannot be decoded" in out
    assert "note: There is no table of more than 1,000 pictures." in out
    found = data(capsys, PARTLY, "--output", str(tmp_path / "results.jsonl"))
    assert "records" not in found
    assert found["summary"]["failed"] == {"picture_damaged": 1}
    assert kept == [0, 0]


def test_a_large_job_that_is_at_work_is_not_read_whole(
    fleet: Deployed,
    job: jobs.Job,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its headings say how far it is."""
    monkeypatch.setattr(job_results, "MOST", PICTURES - 1)
    monkeypatch.delattr(merging, "records")
    fleet.work(job, 0)
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert "1 of 3 slices, 512 of 1200 pictures, 1 machine, 64.0/s" in out
    assert "classified" not in out


def test_a_small_job_is_shown_as_a_table(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the run of one machine."""
    job = fleet.submitted(3)
    fleet.work(job, 0, "0002.png")
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert [f"{number:04}.png" in out for number in range(3)] == [True] * 3
    assert "note:" not in out


@pytest.mark.parametrize(
    ("key", "own", "what"),
    [
        ("imageDigest", f"sha256:{'c' * 64}", "image"),
        ("modelSha256", "c" * 64, "model"),
        ("inputBucket", "another-bucket", "input bucket"),
    ],
)
def test_missing_slices_of_another_image_model_or_bucket_than_the_deployed_one_are_noted(
    key: str,
    own: str,
    what: str,
    fleet: Deployed,
    job: jobs.Job,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The machines refuse them, and so does `submit --missing`: it is not named as a remedy.

    A job that is whole has no such note.
    """
    name = jobs.job_name(job.head.job)
    head, _, rest = fleet.cloud.buckets[RESULT].objects[name].data.partition(b"\n")
    fleet.write(name, json.dumps({**json.loads(head), key: own}).encode() + b"\n" + rest)
    edited = fleet.job(job.head.job)
    fleet.work(edited, 0)
    fleet.dead_letter({"job": job.head.job, "slice": 1})
    assert results() == PARTLY
    out = " ".join(capsys.readouterr().out.split())
    assert f"note: The stack has another {what} than the job was submitted for" in out
    assert "in which the slices that are done are done again" in out
    assert f"--missing {job.head.job}" not in out
    for number in (1, 2):
        fleet.work(edited, number)
    assert data(capsys, OK)["notes"] == []


def test_commands_are_for_the_stack_that_was_asked_for(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stage has another name."""
    fleet.work(job, 0)
    fleet.dead_letter({"job": job.head.job, "slice": 1})
    fleet.dead_letter({"job": "20200101-000000-abcdef", "slice": 1})
    assert results("--stack", "secundus-staging") == PARTLY
    out = capsys.readouterr().out
    assert f"submit --stack secundus-staging --missing {job.head.job}" in out
    assert "results --stack secundus-staging --stream" in out


def test_jobs_are_listed_the_newest_first(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest is the one that is shown without an option."""
    older, name = "20200101-000000-abcdef", jobs.job_name(job.head.job)
    content = fleet.cloud.buckets[RESULT].objects[name].data
    fleet.write(jobs.job_name(older), content.replace(job.head.job.encode(), older.encode()))
    fleet.cloud.buckets[RESULT].objects[jobs.job_name(older)].meta["timeCreated"] = EARLIER
    fleet.write("jobs/not-a-job/job.jsonl", b"")
    fleet.write(jobs.records_name("20260101-000000-abcdef", 0), b"its job is not there")
    fleet.write(jobs.beginning_name("20990101-000000-abcdef"), b"")  # a submission was killed
    assert results("--list") == OK
    assert capsys.readouterr().out.splitlines()[:2] == [job.head.job, older]
    assert results("--list", "--json") == OK
    assert json.loads(capsys.readouterr().out) == [{"job": job.head.job}, {"job": older}]
    assert results("--job", "last", "--uri", f"gs://{RESULT}") == UNUSABLE
    assert job.head.job in capsys.readouterr().out


def test_the_clock_of_whoever_submits_is_not_asked(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """A year ahead, it would make an old job the newest, and hide the machines that failed."""
    objects, ahead = fleet.cloud.buckets[RESULT].objects, "20990101-000000-abcdef"
    content = objects[jobs.job_name(job.head.job)].data
    later = content.replace(job.head.submitted.encode(), b"2099-01-01T00:00:00Z")
    fleet.write(jobs.job_name(ahead), later.replace(job.head.job.encode(), ahead.encode()))
    fleet.cause("workers/workload-vm-9.json", "run_crashed", "It crashed.")
    found = data(capsys, UNUSABLE, "--job", ahead)["job"]["failedMachines"]
    assert [each["machine"] for each in found] == ["workload-vm-9"]
    objects[jobs.job_name(ahead)].meta["timeCreated"] = EARLIER
    assert data(capsys, UNUSABLE)["job"]["job"] == job.head.job
    assert main(["submit", "--json", "--missing", "last"]) == OK
    assert json.loads(capsys.readouterr().out)["job"] == job.head.job


@pytest.mark.usefixtures("fleet")
def test_a_fleet_without_a_job_says_how_to_submit_one(capsys: pytest.CaptureFixture[str]) -> None:
    """There is nothing to show."""
    assert results() == UNUSABLE
    assert f"gs://{RESULT} has no job. Submit one:" in capsys.readouterr().err


def test_one_machine_has_no_merged_records(
    fleet: Deployed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has written that file itself."""
    fleet.upload("a.png", b"x")
    uri = ["--uri", f"gs://{RESULT}", "--output", str(tmp_path / "x")]
    assert results(*uri) == UNUSABLE
    assert "Copy it: gcloud storage cp gs://BUCKET/results.jsonl ." in capsys.readouterr().err


def test_partial_without_output_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """It is about nothing."""
    assert results("--partial") == UNUSABLE
    assert "got --partial without --output FILE" in capsys.readouterr().err


def test_the_input_bucket_is_not_listed_for_a_job(fleet: Deployed, job: jobs.Job) -> None:
    """Ten million names take half an hour."""
    for number in range(3):
        fleet.work(job, number)
    del fleet.cloud.buckets[INPUT]
    assert results() == OK


def test_a_bucket_of_a_fleet_by_its_name_is_not_waited_for(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """No machine of a fleet writes `result`. What one machine left there before is shown."""
    uri = f"gs://{RESULT}"
    assert results("--uri", uri) == UNUSABLE
    error = capsys.readouterr().err
    assert f"{uri} holds jobs of a fleet, and no object `result` of one machine." in error
    assert error.endswith(f"results --uri {uri} --job last\n")
    fleet.write("result", b"Error: run_crashed: It crashed.")
    assert results("--uri", uri) == BROKEN
    assert job.head.job not in capsys.readouterr().out


def test_compressed_objects_are_not_decompressed(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """A small object could give any number of bytes; nobody here writes such a one."""
    for number in range(3):
        fleet.work(job, number)
    for name in (jobs.records_name(job.head.job, 1), jobs.job_name(job.head.job)):
        fleet.compress(name)
        assert results() == UNUSABLE
        error = capsys.readouterr().err
        assert f"gs://{RESULT}/{name}" in error
        assert "it has the contentEncoding gzip, expected none" in error


def test_the_bytes_of_records_that_are_compressed_meanwhile_stay_as_they_are(
    fleet: Deployed, job: jobs.Job, tmp_path: Path
) -> None:
    """The encoding can be set after the listing, and a download obeys it."""
    for number in range(3):
        fleet.work(job, number)
    observer = observer_of(fleet, job)
    state = observer.look()
    name = jobs.records_name(job.head.job, 1)
    generation = fleet.cloud.buckets[RESULT].objects[name].meta["generation"]
    fleet.compress(name)
    fleet.cloud.buckets[RESULT].objects[name].meta["generation"] = generation
    bucket = fleet.client.bucket(RESULT)
    path = merging._downloaded(bucket, observer._source(1), state.done[1], tmp_path / "1")
    assert path.read_bytes() == fleet.cloud.buckets[RESULT].objects[name].data
    assert first_bytes(bucket.blob(name), 4) == path.read_bytes()[:4]


@pytest.mark.parametrize(("number", "most"), [(1, 8 * 1024**3), (2, 8192 + 176 * 16 * 1024**2)])
def test_records_that_are_too_large_are_not_downloaded(
    number: int, most: int, fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """The listing says how large they are; the last slice has few pictures."""
    fleet.work(job, number)
    name = jobs.records_name(job.head.job, number)
    meta = fleet.cloud.buckets[RESULT].objects[name].meta
    meta["size"] = str(most)
    assert results() == PARTLY
    meta["size"] = str(most + 1)
    assert results() == UNUSABLE
    error = capsys.readouterr().err
    assert f"{name}: it has {most + 1:,} bytes, expected {most:,} at most" in error


def test_the_page_of_an_unfinished_job_says_what_is_missing(
    fleet: Deployed, job: jobs.Job, tmp_path: Path
) -> None:
    """It would look whole."""
    fleet.work(job, 0)
    page = tmp_path / "run.html"
    assert results("--html", str(page), "--no-thumbnails") == PARTLY
    assert "2 slices without records: " in page.read_text()


def test_the_files_are_written_before_the_text(
    fleet: Deployed, job: jobs.Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`results --html FILE | head -1` ends at the text, when its reader has gone."""
    fleet.work(job, 0)
    page = tmp_path / "run.html"

    def closed() -> None:
        raise SystemExit(1)  # as rich does

    monkeypatch.setattr(request, "standard_output", closed)
    with pytest.raises(SystemExit):
        results("--html", str(page), "--no-thumbnails")
    assert page.exists()


def test_partial_records_of_a_job_without_any_replace_no_file(
    job: jobs.Job, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty file is no part of the results."""
    output = tmp_path / "results.jsonl"
    output.write_text("before")
    assert results("--output", str(output), "--partial") == UNUSABLE
    assert f"the job {job.head.job} has no records for 3 slices of 3" in capsys.readouterr().err
    assert output.read_text() == "before"


def test_without_the_stack_nobody_knows_what_was_given_up(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """The result bucket has no dead letters, and `--missing` mends more than these."""
    fleet.work(job, 0)
    assert results("--job", "last", "--uri", f"gs://{RESULT}") == PARTLY
    out = capsys.readouterr().out
    assert "2 slices without records: how many of them were given up (dead letters) is not" in out
    assert out.rstrip().endswith(f"submit --stack secundus --missing {job.head.job}")


@pytest.mark.parametrize("code", ["other_image", "other_model"])
def test_a_slice_that_an_older_machine_refused_needs_no_new_job(
    code: str, fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is delivered again. Without the stack, nobody knows which machine was the older one."""
    fleet.work(job, 0)
    fleet.cause(jobs.cause_name(job.head.job, 1), code, "Refused.")
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert f"1 slice (1) failed: {code}: Refused.\n  an older machine refused it" in out
    assert "submit a new job" not in out
    assert results("--job", "last", "--uri", f"gs://{RESULT}") == PARTLY
    assert "fix: submit a new job" in capsys.readouterr().out


def test_records_that_are_removed_while_the_job_is_looked_at_end_no_wait(
    fleet: Deployed, job: jobs.Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The advice for records that were edited is to remove them, and to run the slice again."""
    for number in (0, 1):
        fleet.work(job, number)
    removed = jobs.records_name(job.head.job, 1)

    def removing(blob: Blob, number: int) -> bytes:
        fleet.cloud.buckets[RESULT].objects.pop(removed, None)
        return first_bytes(blob, number)

    monkeypatch.setattr(job_state, "first_bytes", removing)
    state = observer_of(fleet, job).look()
    assert (list(state.done), state.missing) == ([0], [1, 2])
    assert list(state.headings) == [0]


def test_machines_that_failed_after_the_job_was_whole_are_not_named(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor those before it; while slices are missing, all since are."""
    fleet.cause("workers/workload-vm-8.json", "run_crashed", "Then.", machine="then")
    fleet.cause("workers/workload-vm-9.json", "run_crashed", "Next week.", machine="later")
    objects = fleet.cloud.buckets[RESULT].objects
    # The slices are at work in the first half minute of 2027, whenever the test runs.
    objects[jobs.job_name(job.head.job)].meta["timeCreated"] = "2027-01-01T00:00:00.000Z"
    objects["workers/workload-vm-8.json"].meta["updated"] = "2027-01-01T00:00:10.000Z"
    objects["workers/workload-vm-9.json"].meta["updated"] = "2027-01-08T00:00:00.000Z"
    for number, expected in ((0, ["then", "later"]), (1, ["then", "later"]), (2, ["then"])):
        fleet.work(job, number)
        found = data(capsys, OK if number == 2 else PARTLY)["job"]["failedMachines"]
        assert [each["machine"] for each in found] == expected


def test_more_dead_letters_than_are_looked_at_are_noted(
    fleet: Deployed,
    job: jobs.Job,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By `results`, and where they are removed: letters of others can hide those of the job."""
    fleet.work(job, 0)
    fleet.dead_letter({"job": "20200101-000000-abcdef", "slice": 1}, {"job": job.head.job})
    said = f"{DEAD_LETTERS} has 2 dead letters or more, and no more were looked at"
    monkeypatch.setattr(queue, "MOST_DEAD_LETTERS", 3)
    assert results() == PARTLY
    assert "dead letters or more" not in capsys.readouterr().out
    monkeypatch.setattr(queue, "MOST_DEAD_LETTERS", 2)
    assert results() == PARTLY
    assert said in capsys.readouterr().out
    assert main(["submit", "--missing", "last"]) == OK
    assert said in capsys.readouterr().err


def test_a_job_that_has_ended_takes_no_more_time(
    fleet: Deployed, job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is at work where the rest was given up."""
    for number in (0, 1):
        fleet.work(job, number)
    assert results() == PARTLY
    assert "/s, about " in capsys.readouterr().out
    fleet.dead_letter({"job": job.head.job, "slice": 2})
    assert results() == PARTLY
    out = capsys.readouterr().out
    assert "1 slice given up, 2 machines, " in out
    assert "/s, about " not in out
    fleet.work(job, 2)
    assert results() == OK
    assert "/s, about " not in capsys.readouterr().out


def test_the_list_of_runs_names_the_jobs_of_a_bucket(
    job: jobs.Job, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bucket's name alone does not say that there is a fleet."""
    uri = f"gs://{RESULT}"
    assert results("--uri", uri, "--list") == OK
    out = capsys.readouterr().out
    assert out.startswith("There is none.\nThe bucket holds jobs of a fleet.")
    assert out.endswith(f"results --uri {uri} --job last\n")
    assert job.head.slices == 3


def test_a_full_disk_is_an_error_that_names_the_folder(
    fleet: Deployed,
    job: jobs.Job,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    """The temporary files of the records are full, not the --output beside them."""
    for number in range(3):
        fleet.work(job, number)
    with full_disk(8192):
        assert results("--output", str(tmp_path / "results.jsonl")) == UNUSABLE
    error = capsys.readouterr().err
    assert f"no temporary file can be written in {tempfile.gettempdir()} (File too large)" in error
    assert "export TMPDIR=FOLDER" in error
