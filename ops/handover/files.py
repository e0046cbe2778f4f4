"""Reads and writes handover files on this machine."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from infra import handover_file
from infra.handover import HandoverError
from ops import input_file
from ops.input_file import STANDARD

if TYPE_CHECKING:
    from pathlib import Path

    from infra.handover_file import HandoverFile


def now() -> dt.datetime:
    """This machine's time."""
    return dt.datetime.now(dt.UTC)


def read(name: str) -> HandoverFile:
    """The file, whether it has expired or not; HandoverError for another form, OSError."""
    content = input_file.content(name, handover_file.LARGEST)
    return handover_file.read(content, "standard input" if name == STANDARD else name)


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
