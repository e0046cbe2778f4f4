"""Reads and writes handover files on this machine."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra import handover_file
from infra.handover import HandoverError

if TYPE_CHECKING:
    from infra.handover_file import HandoverFile

STANDARD: Final = "-"
"""Standard input, or standard output."""


def now() -> dt.datetime:
    """This machine's time."""
    return dt.datetime.now(dt.UTC)


def read(name: str) -> HandoverFile:
    """The file, whether it has expired or not; HandoverError for another form, OSError."""
    if name == STANDARD:
        return handover_file.read(
            sys.stdin.buffer.read(handover_file.LARGEST + 1), "standard input"
        )
    with Path(name).open("rb") as content:
        return handover_file.read(content.read(handover_file.LARGEST + 1), name)


def require_replaceable(path: Path) -> None:
    """HandoverError if something else than a handover file would be overwritten; OSError."""
    if path.exists():
        try:
            read(str(path))
        except HandoverError as error:
            raise HandoverError(
                f"{path} exists and is no handover file, so it is not overwritten: {error}\nName"
                " another file, or remove this one first"
            ) from error


def write(path: Path, file: HandoverFile) -> None:
    """Write the whole file or nothing; OSError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(file.written())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
