"""The job that the measurement of a fleet's worker leaves in the local cloud."""

from __future__ import annotations

import base64
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

from bench import one_worker
from bench.process import FailedError
from bench.projects import (
    PICTURES,
    RESULTS,
    SUBSCRIPTION,
    cloud_with_projects,
    fill,
    image_digest,
    machine,
)
from workload.fleet import jobs
from workload.records import Picture

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud

MODEL = "ab" * 32


@pytest.fixture
def cloud() -> Cloud:
    """5,000 pictures, submitted."""
    cloud = cloud_with_projects()
    fill(cloud, PICTURES, {f"{at:04}.jpg": b"x" * (1 + at % 7) for at in range(5000)})
    one_worker.submit(cloud, MODEL)
    return cloud


def acknowledge(cloud: Cloud) -> list[dict[str, object]]:
    """Take and acknowledge every message; their data."""
    backlog, found = cloud.subscriptions[SUBSCRIPTION].backlog, []
    for each in list(backlog.pull(0, 99, 60)):
        found.append(json.loads(base64.b64decode(each.message.data)))
        backlog.acknowledge(each.ack_id)
    return found


def test_the_job_is_one_that_the_workload_reads(cloud: Cloud) -> None:
    """Of this image and model; two slices, with the fingerprints of their listings."""
    text = cloud.buckets[RESULTS].objects[jobs.job_name(one_worker.JOB)].data.decode()
    job = jobs.parse(text.splitlines(), one_worker.JOB)
    assert (job.head.image_digest, job.head.model_sha256) == (image_digest(cloud), MODEL)
    assert [(each.first, each.pictures) for each in job.slices] == [
        ("0000.jpg", 4096),
        ("4096.jpg", 904),
    ]
    listed = [
        Picture(name=f"{at:04}.jpg", generation=f"{at + 1}", size=1 + at % 7) for at in range(5000)
    ]
    assert job.slices[1].fingerprint == jobs.fingerprint(listed[4096:])


def test_each_slice_has_a_message(cloud: Cloud) -> None:
    """In the order of the job."""
    assert acknowledge(cloud) == [{"job": one_worker.JOB, "slice": each} for each in (0, 1)]


def test_the_machine_gets_its_work_from_the_subscription() -> None:
    """Which a machine by itself does not have."""
    assert machine(MODEL, of_fleet=True).metadata["tee-env-SUBSCRIPTION"] == SUBSCRIPTION
    assert "tee-env-SUBSCRIPTION" not in machine(MODEL).metadata


def test_the_records_are_those_of_all_slices_without_headings(cloud: Cloud) -> None:
    """In the order of the slices, whichever was written first."""
    headed = {1: b"heading\nc\n", 0: b"heading\na\nb\n"}
    names = {jobs.records_name(one_worker.JOB, number): data for number, data in headed.items()}
    fill(cloud, RESULTS, {**names, jobs.cause_name(one_worker.JOB, 1): b"{}"})
    assert one_worker.records(cloud) == b"a\nb\nc\n"


def test_the_worker_is_stopped_once_when_everything_is_acknowledged(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before; and not again, while it ends."""
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    monkeypatch.setattr(one_worker, "cpu", lambda pid: pid / 2)
    stop = one_worker.Stop(cloud)
    stop.watch(17)
    assert (signals, stop.cpu) == ([], None)
    acknowledge(cloud)
    stop.watch(17)
    stop.watch(17)
    assert (signals, stop.cpu) == ([(17, signal.SIGTERM)], 8.5)


def test_a_slice_that_is_refused_ends_the_measurement(cloud: Cloud) -> None:
    """It would be refused for ever; the message has the cause."""
    fill(cloud, RESULTS, {jobs.cause_name(one_worker.JOB, 1): b"input_changed"})
    with pytest.raises(FailedError, match=r"0000001\.json: got input_changed"):
        one_worker.Stop(cloud).watch(17)
