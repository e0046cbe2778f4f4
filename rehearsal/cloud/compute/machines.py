"""Runs the machines of the local cloud: one task boots a machine and powers it off at the end.

The work in between is in `rehearsal.cloud.confidential_space.launcher`.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from typing import TYPE_CHECKING, Final

from rehearsal.cloud.confidential_space.claims import BootImage
from rehearsal.cloud.confidential_space.container import Disk
from rehearsal.cloud.confidential_space.launcher import Launch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rehearsal.cloud.confidential_space.token_issuer import Issuer
    from rehearsal.cloud.state import Cloud, Instance


GENUINE_PLUGIN_SECONDS: Final = 10.0
"""How long a machine must stay on so that the genuine gcp plugin sees it RUNNING: after an insert
the plugin waits 5 s, and then up to 20 minutes for no other state."""


class RunningMachines:
    """Runs machines: each one is an asyncio task on the cloud's event loop.

    `client_environment` leads a workload to the local cloud: proxy and certificates. A machine
    stays on for at least `least_seconds`, even if its workload ends earlier: booting a real one
    takes longer. If `boot` is false, each stays on and runs nothing. A caller may change both
    before a machine starts.
    """

    def __init__(
        self, cloud: Cloud, issuer: Issuer, folder: Path, client_environment: Mapping[str, str]
    ) -> None:
        self.cloud = cloud
        self.issuer = issuer
        self.folder = folder
        self.client_environment = client_environment
        self.least_seconds = 0.0
        self.boot = True
        self._running: dict[str, asyncio.Task[None]] = {}
        self._finished: dict[str, threading.Event] = {}

    def start(self, instance: Instance) -> None:
        """Power the machine on; returns at once."""
        finished = self._finished[instance.id] = threading.Event()
        task = asyncio.get_running_loop().create_task(self._power_on(instance))
        task.add_done_callback(lambda _: finished.set())
        self._running[instance.id] = task

    def stop(self, instance: Instance) -> None:
        """Power the machine off, and kill its processes."""
        if task := self._running.get(instance.id):
            self._cancel(task)

    def finished(self, instance: Instance) -> threading.Event:
        """An event that is set when the launcher has exited and no process of the machine runs.

        KeyError for a machine that was never started.
        """
        return self._finished[instance.id]

    async def close(self) -> None:
        """Power all machines off, and wait for that."""
        for task in self._running.values():
            self._cancel(task)
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    @staticmethod
    def _cancel(task: asyncio.Task[None]) -> None:
        if not task.cancelling():  # once: a second cancellation would interrupt the cleanup
            task.cancel()

    async def _power_on(self, instance: Instance) -> None:
        boot = BootImage.named(_boot_source(instance))
        if boot is None or not self.boot:
            return  # another image has no launcher: the machine stays on
        disk = Disk(self.folder / instance.id)
        earliest_end = asyncio.get_running_loop().time() + self.least_seconds
        try:
            launch = Launch(self.cloud, self.issuer, self.client_environment, instance, boot, disk)
            if not await launch.stays_on():
                await _until(earliest_end)
                instance.doc["status"] = "TERMINATED"
        finally:
            # The key of a real disk is in memory only.
            shutil.rmtree(disk.folder, ignore_errors=True)


async def _until(moment: float) -> None:
    """Wait until the event loop's clock reaches a moment."""
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


def _boot_source(instance: Instance) -> str:
    sources = [
        (disk.get("initializeParams") or {}).get("sourceImage", "")
        for disk in instance.doc.get("disks", [])
        if disk.get("boot")
    ]
    return sources[0] if sources else ""
