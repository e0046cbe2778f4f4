"""The end of a machine: with notice to its workload, or without."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.cloud.compute import machines
from rehearsal.cloud.compute.group_controller import GroupController
from rehearsal.cloud.confidential_space import process_group
from rehearsal.cloud.state import Group
from tests.cloud import test_confidential_space
from tests.cloud.test_confidential_space import LINK, SUBNET, Rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from rehearsal.cloud.compute.machines import RunningMachines
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Instance

WORKER = """\
import os, signal, sys
held = os.open(os.environ["HOLD"], os.O_WRONLY)
def end(*_):
    os.write(held, b"notice\\n")
    sys.exit(int(os.environ.get("EXIT", "0")))
signal.signal(signal.SIGTERM, end)
os.write(held, b"holding\\n")
while True:
    signal.pause()
"""


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe; reading it to its end waits until every writer is dead."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def rehearsal(
    local: LocalCloud, tmp_path: Path, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> Rehearsal:
    """A cloud with a workload that runs until it gets SIGTERM."""
    monkeypatch.setattr(test_confidential_space, "PROBE", WORKER)
    rehearsal = Rehearsal(local, tmp_path)
    rehearsal.metadata["tee-env-HOLD"] = str(pipe)
    return rehearsal


def ending(
    pipe: Path, end: Callable[[RunningMachines, Instance], Coroutine[Any, Any, None]]
) -> tuple[list[str], Callable[[RunningMachines, Instance], Coroutine[Any, Any, None]]]:
    """What the workload says after its start, once it has ended in this way."""
    said: list[str] = []

    async def during(running: RunningMachines, instance: Instance) -> None:
        with await asyncio.to_thread(pipe.open) as reader:
            assert await asyncio.to_thread(reader.readline) == "holding\n"
            await end(running, instance)
            said.append(await asyncio.to_thread(reader.read))

    return said, during


async def shutdown(running: RunningMachines, instance: Instance) -> None:
    """Power-off with notice."""
    await running.shutdown(instance)


def test_a_shutdown_gives_notice_and_waits_for_the_workload(
    rehearsal: Rehearsal, pipe: Path
) -> None:
    """It may still say what it has done; the console has the launcher's usual messages."""
    said, during = ending(pipe, shutdown)
    instance = rehearsal.run(during)
    assert said == ["notice\n"]
    assert instance.doc["status"] == "TERMINATED"
    assert "workload task ended and returned 0" in instance.serial[-2]
    assert "workload finished successfully, shutting down the VM" in instance.serial[-1]


def test_a_workload_may_fail_after_the_notice(rehearsal: Rehearsal, pipe: Path) -> None:
    """The launcher says so, as at any other time."""
    rehearsal.dockerfile = rehearsal.dockerfile.replace("GREETING=hello", "EXIT=3")
    _, during = ending(pipe, shutdown)
    assert "workload finished with a non-zero return code" in rehearsal.run(during).serial[-2]


def test_a_workload_that_goes_on_is_killed_after_the_grace(
    rehearsal: Rehearsal, pipe: Path
) -> None:
    """Power-off comes in any case; here there is no grace at all."""

    async def end(running: RunningMachines, instance: Instance) -> None:
        await running.shutdown(instance, 0.0)

    said, during = ending(pipe, end)
    instance = rehearsal.run(during)
    assert said[0] in ("", "notice\n")
    assert instance.doc["status"] == "TERMINATED"
    assert not any("workload task ended" in line for line in instance.serial)


def test_a_machine_without_power_ends_without_notice(rehearsal: Rehearsal, pipe: Path) -> None:
    """As when the hardware fails; from a thread that is not the cloud's."""

    async def end(running: RunningMachines, instance: Instance) -> None:
        await asyncio.to_thread(running.kill(instance).result)

    said, during = ending(pipe, end)
    instance = rehearsal.run(during)
    assert said == [""]
    assert instance.doc["status"] == "TERMINATED"
    assert "workload task started" in instance.serial[-1]


def test_a_preempted_machine_gets_notice(rehearsal: Rehearsal, pipe: Path) -> None:
    """As a Spot machine does; from a thread that is not the cloud's."""

    async def end(running: RunningMachines, instance: Instance) -> None:
        await asyncio.to_thread(running.preempt(instance).result)

    said, during = ending(pipe, end)
    assert rehearsal.run(during).doc["status"] == "TERMINATED"
    assert said == ["notice\n"]


def test_a_machine_is_stopping_while_its_workload_ends(rehearsal: Rehearsal, pipe: Path) -> None:
    """From the notice on, for whoever reads its status; the caller need not wait."""

    async def end(running: RunningMachines, instance: Instance) -> None:
        running.begin_shutdown(instance)
        assert instance.doc["status"] == "STOPPING"

    said, during = ending(pipe, end)
    assert rehearsal.run(during).doc["status"] == "TERMINATED"
    assert said == ["notice\n"]


def test_a_shutdown_does_not_wait_for_the_least_time(
    rehearsal: Rehearsal, pipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine is off when its workload has ended."""

    async def until(_moment: float) -> None:
        await asyncio.Event().wait()

    async def end(running: RunningMachines, instance: Instance) -> None:
        await running.shutdown(instance, 3600.0)

    monkeypatch.setattr(machines, "_until", until)
    monkeypatch.setattr(machines, "GRACE_SECONDS", 3600.0)
    _, during = ending(pipe, end)
    assert rehearsal.run(during).doc["status"] == "TERMINATED"


def test_a_machine_that_runs_nothing_is_off_at_once(rehearsal: Rehearsal) -> None:
    """There is nobody to give notice to."""
    rehearsal.doc["disks"][0]["initializeParams"]["sourceImage"] = "images/debian-13"
    assert rehearsal.run(shutdown).doc["status"] == "TERMINATED"


def test_a_group_makes_a_machine_anew_that_lost_its_power(rehearsal: Rehearsal, pipe: Path) -> None:
    """Its workload runs again, under the same name."""
    rehearsal.cloud.networking[SUBNET]["ipCidrRange"] = "10.0.0.0/28"
    rehearsal.image()
    properties = {
        **rehearsal.machine().doc,
        "machineType": "n2d-standard-2",
        "networkInterfaces": [{"subnetwork": f"https://www.googleapis.com/compute/v1/{SUBNET}"}],
    }
    template, cloud = "projects/secundus-vision/global/instanceTemplates/first", rehearsal.cloud
    cloud.templates[template] = {"properties": properties}
    doc = {
        "baseInstanceName": "workload-vm",
        "instanceTemplate": LINK.replace("beta", "v1") + template,
        "updatePolicy": {"replacementMethod": "SUBSTITUTE", "maxSurge": {"fixed": 0}},
        "targetSize": 1,
    }
    rehearsal.local.groups.paused = True  # before its own controller sees the group
    cloud.groups["fleet"] = Group("secundus-vision", "us-west1-b", "fleet", doc)

    async def life() -> None:
        folder, outside = rehearsal.folder / "machines", rehearsal.client_environment
        running = machines.RunningMachines(cloud, rehearsal.issuer, folder, outside)
        controller = GroupController(cloud, running)
        controller.repair_seconds = 0.0
        names, said = [], []
        for _ in range(2):
            controller.step()
            (instance,) = cloud.instances.values()
            with await asyncio.to_thread(pipe.open) as reader:
                said.append(await asyncio.to_thread(reader.readline))
                await asyncio.wrap_future(running.kill(instance))
                assert await asyncio.to_thread(reader.read) == ""
            names.append(instance.name)
        assert said == ["holding\n"] * 2
        assert names[0] == names[1]
        await running.close()

    try:
        asyncio.run(life())
    finally:
        cloud.groups.clear()
        rehearsal.local.groups.paused = False


def test_a_byte_to_the_supervisor_sends_sigterm(pipe: Path) -> None:
    """To the command, which may go on; the end of the input still kills it at once."""
    deaf = (
        f"import os, signal; f = os.open({str(pipe)!r}, os.O_WRONLY); "
        "signal.signal(15, lambda *_: os.write(f, b'notice\\n')); "
        "os.write(f, b'up\\n')\nwhile True: signal.pause()"
    )
    command = [sys.executable, "-I", "-S", process_group.__file__, sys.executable, "-c", deaf]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process, pipe.open() as reader:
        assert process.stdin is not None
        assert reader.readline() == "up\n"
        for _ in range(2):
            process.stdin.write(process_group.NOTICE)
            process.stdin.flush()
            assert reader.readline() == "notice\n"
        process.stdin.close()
        assert reader.read() == ""
        assert process.wait() == process_group.SIGNALLED + signal.SIGKILL
