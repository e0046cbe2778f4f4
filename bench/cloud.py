"""Measures runs through the local cloud: the real process with the real client libraries.

The launcher's own code prepares the container; this module starts the process itself, to watch its
memory. The times come from the requests that the process sends to the cloud, so the workload is
unchanged.
"""

from __future__ import annotations

import asyncio
import compileall
import hashlib
import json
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import one_worker, process
from bench.connection import Connection
from bench.figures import Sample
from bench.projects import MODEL, MODELS, PICTURES, RESULTS, cloud_with_projects, fill, machine
from bench.subjects import TREE
from rehearsal.cloud.confidential_space import container
from rehearsal.cloud.confidential_space.claims import BootImage
from rehearsal.cloud.confidential_space.launcher import Launch
from rehearsal.cloud.http.server import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.connection import Request
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud, Instance

START_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class BenchCloud:
    """A running local cloud with both projects, and the connection to it."""

    local: LocalCloud
    connection: Connection

    published: dict[tuple[Path, int], bytes] = field(default_factory=dict)
    """The records of one machine, by archive and number of pictures."""

    def workload(self, archive: Path, pictures: Mapping[str, bytes], latency: float) -> Sample:
        """Runs the workload as the launcher would start it."""
        cloud, sha256 = self.local.cloud, self._filled(archive, pictures)
        fill(cloud, RESULTS, {})
        with self._machine(machine(sha256)) as (command, folder, env):
            sample = self._measure(command, folder, env, len(pictures), latency)
        self.published[archive, len(pictures)] = self._complete("results.jsonl", len(pictures))
        return sample

    def worker(self, archive: Path, pictures: Mapping[str, bytes], latency: float) -> Sample:
        """Runs the workload as the only machine of a fleet, after one machine by itself.

        FailedError unless both leave the same records, byte for byte.
        """
        cloud, sha256 = self.local.cloud, self._filled(archive, pictures)
        one_worker.submit(cloud, sha256)
        stop = one_worker.Stop(cloud)
        with self._machine(machine(sha256, of_fleet=True)) as (command, folder, env):
            sample = self._measure(command, folder, env, len(pictures), latency, stop.watch)
        if one_worker.records(cloud) != self.published[archive, len(pictures)]:
            raise process.FailedError(
                f"{archive.name}, {len(pictures)} pictures: got other records from a machine of a"
                " fleet than from one by itself; a ratio of their times would say nothing"
            )
        return replace(sample, cpu=stop.cpu or 0.0)

    def _filled(self, archive: Path, pictures: Mapping[str, bytes]) -> str:
        """Puts pictures and model into their buckets; the model's SHA-256."""
        packed = archive.read_bytes()
        fill(self.local.cloud, PICTURES, pictures)
        fill(self.local.cloud, MODELS, {MODEL: packed})
        return hashlib.sha256(packed).hexdigest()

    def naive(self, model: Path, pictures: Mapping[str, bytes], latency: float) -> Sample:
        """Runs the naive loop on the same machine, with an unpacked model."""
        fill(self.local.cloud, PICTURES, pictures)
        fill(self.local.cloud, RESULTS, {})
        command = [sys.executable, "-m", "bench.naive", str(model)]
        command += [f"gs://{PICTURES}", f"gs://{RESULTS}", "--count", str(len(pictures))]
        with self._machine(machine("0" * 64)) as (_, folder, env):
            with_tree = {**env, "PYTHONPATH": str(TREE)}
            sample = self._measure(command, folder, with_tree, len(pictures), latency)
        self._complete("result", len(pictures))
        return sample

    @contextmanager
    def _machine(self, instance: Instance) -> Iterator[tuple[list[str], Path, dict[str, str]]]:
        """Command, folder and environment of the container; writes its token."""
        with tempfile.TemporaryDirectory() as scratch, _metadata(self.local.cloud, instance) as at:
            boot = BootImage(debug=False, version="260900")
            disk = container.Disk(Path(scratch))
            environment = self.local.environment()
            launch = Launch(self.local.cloud, self.local.issuer, environment, instance, boot, disk)
            ready = launch.measure()
            # As the image's build does; otherwise each start would compile all modules.
            compileall.compile_dir(disk.root, quiet=2)
            folder = disk.root / (ready.image.config.get("WorkingDir") or "/").lstrip("/")
            env = disk.environment(ready.container.env, environment, at)
            yield disk.command(ready.container.args), folder, env

    def _measure(
        self,
        command: list[str],
        folder: Path,
        env: Mapping[str, str],
        count: int,
        latency: float,
        watch: Callable[[int], None] = lambda _: None,
    ) -> Sample:
        self.connection.latency, before = latency, time.process_time()
        self.connection.requests.clear()
        finished = process.run(command, env, folder, watch=watch)
        cloud_cpu = time.process_time() - before
        begun, done, first, exchanged = moments(self.connection.requests)
        return Sample(
            pictures=count,
            seconds=done - begun,
            cpu=finished.cpu,
            peak=finished.peak,
            first=first - finished.started,
            release=begun - exchanged if exchanged else 0.0,
            cloud_cpu=cloud_cpu,
        )

    def _complete(self, name: str, count: int) -> bytes:
        """The records; FailedError unless every picture was classified: failures are fast, too."""
        data = self.local.cloud.buckets[RESULTS].objects[name].data
        classified = sum("topK" in json.loads(line) for line in data.splitlines())
        if classified != count:
            raise process.FailedError(
                f"gs://{RESULTS}/{name}: got {classified} classified pictures, expected {count}"
            )
        return data


@contextmanager
def bench_cloud() -> Iterator[BenchCloud]:
    """A local cloud with both projects, until the block ends."""
    connection = Connection()
    with running(cloud_with_projects(), middleware=connection.around) as local:
        yield BenchCloud(local=local, connection=connection)


def moments(requests: list[Request]) -> tuple[float, float, float, float]:
    """Times of: first request for work, last result, first result, request for the model.

    Work is asked for by a listing, or by a pull in a fleet; the first one after the model's
    download, so the model is loaded by then. A fleet's last result is its acknowledgement. The last
    time is 0 if no model was requested.
    """
    fetched = [each.answered for each in requests if f"/b/{MODELS}/" in each.path]
    exchanged = [each.arrived for each in requests if each.path == "/v1/token"]
    begun = min(
        each.arrived
        for each in requests
        if each.path == f"/storage/v1/b/{PICTURES}/o" or each.path.endswith(":pull")
        if each.arrived > max(fetched, default=0.0)
    )
    written = [
        each.answered
        for each in requests
        if each.path.startswith(f"/upload/storage/v1/b/{RESULTS}/") and each.arrived > begun
    ]
    ended = [each.answered for each in requests if each.path.endswith(":acknowledge")]
    return begun, max(written + ended), min(written), min(exchanged, default=0.0)


@contextmanager
def _metadata(cloud: Cloud, instance: Instance) -> Iterator[str]:
    """Runs the machine's metadata server; gives host and port."""
    ready, stopped = threading.Event(), asyncio.Event()
    server: list[tuple[str, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with container.metadata_server(cloud, instance) as address:
            server.append((address, asyncio.get_running_loop()))
            ready.set()
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="metadata", daemon=True)
    thread.start()
    if not ready.wait(START_SECONDS):
        raise TimeoutError("the metadata server did not start")
    address, loop = server[0]
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
