"""`confidential-inference submit` against the local cloud: a job's object, then its messages."""

from __future__ import annotations

import base64
import dataclasses
import errno
import json
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core.exceptions import PreconditionFailed
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Blob
from google.cloud.storage.exceptions import DataCorruption

from ops import google_api
from ops.cli import main
from ops.commands import SUBMIT
from ops.exit_codes import OK, UNUSABLE
from ops.fleet import deployed, job_object, queue, slices, submission
from ops.fleet.deployed import FleetError
from rehearsal.cloud.state import StoredObject
from tests.cloud.fleet import (
    DEAD_LETTERS,
    EXPORTED,
    INPUT,
    RESULT,
    SUBMITTER,
    SUBSCRIPTION,
    TOPIC,
)
from tests.fixtures.retry_clock import Clock
from workload import retries
from workload.checkpoints import Origin
from workload.fleet import jobs
from workload.fleet.messages import SliceMessage
from workload.fleet.preparation import Preparation
from workload.fleet.records import Author
from workload.records import Picture
from workload.storage import buckets_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from requests import Response

    from rehearsal.cloud.state import Cloud
    from tests.cloud.fleet import Deployed

PICTURES = 1200
PER_SLICE = 512


@pytest.fixture
def pictures(fleet: Deployed) -> Deployed:
    """The fleet, and so many pictures, of which one is compressed; and a folder's place-holder."""
    fleet.upload("0000.png", b"x" * 9)
    (first,) = fleet.cloud.buckets[INPUT].objects.values()
    for number in range(1, PICTURES):
        meta = {**first.meta, "name": f"{number:04}.png"}
        fleet.cloud.buckets[INPUT].objects[meta["name"]] = StoredObject(meta, b"x" * 9)
    fleet.cloud.buckets[INPUT].objects["0007.png"].meta["contentEncoding"] = "gzip"
    fleet.upload("0008/", b"")
    return fleet


def messages(cloud: Cloud, subscription: str = SUBSCRIPTION) -> list[dict[str, Any]]:
    """The data of every message that nobody has acknowledged."""
    entries = cloud.subscriptions[subscription].backlog._entries.values()
    return [json.loads(base64.b64decode(each.message.data)) for each in entries]


def submitted(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """What the command prints as data."""
    assert main(["submit", "--json", *options]) == OK
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    return data


def test_a_job_has_a_slice_for_every_part_of_the_listing(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with the fingerprint of what a worker lists from its first name on."""
    data = submitted(capsys)
    assert (data["pictures"], data["slices"], data["published"]) == (PICTURES, 3, 3)
    job = pictures.job(data["job"])
    listed = list(buckets_as(google_api.identity())(INPUT).pictures())
    assert [each.first for each in job.slices] == ["0000.png", "0512.png", "1024.png"]
    parts = [listed[start : start + PER_SLICE] for start in range(0, PICTURES, PER_SLICE)]
    assert [each.fingerprint for each in job.slices] == list(map(jobs.fingerprint, parts))
    assert [each.pictures for each in job.slices] == list(map(len, parts))
    assert "0008/" not in {each.name for each in listed}
    head = job.head
    assert (head.input_bucket, head.model_sha256) == (INPUT, EXPORTED["fleet"]["modelSha256"])
    assert EXPORTED["image"].endswith(f"@{head.image_digest}")


def test_a_message_names_the_job_and_the_number_of_a_slice(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing else: the worker reads the rest from the job's object."""
    data = submitted(capsys)
    expected = [{"job": data["job"], "slice": number} for number in range(3)]
    assert messages(pictures.cloud) == expected


def test_a_worker_takes_every_slice_as_it_was_submitted(
    pictures: Deployed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The worker's own code reads the message, the job, and the listing from the first name on."""
    submitted(capsys)
    assert taken(pictures, tmp_path) == [f"{number:04}.png" for number in range(PICTURES)]


def taken(fleet: Deployed, folder: Path) -> list[str]:
    """The pictures of all messages, as a worker takes them."""
    buckets = buckets_as(google_api.identity())
    origin = Origin(
        model_sha256=EXPORTED["fleet"]["modelSha256"],
        engine="litert",
        scores="probabilities",
        image_digest=EXPORTED["image"].rpartition("@")[2],
    )
    author = Author(machine="workload-vm-1", origin=origin)
    preparation = Preparation((INPUT, buckets(INPUT)), buckets(RESULT), author, folder)
    entries = fleet.cloud.subscriptions[SUBSCRIPTION].backlog._entries.values()
    names = []
    for each in entries:
        message = preparation.parse({"data": each.message.data})
        assert isinstance(message, SliceMessage)
        work = preparation.slice_work(message)
        assert work is not None
        names += [picture.name for picture in work.pictures]
    return names


def test_pictures_that_arrive_while_the_bucket_is_listed_harm_no_slice(
    pictures: Deployed,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One behind the place of the listing, then one before it, which the listing has."""
    listing = submission._pictures

    def with_arrivals(*of_whom: Any) -> Iterator[Picture]:
        found = listing(*of_whom)
        yield next(found)  # the first page is here: its names are passed
        for name in ("0000a.png", "9999.png"):
            pictures.upload(name, b"x")
        yield from found

    monkeypatch.setattr(submission, "_pictures", with_arrivals)
    assert main(["submit", "--json"]) == OK
    said = capsys.readouterr()
    assert json.loads(said.out)["arrivedLater"] == 1
    assert "1 picture arrived after the listing began, too late for this job. A new" in said.err
    assert taken(pictures, tmp_path) == [f"{number:04}.png" for number in range(PICTURES)]
    assert [name.rpartition("/")[2] for name in pictures.names()] == ["job.jsonl"]


def test_a_bucket_with_later_pictures_only_gives_no_job(
    fleet: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google does not promise that generations of two buckets compare."""
    fleet.upload("a.png", b"x")
    monkeypatch.setattr(job_object, "beginning", lambda *_: 1)
    assert main(["submit"]) == UNUSABLE
    error = capsys.readouterr().err
    assert f"every picture of gs://{INPUT} (1) arrived after the listing began" in error
    assert (fleet.names(), messages(fleet.cloud)) == ([], [])


def test_the_beginning_leaves_nothing_in_a_bucket_that_keeps_versions(fleet: Deployed) -> None:
    """A rule that keeps the newest versions would keep it for ever."""
    bucket = fleet.client.bucket(RESULT)
    bucket.versioning_enabled = True
    bucket.patch()
    generation = job_object.beginning(bucket, "20270101-000000-abcdef")
    assert list(bucket.list_blobs(versions=True)) == []
    assert generation < int(fleet.upload("a.png", b"x"))


def test_a_beginning_is_written_again_where_the_first_answer_was_lost(
    fleet: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The object is there by then, and nothing of it is left."""
    Clock().install(monkeypatch)
    original: Callable[..., Response] = AuthorizedSession.request
    uploads: list[str] = []

    def losing(session: AuthorizedSession, method: str, url: str, **how: Any) -> Response:
        answer = original(session, method, url, **how)
        if "/upload/" in url:
            uploads.append(url)
            if len(uploads) == 1:
                raise ConnectionError("the answer was lost")
        return answer

    monkeypatch.setattr(AuthorizedSession, "request", losing)
    generation = job_object.beginning(fleet.client.bucket(RESULT), "20270101-000000-abcdef")
    assert (len(uploads), fleet.names()) == (2, [])
    assert generation < int(fleet.upload("a.png", b"x"))


def test_a_beginning_that_cannot_be_removed_stays_and_the_job_is_submitted(
    fleet: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A policy of the bucket can refuse it, as a role without the permission does here."""
    fleet.upload("a.png", b"x")
    fleet.grant(SUBMITTER, but="result")
    fleet.cloud.buckets[RESULT].policy.bindings.append(
        {"role": "roles/storage.objectCreator", "members": [SUBMITTER]}
    )
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", fleet.cloud.mint(SUBMITTER))
    job = submitted(capsys)["job"]
    assert fleet.names() == [jobs.beginning_name(job), jobs.job_name(job)]


@pytest.mark.usefixtures("pictures")
def test_the_command_says_what_it_did_and_what_to_type_next(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In two lines."""
    assert main(["submit"]) == OK
    did, following = capsys.readouterr().out.splitlines()
    assert did.endswith(": 1200 pictures in 3 slices, 3 messages published")
    job = did.removeprefix("job ").partition(":")[0]
    assert following.endswith(f"results --stack secundus --job {job}")


def test_a_bucket_without_pictures_gives_no_job(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """A place-holder of a folder is none."""
    fleet.upload("folder/", b"")
    assert main(["submit"]) == UNUSABLE
    assert f"gs://{INPUT} holds no pictures, so no job was submitted" in capsys.readouterr().err
    assert (fleet.names(), messages(fleet.cloud)) == ([], [])


def test_a_job_that_no_worker_could_read_is_not_written(
    pictures: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how to make it smaller."""
    monkeypatch.setattr(jobs, "MAX_JOB_BYTES", 4096 + 400)
    assert main(["submit"]) == UNUSABLE
    assert "Make larger slices: pulumi config set --path fleet" in capsys.readouterr().err
    assert (pictures.names(), messages(pictures.cloud)) == ([], [])


def test_a_submission_that_is_killed_is_ended_by_missing(
    pictures: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lists no picture again, and publishes the slices without records only."""
    with monkeypatch.context() as patched:
        patched.setattr(queue, "publish", interrupted)
        assert main(["submit"]) == 130
    (name,) = pictures.names()
    job = name.split("/")[1]
    said = f"if this is interrupted: {SUBMIT} --missing {job}\nstopped\n"
    assert capsys.readouterr().err.endswith(said)
    assert messages(pictures.cloud) == []
    pictures.write(jobs.records_name(job, 1), b"")
    del pictures.cloud.buckets[INPUT]
    capsys.readouterr()
    data = submitted(capsys, "--missing", job)
    assert (data["job"], data["slices"], data["published"]) == (job, 3, 2)
    assert [each["slice"] for each in messages(pictures.cloud)] == [0, 2]
    assert submitted(capsys, "--missing", "last")["job"] == job


def interrupted(*_: object) -> int:
    """Somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def test_missing_removes_the_dead_letters_of_what_it_published_again(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of another job, and of pictures, stay, and can be seen at once."""
    job = submitted(capsys)["job"]
    other = "20200101-000000-abcdef"
    pictures.dead_letter({"job": job, "slice": 1}, {"job": other, "slice": 1}, [1], "x")
    pictures.write(jobs.records_name(job, 0), b"")
    assert submitted(capsys, "--missing", job)["deadLettersRemoved"] == 1
    left = queue.dead_letters(pictures.api, DEAD_LETTERS).kept
    assert [(each.job, each.slice) for each in left] == [(other, 1), ("", -1), ("", -1)]


def test_more_messages_than_google_takes_at_once_are_published_in_several_requests(
    fleet: Deployed,
) -> None:
    """Each slice once."""
    shown: list[int] = []
    job = "20270101-000000-abcdef"
    assert queue.publish(fleet.api, TOPIC, job, range(2500), shown.append) == 2500
    assert shown == [1000, 2000, 2500]
    assert [each["slice"] for each in messages(fleet.cloud)] == list(range(2500))


def test_a_transient_refusal_is_asked_again(
    fleet: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The messages are published once it is over."""
    monkeypatch.setattr(retries, "FIRST_WAIT", 0.0)
    post, answers = google_api.GoogleApi.post, [503, 429, 0]

    def busy(self: google_api.GoogleApi, url: str, body: google_api.Json) -> google_api.Json:
        if answers:
            raise google_api.ApiError(answers.pop(), "", "busy")
        return post(self, url, body)

    monkeypatch.setattr(google_api.GoogleApi, "post", busy)
    assert queue.publish(fleet.api, TOPIC, "20270101-000000-abcdef", [7], print) == 1
    assert [each["slice"] for each in messages(fleet.cloud)] == [7]


def test_a_refusal_of_the_topic_says_how_to_go_on(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job is there, without messages."""
    del pictures.cloud.topics[TOPIC]
    assert main(["submit"]) == UNUSABLE
    (name,) = pictures.names()
    error = capsys.readouterr().err
    assert "0 of 3 messages were published" in error
    assert error.endswith(f"submit --stack secundus --missing {name.split('/')[1]}\n")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("yesterday", "got 'yesterday' for a job, expected an id such as"),
        ("20270101-000000-abcdef", "has no job 20270101-000000-abcdef. Its newest jobs are: none"),
        ("last", "gs://result-bucket has no job. Submit one:"),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_a_job_that_does_not_exist_cannot_be_published_again(
    missing: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what there is."""
    assert main(["submit", "--missing", missing]) == UNUSABLE
    assert said in capsys.readouterr().err


def test_a_job_for_another_model_or_image_is_not_published_again(
    pictures: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every machine would refuse every slice of it."""
    job = submitted(capsys)["job"]
    before = messages(pictures.cloud)
    changed = {
        **EXPORTED,
        "image": f"x/workload@sha256:{'c' * 64}",
        "fleet": {**EXPORTED["fleet"], "modelSha256": "d" * 64},
    }
    monkeypatch.setattr(deployed, "outputs", lambda *_: changed)
    assert main(["submit", "--missing", job]) == UNUSABLE
    error = capsys.readouterr().err
    assert f"(the fleet has {'d' * 64}), the image sha256:" in error
    assert messages(pictures.cloud) == before


def test_a_job_without_slices_was_edited(
    fleet: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """`submit` writes none, and neither it nor `results` has anything to do with one."""
    head = dataclasses.replace(fleet.submitted(1).head, pictures=0, slices=0)
    fleet.write(jobs.job_name(head.job), head.line().encode())
    for command in (["submit", "--missing"], ["results", "--wait", "0", "--job"]):
        assert main([*command, head.job]) == UNUSABLE
        said = "is not what `submit` writes (it has no slices)"
        assert f"gs://{RESULT}/{jobs.job_name(head.job)} {said}" in capsys.readouterr().err


@pytest.mark.parametrize("edited", [b"", b"{}\n", b"\xff\n", None])
def test_a_job_that_was_edited_is_not_published_again(
    edited: bytes | None, pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """None is the object without its last line."""
    job = submitted(capsys)["job"]
    name = jobs.job_name(job)
    content = pictures.cloud.buckets[RESULT].objects[name].data
    cut = content[: content.rindex(b"\n", 0, -1) + 1]
    pictures.write(name, cut if edited is None else edited)
    assert main(["submit", "--missing", job]) == UNUSABLE
    assert f"gs://result-bucket/{name} is not what `submit` writes" in capsys.readouterr().err


def test_a_job_is_never_overwritten(fleet: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two submissions of the same moment with the same random part."""
    fleet.upload("a.png", b"x")
    job = submission.submit(deployed.of_outputs("secundus", EXPORTED), print).job
    content = fleet.cloud.buckets[RESULT].objects[jobs.job_name(job)].data
    monkeypatch.setattr(submission, "jobs", SameId(job))
    with pytest.raises(FleetError, match=f"is there already.*--missing {job}"):
        submission.submit(deployed.of_outputs("secundus", EXPORTED), print)
    assert fleet.cloud.buckets[RESULT].objects[jobs.job_name(job)].data == content


def test_a_job_that_a_policy_refuses_is_not_said_to_be_there(
    fleet: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google answers with the status of an object that exists."""
    fleet.upload("a.png", b"x")

    original = Blob.upload_from_file

    def refused(blob: Blob, *content: object, **how: object) -> None:
        if blob.name.endswith("/job.jsonl"):
            raise PreconditionFailed("Request violates an OrgPolicy constraint.")  # type: ignore[no-untyped-call]  # google-api-core is typed in part
        original(blob, *content, **how)

    monkeypatch.setattr(Blob, "upload_from_file", refused)
    with pytest.raises(FleetError, match=r"refuses, and no message was published: .*OrgPolicy"):
        submission.submit(deployed.of_outputs("secundus", EXPORTED), print)


class SameId:
    """`jobs`, whose heads all have the same id."""

    def __init__(self, job: str) -> None:
        self._job = job

    def Head(self, **fields: Any) -> jobs.Head:  # noqa: N802  in place of the class
        """The head with that id."""
        return jobs.Head(**{**fields, "job": self._job})


def test_a_bucket_that_cannot_be_listed_is_an_error_with_googles_sentence(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is submitted."""
    del pictures.cloud.buckets[INPUT]
    assert main(["submit"]) == UNUSABLE
    assert "gs://input-bucket could not be listed, so no job was submitted: 404" in (
        capsys.readouterr().err
    )
    assert pictures.names() == []


def test_a_result_bucket_that_refuses_is_named(
    pictures: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """No message is published."""
    del pictures.cloud.buckets[RESULT]
    assert main(["submit"]) == UNUSABLE
    assert "gs://result-bucket refuses, and no message was published" in capsys.readouterr().err
    assert messages(pictures.cloud) == []


def test_an_answer_that_is_not_whole_is_an_error_and_no_traceback(
    fleet: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes of the job's object are not those of its checksum."""
    job = fleet.submitted(1).head.job

    def damaged(*_: object, **__: object) -> None:
        raise DataCorruption(None, "Checksum mismatch")

    monkeypatch.setattr(Blob, "download_to_file", damaged)
    assert main(["submit", "--missing", job]) == UNUSABLE
    assert "no message was published: Checksum mismatch" in capsys.readouterr().err


def test_a_whole_job_of_an_older_image_loses_its_dead_letters(
    pictures: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is published, so no machine refuses it; its letters would be counted for 31 days."""
    job = submitted(capsys)["job"]
    for number in range(3):
        pictures.write(jobs.records_name(job, number), b"")
    pictures.dead_letter({"job": job, "slice": 1})
    changed = {**EXPORTED, "image": f"x/workload@sha256:{'c' * 64}"}
    monkeypatch.setattr(deployed, "outputs", lambda *_: changed)
    data = submitted(capsys, "--missing", job)
    assert (data["published"], data["deadLettersRemoved"]) == (0, 1)


def test_a_full_disk_is_an_error_and_no_traceback(
    pictures: Deployed,
    capsys: pytest.CaptureFixture[str],
    full_disk: Callable[[int], AbstractContextManager[None]],
) -> None:
    """The listing goes to a temporary file, and a job is read by way of one."""
    job = submitted(capsys)["job"]
    for options in ([], ["--missing", job]):
        with full_disk(100):
            assert main(["submit", *options]) == UNUSABLE
        assert "no temporary file can be written in " in capsys.readouterr().err
    assert len(messages(pictures.cloud)) == 3


@pytest.mark.parametrize(
    ("lacking", "said"),
    [(errno.ENOSPC, FleetError), (errno.ENOENT, FleetError), (errno.EMFILE, OSError)],
)
def test_a_lack_of_file_descriptors_is_no_full_disk(lacking: int, said: type[Exception]) -> None:
    """A listing lacks them, and no room in a folder helps; ENOENT: `tempfile` has no folder."""

    def listing() -> Iterator[Picture]:
        yield Picture(name="a.png", generation="1")
        raise OSError(lacking, "planned")

    with (
        pytest.raises(said, match="planned"),
        slices.spooled(listing(), PER_SLICE, 1, lambda _: None),
    ):
        pass
