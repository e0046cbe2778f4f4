"""One hash of everything on which a build of the workload image depends, equal on every machine."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from infra.config.local_files import FilesError

if TYPE_CHECKING:
    from pathlib import Path


def context_hash(folder: Path) -> str:
    """SHA-256 over paths, executable bits and contents of all files that docker would receive.

    Only the executable bit of a mode counts: the others depend on the umask of the checkout, and
    git does not store them.
    """
    if not (folder / "Dockerfile").is_file():
        raise FilesError(
            f"{folder}/Dockerfile is missing, so the workload image cannot be built. Restore it"
            " with git, or pin an image built elsewhere: pulumi config set --stack primus --path"
            " 'confidential-inference:image.digest' sha256:..."
        )
    ignored = _Ignored(folder / ".dockerignore")
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ignored(name) and name != "Dockerfile":  # docker always receives it
            continue
        if path.is_symlink():
            raise FilesError(
                f"{path} is a link: what it leads to differs between machines, and so would the"
                " image. Put the file itself into the build context."
            )
        if path.is_dir():
            continue
        executable = bool(path.stat().st_mode & 0o100)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content} {'x' if executable else '-'} {name}\n".encode())
    return total.hexdigest()


class _Ignored:
    """Whether docker ignores a path; the last matching line decides.

    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """

    def __init__(self, file: Path) -> None:
        lines = file.read_text().splitlines() if file.exists() else []
        self._lines = [
            (not line.startswith("!"), _pattern(line.removeprefix("!")))
            for line in map(str.strip, lines)
            if line and not line.startswith("#")
        ]

    def __call__(self, name: str) -> bool:
        ignored = False
        for ignore, pattern in self._lines:
            if pattern.fullmatch(name):
                ignored = ignore
        return ignored


def _pattern(glob: str) -> re.Pattern[str]:
    """`*` and `?` match within one folder, `**` across folders; a folder matches its content."""
    special = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.strip("/"))
    return re.compile("".join(special.get(p, re.escape(p)) for p in parts) + "(/.*)?")
