"""A container without a container engine: it runs an image's program in a private folder.

The process is not isolated, and uses this machine's Python and packages. Its environment has only
the variables of the image, of the operator, and those that lead to the local cloud. No other
process sees the token at the path where Confidential Space has it (`token_mount`). The process
never outlives the one that started it (`process_group`).
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.cloud.compute import metadata
from rehearsal.cloud.confidential_space import process_group, token_mount
from rehearsal.cloud.http import routing, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from rehearsal.cloud.state import Cloud, Instance

INTERPRETERS = ("python", "python3", "/usr/local/bin/python", "/usr/local/bin/python3")
"""The names of Python in images; this machine's Python runs in its place."""


class NotStarted(Exception):  # noqa: N818  the workload has not failed, it never began
    """There is no such program in the image, or it cannot be started."""


@dataclass(frozen=True)
class Disk:
    """The private folder of one machine: the image's files, and what the launcher mounts."""

    folder: Path

    @property
    def root(self) -> Path:
        """The folder with the image's files."""
        return self.folder / "rootfs"

    @property
    def token(self) -> Path:
        """The attestation token's file."""
        return self.folder / "run" / "attestation_verifier_claims_token"

    def make(self, name: str) -> Path:
        """A folder that only this user can enter."""
        folder = self.folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def path_on_disk(self, text: str) -> str:
        """The path below `root` of a file that the image has; any other text unchanged."""
        inside = self.root / text.lstrip("/")
        return str(inside) if text.startswith("/") and inside.exists() else text

    def environment(
        self, env: Mapping[str, str], outside: Mapping[str, str], metadata_address: str
    ) -> dict[str, str]:
        """The process's environment: the container's, then the variables that lead to the cloud.

        Those come last, so that no image and no operator can choose another cloud. On a machine
        that cannot mount the token at its path, a variable has the token's path.
        """
        paths = env.get("PYTHONPATH", "").split(":")
        inside = [f"{self.root}{each}" if each.startswith("/") else each for each in paths]
        return {
            **env,
            **({"PYTHONPATH": ":".join(inside)} if "PYTHONPATH" in env else {}),
            **outside,
            **(
                {"ATTESTATION_TOKEN_FILE": str(self.token)}
                if token_mount.unavailable_reason()
                else {}
            ),
            "GRANT_SECONDS": "0",  # grants are effective immediately here: wait for none
            "GCE_METADATA_HOST": metadata_address,
            "GCE_METADATA_IP": metadata_address,
            "HOME": str(self.make("home")),
            "TMPDIR": str(self.make("tmp")),
            "CLOUDSDK_CONFIG": str(self.make("gcloud")),
        }

    def command(self, args: tuple[str, ...]) -> list[str]:
        """The command that runs the container's argv here; NotStarted without such a program."""
        program = sys.executable if args[0] in INTERPRETERS else self.path_on_disk(args[0])
        if program == args[0]:
            raise NotStarted(f'exec: "{program}": executable file not found in $PATH')
        before = (
            []
            if token_mount.unavailable_reason()
            else token_mount.command_prefix(self.token.parent)
        )
        return [*before, program, *map(self.path_on_disk, args[1:])]


async def run(
    command: list[str],
    folder: Path,
    env: Mapping[str, str],
    show: Callable[[str], None] | None,
    notice: asyncio.Event,
) -> int:
    """Run a program to its end and return its exit code; NotStarted, if it cannot start.

    `show` gets each line of its output; without it, the output is dropped. The program gets SIGTERM
    once `notice` is set. A cancellation kills the program and all its children.
    """
    output = asyncio.subprocess.PIPE if show else asyncio.subprocess.DEVNULL
    supervisor = (sys.executable, "-I", "-S", process_group.__file__)
    try:
        process = await asyncio.create_subprocess_exec(
            *supervisor,
            *command,
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT if show else output,
        )
    except OSError as error:
        raise NotStarted(str(error)) from error
    announcement = asyncio.create_task(_announce(notice, process))
    try:
        if show and process.stdout is not None:
            async for line in process.stdout:
                show(line.decode(errors="replace").rstrip("\n"))
        return await process.wait()
    finally:
        announcement.cancel()
        if process.stdin is not None:
            process.stdin.close()  # the supervisor then kills the remaining processes
        await process.wait()


async def _announce(notice: asyncio.Event, supervisor: asyncio.subprocess.Process) -> None:
    """Let the supervisor send SIGTERM to the program, once."""
    await notice.wait()
    if supervisor.stdin is not None:
        supervisor.stdin.write(process_group.NOTICE)


@contextlib.asynccontextmanager
async def metadata_server(cloud: Cloud, instance: Instance) -> AsyncIterator[str]:
    """Serve a machine's metadata on a loopback port; yields host and port."""
    # The socket is closed also if the cloud stops and cancels the wait for the server's end.
    with serving.bound() as sock:
        sock.listen()
        server = serving.server(routing.service(cloud, metadata.routes(instance)))
        served = asyncio.create_task(server.serve(sockets=[sock]))
        try:
            yield f"127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = server.force_exit = True
            await served
