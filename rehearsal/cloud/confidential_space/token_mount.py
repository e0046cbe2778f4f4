"""Runs one command with a folder mounted where Confidential Space mounts the attestation token.

Usage: python -I -S token_mount.py FOLDER [COMMAND ARGUMENT…]. The command runs in its own mount
namespace: no other process on this machine sees the mount, and any number of machines can run at
the same time. Root needs nothing else. For an ordinary user, this creates a user namespace as well;
the user id stays the same, and the capabilities in that namespace end when the command starts.
Linux only. Some systems forbid it (containers without privileges, Ubuntu's AppArmor);
`unavailable_reason` tells why.
https://man7.org/linux/man-pages/man7/user_namespaces.7.html
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import subprocess
import sys
from pathlib import Path

MOUNT_POINT = "/run/container_launcher"
"""https://github.com/google/go-tpm-tools/blob/main/launcher/launcherfile/launcherfile.go"""

_RUN = "/run"
_NEWNS, _NEWUSER = 0x20000, 0x10000000  # linux/sched.h
_RDONLY, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 32, 4096, 16384, 1 << 18  # linux/mount.h
_LOCKED_FLAGS = 2 | 4 | 8 | 1024 | 2048
"""nosuid, nodev, noexec, noatime, nodiratime: a user namespace may not remove them from a mount
that it copied. statvfs(3) and mount(2) have the same values for them, but not for relatime."""
_RELATIME, _RELATIME_FOUND = 1 << 21, 1 << 12


def command_prefix(folder: Path) -> list[str]:
    """The start of a command line that mounts the folder at `MOUNT_POINT` for the command."""
    return [sys.executable, "-I", "-S", __file__, str(folder)]


@functools.cache
def unavailable_reason() -> str:
    """Why this machine cannot mount a folder there; empty if it can."""
    done = subprocess.run(  # noqa: S603  this file
        command_prefix(Path(__file__).parent), capture_output=True, text=True, check=False
    )
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def main(folder: str, command: list[str]) -> None:
    """Become the command; OSError if the system forbids a namespace, or has no such program."""
    _enter()
    _mount("", "/", "", _REC | _PRIVATE)  # later mounts are not visible outside
    if not Path(MOUNT_POINT).is_dir():
        _make_mount_point()
    # Recursive, else EINVAL: without the mounts below it, an ordinary user could see hidden files.
    _mount(folder, MOUNT_POINT, "", _BIND | _REC)
    _mount(
        "", MOUNT_POINT, "", _REMOUNT | _BIND | _RDONLY | _flags(MOUNT_POINT)
    )  # as the launcher does: rbind, ro
    if command:
        os.execvp(command[0], command)  # noqa: S606  the caller's command is the whole point


def _enter() -> None:
    """Enter a mount namespace; an ordinary user enters a user namespace with one user id, too."""
    user, group = os.getuid(), os.getgid()
    if user == 0:
        # No user namespace: it would lack the other user to which the workload's decoders switch.
        _check(_libc.unshare(_NEWNS), "unshare: root without CAP_SYS_ADMIN")
        return
    _check(_libc.unshare(_NEWNS | _NEWUSER), "unshare: no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _make_mount_point() -> None:
    """Mount a new /run with all entries of the old one, and the mount point."""
    before = os.open(_RUN, os.O_PATH | os.O_DIRECTORY)
    targets = list(Path(_RUN).iterdir())
    _mount("tmpfs", _RUN, "tmpfs", 0, "mode=755")
    for target in targets:
        source = Path(f"/proc/self/fd/{before}", target.name)
        with contextlib.suppress(FileNotFoundError):  # another program has removed it meanwhile
            if source.is_symlink():
                target.symlink_to(source.readlink())
                continue
            target.mkdir() if source.is_dir() else target.touch()
            _mount(str(source), str(target), "", _BIND | _REC)
    os.close(before)
    Path(MOUNT_POINT).mkdir()


def _flags(place: str) -> int:
    found = os.statvfs(place).f_flag
    return found & _LOCKED_FLAGS | (_RELATIME if found & _RELATIME_FOUND else 0)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    words = [word.encode() for word in (source, target, kind)]
    done = _libc.mount(*words, ctypes.c_ulong(flags), data.encode())
    _check(done, f"mount {target}")


def _check(done: int, what: str) -> None:
    if done:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


_libc = ctypes.CDLL(None, use_errno=True)

if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except (OSError, AttributeError) as error:  # the system lacks the call
        sys.exit(f"token_mount: {error}")
