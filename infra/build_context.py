"""What a build of the workload image depends on, as one hash that is equal on every machine."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from infra.config.local_files import FilesError

if TYPE_CHECKING:
    from pathlib import Path


def context_hash(folder: Path) -> str:
    """SHA-256 over paths, executable bits and contents of all that docker would be sent.

    Only the executable bit of a mode counts: the others differ between two checkouts with
    different umasks, and git does not keep them either.
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
        if ignored(name) and name != "Dockerfile":  # docker is sent it whatever the list says
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
    """Whether docker leaves a path out; the last line that matches decides.

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
    """`*` and `?` stay within a folder, `**` does not, and a folder takes what is in it along."""
    special = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.strip("/"))
    return re.compile("".join(special.get(p, re.escape(p)) for p in parts) + "(/.*)?")
