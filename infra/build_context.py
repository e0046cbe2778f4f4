"""One hash of everything on which a build of the workload image depends, equal on every machine."""

from __future__ import annotations

import hashlib
import re
import stat
from typing import TYPE_CHECKING

from infra.config.local_files import FilesError

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    total = hashlib.sha256()
    for path, name in _files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{content} {'x' if _is_executable(path) else '-'} {name}\n".encode())
    return total.hexdigest()


def set_modes(folder: Path) -> None:
    """Give each file that docker would receive the mode that git stores: 644, or 755.

    The docker provider hashes the whole mode, most of which is the umask of the checkout: two
    machines would each see another image in every preview. FilesError if a mode cannot be changed.
    https://github.com/pulumi/pulumi-docker/blob/v5.2.0/provider/provider.go
    """
    for path, _ in _files(folder):
        mode = stat.S_IMODE(path.stat().st_mode)
        expected = 0o755 if _is_executable(path) else 0o644
        if mode != expected:
            try:
                path.chmod(expected)
            except OSError as error:
                raise FilesError(
                    f"{path}: got mode {mode:o}, expected {expected:o}, and it cannot be changed"
                    f" ({error.strerror}). With another mode the docker provider would build the"
                    f" image anew, and its digest would lock the operator out; nothing was changed."
                    f" As the file's owner: chmod {expected:o} {path}"
                ) from error


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file that docker would receive, with its name in the context; FilesError for a link."""
    ignored = _Ignored(folder / ".dockerignore")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if ignored(name) and name != "Dockerfile":  # docker always receives it
            continue
        if path.is_symlink():
            raise FilesError(
                f"{path} is a link: what it leads to differs between machines, and so would the"
                " image. Put the file itself into the build context."
            )
        if not path.is_dir():
            yield path, name


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


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
