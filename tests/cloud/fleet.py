"""A deployed fleet in the local cloud, without machines: its buckets, its topic, its operator."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from google.oauth2.credentials import Credentials

from ops.fleet import deployed, submission
from ops.google_api import GoogleApi
from rehearsal.cloud.state import StoredObject
from tests.cloud.rest_requests import asker
from tests.fixtures.submitters_grants import GRANTS
from workload.checkpoints import Origin
from workload.errors import PictureFailure
from workload.fleet import jobs
from workload.fleet.records import Author, cause
from workload.records import Picture, Score

if TYPE_CHECKING:
    from collections.abc import Collection

    from google.cloud.storage import Client

    from rehearsal.cloud.state import Cloud
    from workload.records import Outcome

PROJECT: Final = "secundus-vision"
OPERATOR: Final = "user:deployer@secundus.example"
SUBMITTER: Final = "user:ann@secundus.example"
INPUT, RESULT = "input-bucket", "result-bucket"
TOPIC: Final = f"projects/{PROJECT}/topics/workload-slices"
SUBSCRIPTION: Final = f"projects/{PROJECT}/subscriptions/workload-slices"
DEAD_TOPIC: Final = f"projects/{PROJECT}/topics/workload-dead-letters"
DEAD_LETTERS: Final = f"projects/{PROJECT}/subscriptions/workload-dead-letters"
EXPORTED: Final[dict[str, Any]] = {
    "inputUri": f"gs://{INPUT}",
    "resultUri": f"gs://{RESULT}",
    "image": f"us-docker.pkg.dev/x/y/workload@sha256:{'a' * 64}",
    "project": PROJECT,
    "fleet": {
        "topic": TOPIC,
        "subscription": SUBSCRIPTION,
        "deadLetters": DEAD_LETTERS,
        "picturesPerSlice": 512,
        "modelSha256": "b" * 64,
        "zones": ["us-west1-b"],
        "group": "workload-fleet",
    },
}
"""The outputs of the stack."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The fleet, and what its operator and its workers do."""

    cloud: Cloud
    client: Client
    api: GoogleApi

    def upload(self, name: str, content: bytes) -> str:
        """Put a picture into the input bucket; returns its generation."""
        blob = self.client.bucket(INPUT).blob(name)
        blob.upload_from_string(content)
        return str(blob.generation)

    def grant(self, member: str, but: str = "") -> None:
        """Give a member what the stack gives to one of `fleet.submitters`, all or all but one."""
        policies = {
            "topic": self.cloud.topics[TOPIC].policy,
            "dead letters": self.cloud.subscriptions[DEAD_LETTERS].policy,
            "input": self.cloud.buckets[INPUT].policy,
            "result": self.cloud.buckets[RESULT].policy,
        }
        for name, policy in policies.items():
            if name != but:
                policy.bindings.append({"role": GRANTS[name], "members": [member]})

    def generation(self, name: str) -> str | None:
        """Of a picture in the input bucket; None if it is not there."""
        found = self.cloud.buckets[INPUT].objects.get(name)
        return str(found.meta["generation"]) if found else None

    def write(self, name: str, content: bytes, metadata: dict[str, str] | None = None) -> None:
        """Put an object into the result bucket."""
        blob = self.client.bucket(RESULT).blob(name)
        blob.metadata = metadata
        blob.upload_from_string(content)

    def compress(self, name: str) -> None:
        """Have an object of the result bucket compressed, with the encoding that says so."""
        content = self.cloud.buckets[RESULT].objects[name].data
        blob = self.client.bucket(RESULT).blob(name)
        blob.content_encoding = "gzip"
        blob.upload_from_string(gzip.compress(content))

    def names(self) -> list[str]:
        """The objects in the result bucket."""
        return sorted(self.cloud.buckets[RESULT].objects)

    def job(self, job: str) -> jobs.Job:
        """A job, as its object says."""
        content = self.cloud.buckets[RESULT].objects[jobs.job_name(job)].data
        return jobs.parse(content.decode().splitlines(), job)

    def submitted(self, pictures: int) -> jobs.Job:
        """A job with so many pictures, of which each slice has 512."""
        self.upload("0000.png", b"x")
        stored = self.cloud.buckets[INPUT].objects
        for number in range(1, pictures):
            name = f"{number:04}.png"
            stored[name] = StoredObject({**stored["0000.png"].meta, "name": name}, b"x")
        fleet = deployed.of_outputs("secundus", EXPORTED)
        return self.job(submission.submit(fleet, lambda _: None).job)

    def outcomes(self, part: jobs.Slice, failed: Collection[str]) -> list[tuple[Picture, Outcome]]:
        """What the model says of the pictures of a slice, of which some cannot be decoded."""
        generation = str(self.cloud.buckets[INPUT].objects["0000.png"].meta["generation"])
        begin = int(part.first[:4])
        names = [f"{number:04}.png" for number in range(begin, begin + part.pictures)]
        return [
            (
                Picture(name=name, generation=generation),
                PictureFailure.DAMAGED if name in failed else [Score(1, "crack", 1 / 3)],
            )
            for name in names
        ]

    def work(self, job: jobs.Job, number: int, /, *failed: str, **heading: object) -> bytes:
        """Write the records of a slice as a worker does; returns them without the heading."""
        head = job.head
        origin = Origin(
            model_sha256=head.model_sha256,
            engine="litert",
            scores="probabilities",
            image_digest=head.image_digest,
        )
        author = Author(machine=f"workload-vm-{number % 2}", origin=origin)
        started = dt.datetime(2027, 1, 1, second=10 * number, tzinfo=dt.UTC)
        piece, finished = job.slices[number], started + dt.timedelta(seconds=8)
        first = author.heading(head.job, piece, started, finished)
        rest = author.published(self.outcomes(piece, failed)).encode()
        edited = json.dumps({**json.loads(first), **heading}).encode()
        self.write(jobs.records_name(head.job, number), edited + b"\n" + rest)
        return rest

    def cause(self, name: str, error: str, reason: str, machine: str = "workload-vm-9") -> None:
        """Write why a slice, or a machine, failed, as a worker does."""
        self.write(name, cause(error, reason, machine, None))

    def dead_letter(self, *data: object, **attributes: str) -> None:
        """Publish dead letters with such data, as Pub/Sub forwards them."""
        messages = [
            {
                "data": base64.b64encode(json.dumps(each).encode()).decode(),
                "attributes": attributes,
            }
            for each in data
        ]
        self.api.post(f"pubsub.googleapis.com/v1/{DEAD_TOPIC}:publish", {"messages": messages})


def deploy(cloud: Cloud, client: Client) -> Deployed:
    """The buckets, topics and subscriptions; `client` is the operator's."""
    roles = ["storage.admin", "pubsub.admin"]
    ask = asker(cloud, PROJECT, roles, ["pubsub", "storage"], "https://pubsub.googleapis.com/v1/")
    for topic, subscription in ((TOPIC, SUBSCRIPTION), (DEAD_TOPIC, DEAD_LETTERS)):
        assert ask("PUT", topic).status_code == 200
        assert ask("PUT", subscription, {"topic": topic}).status_code == 200
    for name in (INPUT, RESULT):
        client.create_bucket(name, project=PROJECT, location="us-west1")
    credentials = Credentials(cloud.mint(OPERATOR))  # type: ignore[no-untyped-call]  # untyped
    return Deployed(cloud=cloud, client=client, api=GoogleApi(credentials))
