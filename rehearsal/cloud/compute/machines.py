"""Runs the machines of the local cloud: one task boots a machine and powers it off at the end.

The work in between is in `rehearsal.cloud.confidential_space.launcher`.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rehearsal.cloud.confidential_space.claims import BootImage
from rehearsal.cloud.confidential_space.container import Disk
from rehearsal.cloud.confidential_space.launcher import Launch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from rehearsal.cloud.confidential_space.token_issuer import Issuer
    from rehearsal.cloud.state import Cloud, Instance


GENUINE_PLUGIN_SECONDS: Final = 10.0
"""How long a machine must stay on so that the genuine gcp plugin sees it RUNNING: after an insert
the plugin waits 5 s, and then up to 20 minutes for no other state."""
GRACE_SECONDS: Final = 30.0
"""How long a workload may go on after SIGTERM: of a Spot machine at most so long.
https://docs.cloud.google.com/compute/docs/instances/spot#preemption-process"""


@dataclass(frozen=True)
class _Power:
    """What is known of a machine that was powered on."""

    task: asyncio.Task[None]
    notice: asyncio.Event
    """set: the machine is about to be powered off"""
    idle: asyncio.Event
    """set: the launcher has exited"""
    finished: threading.Event = field(default_factory=threading.Event)


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
        self._powers: dict[str, _Power] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._shutdowns: set[asyncio.Task[None]] = set()

    def start(self, instance: Instance) -> None:
        """Power the machine on; returns at once."""
        self._loop = asyncio.get_running_loop()
        notice, idle = asyncio.Event(), asyncio.Event()
        task = self._loop.create_task(self._power_on(instance, notice, idle))
        power = self._powers[instance.id] = _Power(task, notice, idle)
        task.add_done_callback(lambda _: power.finished.set())

    def stop(self, instance: Instance) -> None:
        """Power the machine off, and kill its processes."""
        if power := self._powers.get(instance.id):
            self._cancel(power.task)

    async def shutdown(self, instance: Instance, grace: float = GRACE_SECONDS) -> None:
        """Send SIGTERM to the workload, and power the machine off at its end or after the grace.

        Until then the machine is STOPPING, then TERMINATED. The grace is in seconds.
        """
        instance.doc["status"] = "STOPPING"
        if power := self._powers.get(instance.id):
            power.notice.set()
            idle = asyncio.create_task(power.idle.wait())
            longest = min(grace, GRACE_SECONDS)
            await asyncio.wait(
                (idle, power.task), timeout=longest, return_when=asyncio.FIRST_COMPLETED
            )
            idle.cancel()
            self._cancel(power.task)
            await asyncio.wait([power.task])
        instance.doc["status"] = "TERMINATED"

    def begin_shutdown(self, instance: Instance) -> None:
        """Shut the machine down; returns at once, from the event loop."""
        instance.doc["status"] = "STOPPING"
        task = asyncio.get_running_loop().create_task(self.shutdown(instance))
        self._shutdowns.add(task)
        task.add_done_callback(self._shutdowns.discard)

    def preempt(self, instance: Instance, grace: float = GRACE_SECONDS) -> Future[None]:
        """Shut a machine down as Google takes a Spot machine back; from any thread.

        The future is done when the machine is TERMINATED; a group then makes the machine anew.
        """
        return asyncio.run_coroutine_threadsafe(self.shutdown(instance, grace), self._own_loop())

    def kill(self, instance: Instance) -> Future[None]:
        """Cut a machine's power without notice; as `preempt` otherwise."""
        return asyncio.run_coroutine_threadsafe(self._kill(instance), self._own_loop())

    async def _kill(self, instance: Instance) -> None:
        self.stop(instance)
        if power := self._powers.get(instance.id):
            await asyncio.wait([power.task])
        instance.doc["status"] = "TERMINATED"

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("no machine was ever powered on")
        return self._loop

    def finished(self, instance: Instance) -> threading.Event:
        """An event that is set when the launcher has exited and no process of the machine runs.

        KeyError for a machine that was never started.
        """
        return self._powers[instance.id].finished

    async def close(self) -> None:
        """Power all machines off, and wait for that."""
        tasks = [power.task for power in self._powers.values()]
        for task in tasks:
            self._cancel(task)
        await asyncio.gather(*tasks, return_exceptions=True)

    @staticmethod
    def _cancel(task: asyncio.Task[None]) -> None:
        if not task.cancelling():  # once: a second cancellation would interrupt the cleanup
            task.cancel()

    async def _power_on(
        self, instance: Instance, notice: asyncio.Event, idle: asyncio.Event
    ) -> None:
        boot = BootImage.named(_boot_source(instance))
        if boot is None or not self.boot:
            return  # another image has no launcher: the machine stays on
        disk = Disk(self.folder / instance.id)
        earliest_end = asyncio.get_running_loop().time() + self.least_seconds
        try:
            outside = self.client_environment
            launch = Launch(self.cloud, self.issuer, outside, instance, boot, disk, notice)
            stays_on = await launch.stays_on()
            idle.set()
            if not stays_on:
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
