"""Copies of this repository: a commit, and the working tree as it is."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable

MAIN: Final = ("main", "origin/main")
"""Branches that a change is compared with, if nobody names a commit."""


class RevisionError(Exception):
    """There is no such commit, or no repository; the message says what to do."""


def merge_base() -> str:
    """The commit from which the working tree left the main branch."""
    for branch in MAIN:
        found = _git("merge-base", "HEAD", branch)
        if found.returncode == 0:
            return found.stdout.decode().strip()
    raise RevisionError(
        f"got no commit that HEAD has in common with {' or '.join(MAIN)}. In a shallow clone: git"
        " fetch --unshallow origin main:refs/remotes/origin/main. Or name the commit: make preview"
        " BASE=REV"
    )


def described(revision: str) -> str:
    """Short hash and subject of a commit; RevisionError if there is none."""
    found = _git("log", "-1", "--format=%h %s", revision, "--")
    if found.returncode:
        raise RevisionError(
            f"got BASE={revision!r}, expected a commit of this repository: {_reason(found)}"
        )
    return found.stdout.decode().strip()


def copy_commit(revision: str, target: Path) -> None:
    """The files of a commit."""
    archive = _git("archive", "--format=tar", revision)
    if archive.returncode:
        raise RevisionError(f"git archive {revision} failed: {_reason(archive)}")
    try:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(target, filter="data")
    except tarfile.TarError as error:
        raise RevisionError(f"{revision} holds a file that is not copied: {error}") from error


def copy_working_tree(target: Path) -> None:
    """The files that a commit of everything would have: git ignores the others."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode:
        raise RevisionError(f"git ls-files failed: {_reason(listed)}")
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = REPOSITORY / name
        if source.is_symlink() or source.is_file():  # not: deleted, and the deletion not committed
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)


def add_ignored(target: Path, names: Iterable[str]) -> None:
    """Files and folders of this repository that a copy needs, if git has given it none of them."""
    for name in names:
        source, copy = REPOSITORY / name, target / name
        if Path(name).is_absolute() or copy.exists() or not source.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy)
        else:
            shutil.copy2(source, copy)


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  a fixed command
        ["git", "-C", str(REPOSITORY), *arguments],  # noqa: S607  found on the user's own PATH
        capture_output=True,
        check=False,
    )


def _reason(failed: subprocess.CompletedProcess[bytes]) -> str:
    return failed.stderr.decode(errors="replace").strip()
