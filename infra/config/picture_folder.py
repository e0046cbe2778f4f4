"""The pictures of a folder, their names in the bucket, and the files that are not uploaded.

A preview checks the names; the workload checks the contents. The formats are repeated from the
workload, because `infra` and `workload` must not import each other.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.untrusted_text import described

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDINGS: Final = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}
"""Endings in any case, with the format of such a file."""

MOST: Final = 1000
"""Each is a resource: some time of each `up`, and two kilobytes of the state."""
LONGEST_NAME: Final = 1024
"""Bytes. https://docs.cloud.google.com/storage/docs/objects#naming"""
_MOST_PROBLEMS = 20
_RENAME: Final = "rename it"
_SET: Final = f"pulumi config set --stack secundus {NAMESPACE}:pictures FOLDER"
_RM: Final = f"pulumi config rm --stack secundus {NAMESPACE}:pictures"


class PicturesError(ProgramError):
    """Everything that is wrong with a folder of pictures."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One file, and its name in the bucket."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The pictures of a folder and of those below it, by name, and the names of all other files."""

    pictures: tuple[Picture, ...] = ()
    left_out: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """A text that is another one as soon as a name or a content is."""
        listing = hashlib.sha256()
        for picture in self.pictures:
            with picture.path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            listing.update(f"{content} {picture.name}\0".encode())
        return f"pictures-{listing.hexdigest()[:16]}"

    @property
    def warning(self) -> str:
        """The number of files that are not uploaded, with examples; empty if there are none."""
        if not self.left_out:
            return ""
        some = ", ".join(map(described, self.left_out[:3])) + (", ..." if self.left_out[3:] else "")
        return (
            f"pictures: {len(self.left_out)} of {len(self.left_out) + len(self.pictures)} files are"
            f" not uploaded ({some}). Only files that are not hidden and end in"
            f" {', '.join(ENDINGS)} are uploaded; rename the others if they are pictures."
        )


def of_folder(folder: Path, bucket: str) -> Folder:
    """The pictures of a folder; PicturesError with every problem."""
    if not folder.is_dir():
        raise PicturesError(
            f"pictures: {described(str(folder))} is"
            f" {'no folder' if folder.exists() else 'not there'}, expected a folder of pictures,"
            " absolute, beginning with ~/, or relative to the folder of Pulumi.yaml; there would be"
            f" nothing to classify. Name another: {_SET}, or put pictures into gs://{bucket}"
            f" yourself: {_RM}"
        )
    pictures: list[Picture] = []
    left_out: list[str] = []
    problems: list[str] = []
    for path in _files(folder, problems):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in ENDINGS or path.is_dir():
            left_out.append(name)
        elif own := list(_problems(path, name, folder)):
            problems += own
        else:
            pictures.append(Picture(path=path, name=name, size=path.stat().st_size))
    if len(pictures) > MOST:
        problems.append(
            f"got {len(pictures)} pictures, expected at most {MOST}; each is a resource of the"
            " state, which every command reads, writes and compares. Upload them without Pulumi:"
            f" {_RM} && pulumi up --stack secundus; gcloud storage rsync --recursive"
            f" {quote(str(folder))} gs://{bucket};"
            ' pulumi config set run "$(date)" --stack secundus && pulumi up --stack secundus'
        )
    if not pictures and not problems:
        problems.append(
            f"it holds no picture, expected at least one of {', '.join(ENDINGS)}; the workload"
            f" would have nothing to classify. Name another folder: {_SET}, or put pictures into"
            f" gs://{bucket} yourself: {_RM}"
        )
    if problems:
        more = [f"and {len(problems) - _MOST_PROBLEMS} more"] if problems[_MOST_PROBLEMS:] else []
        listed = "\n".join(f"  - {line}" for line in problems[:_MOST_PROBLEMS] + more)
        raise PicturesError(f"pictures: {described(str(folder))}; nothing was changed.\n{listed}")
    return Folder(pictures=tuple(pictures), left_out=tuple(left_out))


def _files(folder: Path, problems: list[str]) -> Iterator[Path]:
    """Every file of a folder and of those below, by name; a link to a folder is not followed."""

    def refused(error: OSError) -> None:
        problems.append(
            f"{described(error.filename)} cannot be read ({error.strerror}); make it readable"
        )

    files = []
    for above, folders, names in os.walk(folder, onerror=refused):
        here = Path(above)
        files += [
            here / name for name in [*names, *(n for n in folders if (here / n).is_symlink())]
        ]
    yield from sorted(files)


def _problems(path: Path, name: str, folder: Path) -> Iterator[str]:
    """Why Cloud Storage would refuse a file, or must not get it."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        yield f"{described(name)} is not UTF-8, and Cloud Storage takes no other names; {_RENAME}"
        length = 0
    if length > LONGEST_NAME:
        yield f"{described(name)} has {length} bytes, expected at most {LONGEST_NAME}; {_RENAME}"
    if any(unicodedata.category(letter) == "Cc" for letter in name):
        yield f"{described(name)} has a line end or another control character in it; {_RENAME}"
    to = path.resolve()
    if not to.is_file():
        yield f"{described(name)} is no file, or a link to none; remove it"
    elif not to.is_relative_to(folder.resolve()):
        yield (
            f"{described(name)} is a link to {described(str(to))}, outside of the folder, and"
            " that file would be uploaded. Copy it into the folder, or remove the link"
        )
    elif not os.access(path, os.R_OK):
        yield f"{described(name)} cannot be read; make it readable"
