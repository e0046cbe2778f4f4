"""One process alone sees the token at its path in Confidential Space."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rehearsal.cloud.confidential_space import token_mount

TOKEN = "attestation_verifier_claims_token"  # noqa: S105  a name
namespace = pytest.mark.namespace


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A machine's folder with a token in it."""
    (tmp_path / TOKEN).write_text("the token")
    return tmp_path


def shown(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as a command that sees the folder."""
    return subprocess.run(
        [*token_mount.command_prefix(folder), sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )


@namespace
def test_a_command_reads_the_token_at_its_path(folder: Path) -> None:
    """All other entries of /run are still there."""
    code = (
        f"import os; print(open('{token_mount.MOUNT_POINT}/{TOKEN}').read(), *os.listdir('/run'))"
    )
    text, *names = shown(folder, code).stdout.split(maxsplit=2)
    assert f"{text} {names[0]}" == "the token"
    assert set(names[1].split()) == {
        "container_launcher",
        *(path.name for path in Path("/run").iterdir()),
    }


@namespace
def test_no_other_process_sees_the_token(folder: Path) -> None:
    """Neither this process meanwhile nor the next command, which has its own folder."""
    read = f"print(open('{token_mount.MOUNT_POINT}/{TOKEN}').read())"
    wait = f"print('up', flush=True); input(); {read}"
    command = [*token_mount.command_prefix(folder), sys.executable, "-c", wait]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "up\n"
        assert not Path(token_mount.MOUNT_POINT, TOKEN).exists()
        (folder / "second").mkdir()
        assert "No such file" in shown(folder / "second", read).stderr
        assert first.communicate("\n")[0] == "the token\n"


@namespace
def test_the_command_cannot_change_the_token(folder: Path) -> None:
    """The real folder is mounted read-only, too."""
    code = f"open('{token_mount.MOUNT_POINT}/{TOKEN}', 'w')"
    assert "Read-only file system" in shown(folder, code).stderr


@namespace
def test_the_command_keeps_its_user_and_gets_no_capability(folder: Path) -> None:
    """The capabilities in the namespace end when the command starts."""
    code = "import os; print(os.getuid(), os.getgid(), open('/proc/self/status').read())"
    uid, gid, status = shown(folder, code).stdout.split(maxsplit=2)
    assert (int(uid), int(gid)) == (os.getuid(), os.getgid())
    assert caps(status) == caps(Path("/proc/self/status").read_text())


def caps(status: str) -> str:
    """The effective capabilities in /proc/PID/status."""
    return next(line for line in status.splitlines() if line.startswith("CapEff"))


ORDINARY = """\
import ctypes, os, sys
from rehearsal.cloud.confidential_space import token_mount
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(65532, 65532, 65532)
    os.setresuid(65532, 65532, 65532)
    ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: /proc/self is his again, as after an exec
token = f"{token_mount.MOUNT_POINT}/attestation_verifier_claims_token"
token_mount.main(sys.argv[1], ["/bin/sh", "-c", f"id -u; cat {token}"])
"""


@namespace
def test_an_ordinary_user_needs_no_privilege() -> None:
    """Root switches to another user for this test."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are root's alone
        Path(folder).chmod(0o711)
        (Path(folder) / TOKEN).write_text("the token")
        (Path(folder) / TOKEN).chmod(0o644)
        result = subprocess.run(
            [sys.executable, "-c", ORDINARY, folder], capture_output=True, text=True, check=False
        )
    assert result.stdout == f"{os.getuid() or 65532}\nthe token", result.stderr


def test_a_system_that_forbids_the_mount_gives_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line of the error output."""
    program = "import sys; sys.exit('warning\\ntoken_mount: Operation not permitted')"
    monkeypatch.setattr(token_mount, "command_prefix", lambda _: [sys.executable, "-c", program])
    token_mount.unavailable_reason.cache_clear()
    assert token_mount.unavailable_reason() == "token_mount: Operation not permitted"
    token_mount.unavailable_reason.cache_clear()


@namespace
@pytest.mark.parametrize("shows", ["/", str(Path(token_mount.__file__).parent)])
def test_a_folder_with_mounts_below_it_can_be_mounted(shows: str) -> None:
    """Also by an ordinary user, who may not uncover hidden files."""
    code = ORDINARY.replace("cat {token}", "ls -d {token_mount.MOUNT_POINT}")
    result = subprocess.run(
        [sys.executable, "-c", code, shows], capture_output=True, text=True, check=False
    )
    assert result.stdout.endswith(f"\n{token_mount.MOUNT_POINT}\n"), result.stderr


def test_the_command_does_not_start_without_the_folder(tmp_path: Path) -> None:
    """A command that cannot be shown the token does not start without it."""
    result = shown(tmp_path / "gone", "print('ran')")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("token_mount: ")
