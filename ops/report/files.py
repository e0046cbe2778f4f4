"""Writes a file whole or not at all, for its owner alone."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from ops.records import ResultsError

UTF8: Final = "utf-8"
UTF8_WITH_MARK: Final = "utf-8-sig"
"""With a byte order mark, without which Excel takes UTF-8 for another encoding."""


def require_writable(path: Path) -> None:
    """ResultsError if a file cannot be written there: before a wait of minutes, not after it."""
    if path.is_dir():
        raise ResultsError(
            f"got the folder {path}, expected a file to write, such as {path}/run.html"
        )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ResultsError(
            f"nothing can be written to the folder {path.parent} ({error.strerror}), so no results"
            f" were fetched. Make it first: mkdir -p {path.parent}"
        ) from None


def write(path: Path, text: str, encoding: str = UTF8) -> None:
    """Write the whole file, or leave what is there; ResultsError."""
    # Readable by its owner alone, as every temporary file: a report shows the pictures.
    part = Path(tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)[1])
    try:
        part.write_bytes(text.encode(encoding))
        part.replace(path)
    except OSError as error:
        raise ResultsError(f"{path} could not be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
