"""A machine of Secundus' fleet that has the model, in this process: what it makes of a message.

It is the workload's own code with Google's own client of Cloud Storage, on the buckets of a target.
Only the model is not here: every picture gets the same outcome.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.cloud import storage as google_storage

from ops.fleet.slices import cut
from rehearsal.attacks import rest_api
from rehearsal.attacks.rest_api import WORKLOAD
from workload import storage
from workload.checkpoints import Origin
from workload.errors import PictureFailure
from workload.fleet import jobs
from workload.fleet.assignments import Assignments, WorkContext
from workload.fleet.messages import PictureMessage, SliceMessage
from workload.fleet.preparation import Preparation
from workload.fleet.records import Author
from workload.fleet.subscription import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.attacks.deployment import Target
    from rehearsal.cloud.state import Json
    from workload.fleet.intake import Work

INPUT = "secundus-vision-input-bucket"
JOB = "20260101-120000-00c0de"
PICTURES_PER_SLICE = 2
OUTCOME = PictureFailure.DAMAGED

Message = dict[str, Any]
"""As Pub/Sub's REST API shows it."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One machine of the fleet."""

    pictures: storage.Bucket
    results: storage.Bucket
    author: Author
    preparation: Preparation
    folder: Path

    def work(self, message: Message) -> Work | None:
        """The work of a message; None if there is nothing to do, SliceError if it is refused."""
        match self.preparation.parse(message):
            case SliceMessage() as asked:
                return self.preparation.slice_work(asked)
            case PictureMessage() as picture:
                return self.preparation.stream_work([picture])
        return None

    def complete(self, work: Work) -> None:
        """Classify the pictures of this work, and write their records."""
        given: Any = _Given(work)
        context = WorkContext(
            leases=given, results=self.results, author=self.author, folder=self.folder
        )
        done = Assignments(given, context, lambda _: None)
        done.add([(picture, OUTCOME) for picture in done.pictures()])


class _Given:
    """Work that is ready, in place of the intake, and the lease of its message."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def next(self, *, wait: bool) -> tuple[Work, tuple[Delivery, ...]] | None:
        """The work, once."""
        return (self._work, (Delivery(ack_id="", message={}),)) if wait else None

    def acknowledge(self, _: object) -> None:
        """Do nothing: no subscription delivered the message."""

    def give_back(self, _: object) -> None:
        """The same."""


@contextmanager
def worker(target: Target, image: str = "") -> Iterator[Worker]:
    """A machine with the released model; with another image than the published one, if named."""
    session = rest_api.session(target, WORKLOAD)
    client = google_storage.Client(project=None, credentials=session.credentials, _http=session)
    pictures, results = (
        storage.Bucket(client.bucket(name)) for name in (INPUT, target.result_bucket)
    )
    origin = Origin(
        model_sha256=target.handover["modelSha256"],
        engine="saved-model",
        scores="probabilities",
        image_digest=image or str(target.image.digest),
    )
    author = Author(machine="workload-vm-0000", origin=origin)
    with tempfile.TemporaryDirectory() as private:
        preparation = Preparation((INPUT, pictures), results, author, Path(private))
        yield Worker(
            pictures=pictures,
            results=results,
            author=author,
            preparation=preparation,
            folder=Path(private),
        )


def submit(target: Target, edit: Callable[[list[Json]], None] = lambda _: None) -> None:
    """Put a job into the result bucket, as `submit` writes it; `edit` changes its lines before."""
    with worker(target) as machine:
        listed = list(machine.pictures.pictures())
        slices = list(cut(listed, PICTURES_PER_SLICE))
        head = jobs.Head(
            job=JOB,
            input_bucket=INPUT,
            model_sha256=target.handover["modelSha256"],
            image_digest=str(target.image.digest),
            pictures=len(listed),
            slices=len(slices),
            pictures_per_slice=PICTURES_PER_SLICE,
            newest=max(int(picture.generation) for picture in listed),
            submitted="2026-01-01T12:00:00Z",
        )
        lines = [json.loads(line) for line in (head.line(), *(each.line() for each in slices))]
        edit(lines)
        content = machine.folder / "job.jsonl"
        content.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert machine.results.create(jobs.job_name(JOB), content, "application/jsonl")
