"""Runs a command as the image runs the workload: as uid 65532, without a capability.

Root becomes that user. Anybody else stays who they are, which is as good: decoders and run are then
of one user, too, and an ordinary one.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path

USER = 65532
"""Of the image, as its last stage says."""
REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCHER = (sys.executable, "-S", __file__)
"""What stands before the command's own words; TMPDIR must be a folder of its own."""

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def main(command: list[str]) -> None:
    """Becomes the command."""
    if os.getuid() == 0:
        folder = os.environ["TMPDIR"]
        os.chown(folder, USER, USER)
        show(*(Path(each).resolve() for each in (sys.base_prefix, sys.prefix, REPOSITORY, folder)))
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)  # takes every capability with it
    os.execv(command[0], command)  # noqa: S606  the caller's command is the whole point


def show(*folders: Path) -> None:
    """Lets everybody enter these folders, as far as this process and its children see.

    A Python that root installed for itself is out of everybody's reach otherwise.
    """
    closed = {parent for folder in folders for parent in folder.parents if not enterable(parent)}
    if not closed:
        return
    mounted(libc.unshare(CLONE_NEWNS))
    mount("none", Path("/"), None, MS_REC | MS_PRIVATE)
    top = min(closed)
    inside = {each: os.open(each, os.O_PATH) for each in folders if top in each.parents}
    mount("none", top, b"tmpfs", 0)
    top.chmod(0o755)
    for folder, opened in inside.items():
        folder.mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{opened}", folder, None, MS_BIND | MS_REC)
    show(*folders)


def enterable(folder: Path) -> bool:
    """Whether everybody may enter a folder."""
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def mount(source: str, target: Path, kind: bytes | None, flags: int) -> None:
    """Mounts something, in this process' own view of the machine."""
    mounted(libc.mount(source.encode(), bytes(target), kind, ctypes.c_ulong(flags), None))


def mounted(result: int) -> None:
    """Or says what is to be done."""
    if result:
        sys.exit(
            f"uid {USER} cannot enter {sys.base_prefix} or {REPOSITORY}, and root can mount nothing"
            f" here ({os.strerror(ctypes.get_errno())}): run the tests as an ordinary user, or with"
            " a Python and from a folder that everybody may enter"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
