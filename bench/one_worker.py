"""A job for one machine of a fleet, as a deployment and `submit` would leave it in the local cloud.

Without Pulumi and without groups, so that nothing but the worker's own way of working is measured.
"""

from __future__ import annotations

import base64
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bench.process import FailedError, cpu
from bench.projects import PICTURES, RESULTS, SUBSCRIPTION, fill, image_digest
from ops.fleet.slices import cut
from rehearsal.cloud.pubsub.backlog import Message
from workload.fleet import jobs
from workload.records import Picture

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud

JOB: Final = "20261128-000000-000000"
PER_SLICE: Final = 4096
"""The default of `fleet.picturesPerSlice`."""
SUBMITTED: Final = "2026-11-28T00:00:00Z"


def submit(cloud: Cloud, model_sha256: str) -> None:
    """Writes the job of all pictures, and publishes its slices."""
    pictures = [
        Picture(name=name, generation=stored.meta["generation"], size=len(stored.data))
        for name, stored in sorted(cloud.buckets[PICTURES].objects.items())
    ]
    slices = list(cut(pictures, PER_SLICE))
    head = jobs.Head(
        job=JOB,
        input_bucket=PICTURES,
        model_sha256=model_sha256,
        image_digest=image_digest(cloud),
        pictures=len(pictures),
        slices=len(slices),
        pictures_per_slice=PER_SLICE,
        newest=max(int(picture.generation) for picture in pictures),
        submitted=SUBMITTED,
    )
    text = "".join([head.line(), *(each.line() for each in slices)])
    fill(cloud, RESULTS, {jobs.job_name(JOB): text.encode()})
    backlog = cloud.subscriptions[SUBSCRIPTION].backlog
    for each in slices:
        data = base64.b64encode(jobs.message(JOB, each.number)).decode()
        backlog.add(Message(id=f"{each.number}", data=data, attributes={}, published=SUBMITTED))


def records(cloud: Cloud) -> bytes:
    """The records of the job without their headings: what one machine would have published."""
    objects = cloud.buckets[RESULTS].objects
    names = sorted(name for name in objects if name.startswith(jobs.records_folder(JOB)))
    return b"".join(objects[name].data.partition(b"\n")[2] for name in names)


@dataclass
class Stop:
    """Stops the worker once it has acknowledged every message: by itself it never ends."""

    cloud: Cloud
    cpu: float | None = None
    """Seconds of processor time until then: a stopped worker waits for none of its decoders."""

    def watch(self, pid: int) -> None:
        """FailedError if a slice is refused, which would be delivered again and again."""
        for name, stored in list(self.cloud.buckets[RESULTS].objects.items()):
            if name.startswith(jobs.causes_folder(JOB)):
                raise FailedError(f"{name}: got {stored.data.decode()}, expected no such object")
        if self.cpu is None and not len(self.cloud.subscriptions[SUBSCRIPTION].backlog):
            self.cpu = cpu(pid)
            os.kill(pid, signal.SIGTERM)
