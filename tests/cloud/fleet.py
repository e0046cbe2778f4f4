"""A deployed fleet in the local cloud, without machines: its buckets, its topic, its operator."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from google.oauth2.credentials import Credentials

from ops.fleet import deployed, submission
from ops.google_api import GoogleApi
from rehearsal.cloud.state import StoredObject
from tests.cloud.rest_requests import asker
from workload import records
from workload.errors import PictureFailure
from workload.fleet import jobs

if TYPE_CHECKING:
    from google.cloud.storage import Client

    from rehearsal.cloud.state import Cloud

PROJECT: Final = "secundus-vision"
OPERATOR: Final = "user:deployer@secundus.example"
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

    def write(self, name: str, content: bytes) -> None:
        """Put an object into the result bucket."""
        self.client.bucket(RESULT).blob(name).upload_from_string(content)

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

    def records(self, job: jobs.Job, number: int, *failed: str) -> bytes:
        """What one machine would write about a slice; some pictures failed."""
        part = job.slices[number]
        begin = int(part.first[:4])
        generation = self.cloud.buckets[INPUT].objects["0000.png"].meta["generation"]
        outcomes: dict[str, records.Outcome] = dict.fromkeys(failed, PictureFailure.DAMAGED)
        lines = []
        for each in range(begin, begin + part.pictures):
            picture = records.Picture(name=f"{each:04}.png", generation=str(generation))
            score = records.Score(1, "crack", 1 / (2 + each))
            record = records.record(picture, outcomes.get(picture.name, [score]))
            lines.append(records.line(records.rounded(record, "probabilities")))
        return "".join(lines).encode()

    def work(self, job: jobs.Job, number: int, /, *failed: str, **heading: object) -> bytes:
        """Write the records of a slice as a worker does; returns them without the heading."""
        head, content = job.head, self.records(job, number, *failed)
        data = {
            "schema": "confidential-inference/slice/v1",
            "job": head.job,
            "slice": number,
            "fingerprint": job.slices[number].fingerprint,
            "modelSha256": head.model_sha256,
            "engine": "litert",
            "scores": "probabilities",
            "imageDigest": head.image_digest,
            "machine": f"workload-vm-{number % 2}",
            "started": f"2027-01-01T00:00:{10 * number:02}Z",
            "finished": f"2027-01-01T00:00:{10 * number + 8:02}Z",
            **heading,
        }
        name = jobs.records_name(head.job, number)
        self.write(name, json.dumps(data).encode() + b"\n" + content)
        return content

    def cause(self, name: str, error: str, reason: str, machine: str = "workload-vm-9") -> None:
        """Write why a slice, or a machine, failed."""
        data = {
            "schema": "confidential-inference/cause/v1",
            "error": error,
            "reason": reason,
            "machine": machine,
            "imageDigest": "x",
        }
        self.write(name, json.dumps(data).encode())

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
