"""A worker of a fleet (`workload.fleet.worker`), with all collaborators in memory."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import time
from collections import Counter, deque
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.tokens import unsigned
from tests.unit.workload.test_job import MemoryBucket, RunSetup
from workload.errors import (
    BucketError,
    ChangedError,
    Failure,
    PictureFailure,
    SliceFailure,
    VanishedError,
    WorkloadError,
)
from workload.fleet import intake, jobs, worker
from workload.fleet.leases import Leases
from workload.fleet.subscription import Delivery
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

DIGEST = "sha256:" + "d1" * 32
JOB, OTHER = "20261128-021450-0a1b2c", "20261128-021450-ffffff"


class Finished(Exception):  # noqa: N818  the end of a test's messages
    """There is no message left, and this test delivers no other."""


class Queue:
    """A subscription that delivers what is given back again, until it was too often."""

    def __init__(self) -> None:
        self.messages: deque[tuple[str, Mapping[str, Any]]] = deque()
        self.acknowledged: list[str] = []
        self.given_back: Counter[str] = Counter()
        self.most_attempts = 2
        self.counts = False
        """Whether it tells how often a message was delivered, as with dead letters."""
        self.most_held = 0
        self.delivered: dict[str, Mapping[str, Any]] = {}
        self.outstanding: set[str] = set()
        self.changed = threading.Condition()
        self.published = "2999-01-01T00:00:00.123456Z"
        """When the next messages were published."""

    def publish(self, data: bytes, attributes: Mapping[str, str] | None = None) -> None:
        """Adds a message."""
        message = {
            "data": base64.b64encode(data).decode(),
            "attributes": attributes or {},
            "publishTime": self.published,
        }
        number = len(self.messages) + len(self.delivered)
        self.messages.append((f"ack-{number}", message))

    def pull(self, most: int, *, wait: bool) -> list[Delivery]:
        """The next messages; Finished if there is none, and none can come back."""
        with self.changed:
            if wait:
                self.changed.wait_for(lambda: self.messages or not self.outstanding)
                if not self.messages:
                    raise Finished
            found = [self.messages.popleft() for _ in range(min(most, len(self.messages)))]
            self.delivered |= dict(found)
            self.outstanding |= dict(found).keys()
            self.most_held = max(self.most_held, len(self.outstanding))
        return [
            Delivery(
                ack_id=ack_id,
                message=message,
                attempt=self.given_back[ack_id] + 1 if self.counts else None,
            )
            for ack_id, message in found
        ]

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """They are done."""
        with self.changed:
            self.acknowledged += ack_ids
            self.outstanding -= set(ack_ids)
            self.changed.notify()

    def extend(self, ack_ids: Sequence[str], seconds: int) -> None:
        """0 gives them back."""
        assert seconds == 0
        with self.changed:
            for ack_id in ack_ids:
                self.given_back[ack_id] += 1
                if self.given_back[ack_id] < self.most_attempts:
                    self.messages.append((ack_id, self.delivered[ack_id]))
            self.outstanding -= set(ack_ids)
            self.changed.notify()


class Results(MemoryBucket):
    """A result bucket in which objects can be created once."""

    def __init__(self) -> None:
        super().__init__()
        self.metadata: dict[str, Mapping[str, str] | None] = {}
        self.creating: Callable[[str], object] = lambda _: None

    def create(
        self, name: str, content: Path, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Stores the content; false if there is such an object."""
        assert content_type == "application/jsonl"
        self.metadata[name] = metadata
        self._allow(name)
        self.creating(name)
        if name in self.objects:
            return False
        self.objects[name] = content.read_text(encoding="ascii")
        self.generations[name] = f"{next(self.written)}"
        return True

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """An object of this bucket."""
        to.write_text(self.objects[name])
        assert to.stat().st_size <= limit
        return ""


class FleetSetup(RunSetup):
    """The collaborators of a worker."""

    def __init__(self, tmp_path: Path, pictures: int = 1100, step: int = 512) -> None:
        colours = {f"{n:05}": bytes([n % 256]) for n in range(pictures)}
        super().__init__({**colours, "00007": b"no picture", "00600": BucketError()})
        self.result = self.results = Results()
        self.queue = Queue()
        self.work: list[list[str]] = []
        token = tmp_path / "token"
        token.write_text(unsigned({"submods": {"container": {"image_digest": DIGEST}}}))
        self.environment |= {
            "SUBSCRIPTION": "projects/secundus-vision/subscriptions/workload-slices",
            "ATTESTATION_TOKEN_FILE": str(token),
            "HOSTNAME": "workload-vm-ab12",
        }
        self.step = step

    def submit(self, job: str = JOB, **changes: Any) -> None:
        """Cuts the listing into slices, and publishes them."""
        listed = list(self.input.pictures())
        parts = [listed[at : at + self.step] for at in range(0, len(listed), self.step)]
        slices = [
            jobs.Slice(
                number=n,
                first=part[0].name,
                pictures=len(part),
                fingerprint=jobs.fingerprint(part),
            )
            for n, part in enumerate(parts)
        ]
        head = jobs.Head(
            **{
                "job": job,
                "input_bucket": "input",
                "model_sha256": self.environment["MODEL_SHA256"],
                "image_digest": DIGEST,
                "pictures": len(listed),
                "slices": len(slices),
                "pictures_per_slice": self.step,
                "newest": 1,
                "submitted": "2026-11-28T02:14:50Z",
                **changes,
            }
        )
        lines = [head.line(), *(each.line() for each in slices)]
        self.results.objects[jobs.job_name(job)] = "".join(lines)
        self.results.generations[jobs.job_name(job)] = "1"
        for each in slices:
            self.queue.publish(jobs.message(job, each.number))

    def works(self, error: type[Exception] = Finished) -> Exception:
        """A worker's life, which ends with this error."""
        own = {"input": self.input, "result": self.result}
        stop = threading.Event()
        collaborators = worker.Collaborators(
            operator=lambda: own.__getitem__,
            model_reader=self._release,
            decoders=self._decoders,
            load=self.load,
            on_end=self.ended,
            results=lambda _: self.results,
            subscription=lambda _: self.queue,  # type: ignore[arg-type,return-value]  # its methods
            leases=lambda queue: Leases(queue, lambda: None, lambda _: stop.wait()),
            on_work=lambda causes: self.work.append(list(causes)),
        )
        try:
            with pytest.raises(error) as caught:
                worker.run(self.environment, collaborators)
        finally:
            stop.set()
        return caught.value

    def merged(self, job: str = JOB) -> str:
        """The records of all slices in order, as `results` merges them."""
        names = sorted(self.results.names(jobs.records_folder(job)))
        return "".join(self.results.objects[name].partition("\n")[2] for name in names)

    def cause(self, number: int, job: str = JOB) -> str:
        """The code in the cause object of a slice."""
        code: str = json.loads(self.results.objects[jobs.cause_name(job, number)])["error"]
        return code


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which a worker waits before its next pull; no test waits."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def one_machine(setup: FleetSetup) -> str:
    """The `results.jsonl` of a machine that classifies the same pictures alone."""
    alone = RunSetup(setup.input.contents)
    alone.run()
    return alone.result.objects["results.jsonl"]


def test_a_job_has_the_records_of_one_machine(tmp_path: Path) -> None:
    """Byte for byte, with the codes of pictures that failed; in another order of slices, too."""
    setup = FleetSetup(tmp_path)
    setup.submit()
    setup.queue.messages.rotate(1)
    setup.works()
    assert setup.merged() == one_machine(setup)
    assert len(setup.queue.acknowledged) == 3
    assert not setup.queue.given_back


def test_a_slice_says_where_its_records_come_from(tmp_path: Path) -> None:
    """`results` compares the heading with the job, and computes rates by machine."""
    setup = FleetSetup(tmp_path, pictures=700)
    setup.submit()
    setup.works()
    heading = json.loads(setup.results.objects[jobs.records_name(JOB, 1)].partition("\n")[0])
    times = heading.pop("started"), heading.pop("finished")
    assert times[0] <= times[1]
    assert heading == {
        "schema": "confidential-inference/slice/v1",
        "job": JOB,
        "slice": 1,
        "fingerprint": jobs.fingerprint(setup.input.pictures("00512")),
        "modelSha256": setup.environment["MODEL_SHA256"],
        "engine": "tensorflow-saved-model",
        "scores": "probabilities",
        "imageDigest": DIGEST,
        "machine": "workload-vm-ab12",
    }


def test_a_second_delivery_writes_nothing(tmp_path: Path) -> None:
    """A slice whose records are there is acknowledged, and no picture of it is read again."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.submit()
    setup.works()
    before = setup.results.generations[jobs.records_name(JOB, 0)]
    setup.input.contents = dict.fromkeys(setup.input.contents, Finished())  # no read must happen
    setup.queue.publish(jobs.message(JOB, 0))
    setup.works()
    assert setup.results.generations[jobs.records_name(JOB, 0)] == before
    assert len(setup.queue.acknowledged) == 2


def test_records_that_another_machine_wrote_meanwhile_stay(tmp_path: Path) -> None:
    """Both machines had the slice; the second one's write changes nothing."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.submit()
    name = jobs.records_name(JOB, 0)
    setup.results.creating = lambda each: setup.results.objects.setdefault(each, "of another")
    setup.works()
    assert setup.results.objects[name] == "of another"
    assert len(setup.queue.acknowledged) == 1


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"input_bucket": "other"}, SliceFailure.OTHER_INPUT),
        ({"model_sha256": "0" * 64}, SliceFailure.OTHER_MODEL),
        ({"image_digest": "sha256:" + "0" * 64}, SliceFailure.OTHER_IMAGE),
    ],
)
def test_a_job_for_others_is_refused(
    changes: dict[str, str], failure: SliceFailure, tmp_path: Path
) -> None:
    """By the code in the cause of each slice; its messages are given back, never acknowledged."""
    setup = FleetSetup(tmp_path, pictures=600)
    setup.submit(**changes)
    setup.works()
    assert [setup.cause(number) for number in (0, 1)] == [failure.code] * 2
    assert setup.queue.acknowledged == []
    assert set(setup.queue.given_back.values()) == {2}
    assert setup.merged() == ""


@pytest.mark.parametrize("change", ["removed", "replaced"])
def test_a_slice_whose_pictures_changed_is_refused(change: str, tmp_path: Path) -> None:
    """The other slices are classified."""
    setup = FleetSetup(tmp_path)
    setup.submit()
    if change == "removed":
        del setup.input.contents["00800"]
    else:
        setup.input.listed_size = 0
        original = setup.input.pictures

        def replaced(first: str = "") -> Iterable[Any]:
            for picture in original(first):
                yield (
                    picture
                    if picture.name != "00800"
                    else type(picture)(name=picture.name, generation="2")
                )

        setup.input.pictures = replaced  # type: ignore[method-assign,assignment]
    setup.works()
    assert setup.cause(1) == "input_changed"
    done = {jobs.records_name(JOB, 0), jobs.records_name(JOB, 2)}
    assert set(setup.results.names(jobs.records_folder(JOB))) == done


def test_pictures_that_came_after_the_submission_are_ignored(tmp_path: Path) -> None:
    """A bucket that gets pictures all day can still have jobs; theirs is the next one."""
    setup = FleetSetup(tmp_path)
    setup.submit()
    expected = one_machine(setup)
    original = setup.input.pictures

    def with_later(first: str = "") -> Iterator[Picture]:
        later = [Picture(name=name, generation="2") for name in ("00100b", "00700b")]
        listed = [*original(), *later]
        yield from sorted((each for each in listed if each.name >= first), key=attrgetter("name"))

    setup.input.pictures = with_later  # type: ignore[method-assign]
    setup.works()
    assert setup.merged() == expected


@pytest.mark.parametrize(
    "data", [b"x", jobs.message(OTHER, 0), jobs.message(JOB, 9)], ids=["text", "job", "slice"]
)
def test_what_is_no_slice_is_given_back_without_a_trace(data: bytes, tmp_path: Path) -> None:
    """Whoever publishes must not be able to write objects; the dead letters show it."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.submit()
    setup.queue.messages.clear()
    before = set(setup.results.objects)
    setup.queue.publish(data)
    setup.works()
    assert set(setup.results.objects) - before == {"workers/workload-vm-ab12.json"}
    assert setup.queue.given_back.total() == 2


def test_an_edited_job_is_unknown(tmp_path: Path) -> None:
    """A worker does not guess what its slices were."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.submit()
    setup.results.objects[jobs.job_name(JOB)] += "{}\n"
    setup.works()
    assert setup.queue.given_back.total() == 2
    assert setup.merged() == ""


def notification(name: str, generation: str = "1") -> tuple[bytes, dict[str, str]]:
    """What Cloud Storage publishes about a new object."""
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "bucketId": "input",
        "objectId": name,
        "objectGeneration": generation,
    }
    return json.dumps({"size": "1"}).encode(), attributes


def test_each_new_picture_has_one_record(tmp_path: Path) -> None:
    """A picture that is announced twice, too; between slices of a job, and after them."""
    setup = FleetSetup(tmp_path, pictures=600)
    setup.queue.publish(*notification("00001"))
    setup.queue.publish(*notification("00007"))
    setup.submit()
    setup.queue.publish(*notification("00001"))
    setup.works()
    found = [
        json.loads(setup.results.objects[jobs.stream_name(name, "1")])
        for name in ("00001", "00007")
    ]
    assert [each["name"] for each in found] == ["00001", "00007"]
    assert found[1]["error"] == PictureFailure.DAMAGED
    assert len(list(setup.results.names(jobs.STREAM))) == 2
    assert setup.merged() == one_machine(setup)
    assert len(setup.queue.acknowledged) == 5


@pytest.mark.parametrize("gone", [VanishedError(), ChangedError()], ids=["none", "another"])
def test_a_generation_that_is_not_there_gets_no_record(gone: Exception, tmp_path: Path) -> None:
    """Else whoever may publish could announce the next one, and its own record would come late."""
    setup = FleetSetup(tmp_path, pictures=600)
    setup.input.contents["00001"] = gone
    setup.queue.publish(*notification("00001", "7"))
    setup.queue.publish(*notification("00002"))
    setup.works()
    assert list(setup.results.names(jobs.STREAM)) == [jobs.stream_name("00002", "1")]
    assert len(setup.queue.acknowledged) == 2


def test_a_message_is_acknowledged_only_after_its_records_are_written(tmp_path: Path) -> None:
    """If the bucket refuses them, the worker fails, and gives back what it had."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.submit()
    setup.results.refuses = jobs.records_name(JOB, 0)
    setup.works(WorkloadError)
    assert setup.queue.acknowledged == []
    assert set(setup.queue.given_back) == {"ack-0"}
    assert setup.cause(0) == "results_not_writable"


def test_a_failed_worker_says_why(tmp_path: Path) -> None:
    """In an object of its machine: the result bucket may have many workers, and no `result`."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.refusal = WorkloadError(Failure.RELEASE_REFUSED)
    setup.works(WorkloadError)
    cause = json.loads(setup.results.objects["workers/workload-vm-ab12.json"])
    assert (cause["error"], cause["machine"]) == ("release_refused", "workload-vm-ab12")
    assert "result" not in setup.results.objects


def test_invalid_settings_are_reported_too(tmp_path: Path) -> None:
    """With the sentence of each; a machine without a usable name is called `unknown`."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.environment |= {"SUBSCRIPTION": "x", "HOSTNAME": "../x"}
    setup.works(WorkloadError)
    assert "SUBSCRIPTION must be" in setup.results.objects["workers/unknown.json"]


def test_a_worker_that_starts_removes_the_failure_before(tmp_path: Path) -> None:
    """The object shows machines that fail now."""
    setup = FleetSetup(tmp_path, pictures=300)
    name = "workers/workload-vm-ab12.json"
    setup.results.objects[name] = "old"
    setup.submit()
    there: list[bool] = []
    setup.results.creating = lambda _: there.append(name in setup.results.objects)
    setup.works()
    assert there == [False]


def test_the_slices_at_work_are_known_to_the_supervisor(tmp_path: Path) -> None:
    """So that they are blamed if a picture or the model ends this process."""
    setup = FleetSetup(tmp_path, pictures=600)
    setup.submit()
    setup.works()
    first, second = (jobs.cause_name(JOB, number) for number in (0, 1))
    assert setup.work[0] == [first]
    assert [second] in setup.work
    assert setup.work[-1] == []


def test_a_slice_with_transient_failures_is_tried_again(tmp_path: Path) -> None:
    """As one machine would at its next start; nobody can overwrite records later."""
    setup = FleetSetup(tmp_path)
    setup.queue.counts, setup.queue.most_attempts = True, 9
    setup.submit()
    reads: list[int] = []
    original = setup.input.read

    def mended(picture: Picture, limit: int) -> bytes:
        reads.append(1) if picture.name == "00600" else None
        if len(reads) == 3:
            setup.input.contents["00600"] = b"\x10"
        return original(picture, limit)

    setup.input.read = mended  # type: ignore[method-assign]
    setup.works()
    assert setup.queue.given_back == {"ack-1": 2}
    assert setup.cause(1) == "transient_failures"
    assert "picture_not_readable" not in setup.merged()
    assert setup.merged() == one_machine(setup)


def test_after_the_last_delivery_transient_failures_are_records(tmp_path: Path) -> None:
    """Else the slice would be a dead letter, and its other pictures without a record."""
    setup = FleetSetup(tmp_path)
    setup.queue.counts, setup.queue.most_attempts = True, 9
    setup.submit()
    setup.works()
    assert setup.queue.given_back == {"ack-1": 5}
    assert setup.merged().count("picture_not_readable") == 1
    assert len(setup.queue.acknowledged) == 3


def test_a_new_picture_with_a_transient_failure_is_tried_again(tmp_path: Path) -> None:
    """The others that shared its batch have their records."""
    setup = FleetSetup(tmp_path)
    setup.queue.counts = True
    for name in ("00001", "00600", "00002"):
        setup.queue.publish(*notification(name))
    setup.works()
    assert sorted(setup.results.names(jobs.STREAM)) == sorted(
        jobs.stream_name(name, "1") for name in ("00001", "00002")
    )
    assert setup.queue.given_back == {"ack-1": 2}


def test_a_new_picture_that_failed_often_is_classified_alone(tmp_path: Path) -> None:
    """It may be the one that ends workers; the others must not share its end again and again."""
    setup = FleetSetup(tmp_path)
    setup.queue.counts = True
    for name in ("00001", "00002", "00003"):
        setup.queue.publish(*notification(name))
    setup.queue.given_back["ack-2"] = intake.ALONE_FROM - 1
    pieces: list[int] = []
    original = setup.input.read

    def read(picture: Picture, limit: int) -> bytes:
        pieces.append(len(setup.work))  # grows with each piece of work that begins or ends
        return original(picture, limit)

    setup.input.read = read  # type: ignore[method-assign]
    setup.works()
    assert sorted(Counter(pieces).values()) == [1, 2]
    assert len(list(setup.results.names(jobs.STREAM))) == 3


def test_a_new_picture_does_not_make_a_worker_take_many_slices(tmp_path: Path) -> None:
    """Other machines would be idle, and a crash would cost each of them a delivery."""
    setup = FleetSetup(tmp_path, pictures=20 * 512)
    setup.queue.most_attempts = 9
    setup.queue.publish(*notification("00001"))
    setup.submit()
    setup.works()
    assert setup.queue.most_held <= 3
    assert setup.merged() == one_machine(setup)


def test_many_new_pictures_share_batches(tmp_path: Path) -> None:
    """One at a time would use the model for one picture in each batch."""
    setup = FleetSetup(tmp_path)
    for number in range(100, 200):
        setup.queue.publish(*notification(f"{number:05}"))
    setup.works()
    assert len(list(setup.results.names(jobs.STREAM))) == 100
    assert len(setup.work) == 4  # two pieces of work, each begun and ended


def test_the_record_of_a_new_picture_says_where_it_comes_from(tmp_path: Path) -> None:
    """In the metadata of its object: another model may follow, and scores may be logits."""
    setup = FleetSetup(tmp_path)
    setup.queue.publish(*notification("00001"))
    setup.works()
    assert setup.results.metadata[jobs.stream_name("00001", "1")] == {
        "modelSha256": setup.environment["MODEL_SHA256"],
        "engine": "tensorflow-saved-model",
        "scores": "probabilities",
        "imageDigest": DIGEST,
        "machine": "workload-vm-ab12",
    }


def test_a_worker_that_refuses_because_of_what_it_is_waits(
    tmp_path: Path, waits: list[float]
) -> None:
    """Refusing is quick: it would take the slices away from the machines that can do them.

    So does an old machine that boots while the new image is deployed, after the first new job.
    """
    setup = FleetSetup(tmp_path, pictures=300)
    moment = dt.datetime.now(dt.UTC) - intake.OLD / 2
    setup.queue.published = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
    setup.submit(image_digest="sha256:" + "0" * 64)
    setup.works()
    assert waits == [intake.REFUSAL_SECONDS] * 2


def test_what_an_old_job_left_holds_no_machine_up(tmp_path: Path, waits: list[float]) -> None:
    """The messages were published before any machine of this image was there."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.queue.published = "2000-01-01T00:00:00.123Z"
    setup.submit(image_digest="sha256:" + "0" * 64)
    setup.works()
    assert setup.queue.given_back.total() == 2
    assert waits == []


def test_a_worker_that_does_not_know_its_image_fails(tmp_path: Path) -> None:
    """It would refuse every slice of every job, for as long as its machine lives."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.environment["ATTESTATION_TOKEN_FILE"] = str(tmp_path / "none")
    setup.submit()
    setup.works(WorkloadError)
    assert "attestation_token_missing" in setup.results.objects["workers/workload-vm-ab12.json"]


def test_a_failed_worker_gives_back_before_it_reports(tmp_path: Path) -> None:
    """A bucket that is the reason takes minutes to refuse the report."""
    setup = FleetSetup(tmp_path, pictures=300)
    setup.submit()
    setup.results.refuses = jobs.records_name(JOB, 0)
    before: list[int] = []
    original = setup.results.write

    def written(name: str, content: Path, content_type: str) -> str:
        before.append(setup.queue.given_back.total())
        return original(name, content, content_type)

    setup.results.write = written  # type: ignore[method-assign]
    setup.works(WorkloadError)
    assert len(before) == 2  # the machine and the slice
    assert before[0] >= 1
