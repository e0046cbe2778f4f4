"""A deployed fleet in the local cloud, without machines: its buckets, its topic, its operator."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from google.oauth2.credentials import Credentials

from ops.google_api import GoogleApi
from tests.cloud.rest_requests import asker
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
