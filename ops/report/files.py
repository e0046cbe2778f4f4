"""Writes a file whole or not at all, for its owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ops.records import ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator

UTF8: Final = "utf-8"
UTF8_WITH_MARK: Final = "utf-8-sig"
"""With a byte order mark, without which Excel takes UTF-8 for another encoding."""


def require_writable(path: Path) -> None:
    """ResultsError if a file cannot be written there: before a wait of minutes, not after it."""
    if path.is_dir():
        raise ResultsError(f"got the folder {path}, expected a file, such as {path}/run.html")
    if path.exists() and not path.is_file():
        raise ResultsError(f"got {path}, which is no file, so nothing is written there")
    try:
        # A name that is too long fails here, too.
        with tempfile.NamedTemporaryFile(prefix=_prefix(path), dir=path.parent):
            pass
    except OSError as error:
        raise ResultsError(
            f"nothing can be written as {path} ({error.strerror}), so no results were fetched. Is"
            f" the folder there? mkdir -p {path.parent}"
        ) from None


def write(path: Path, text: str, encoding: str = UTF8) -> None:
    """Write the whole file, or leave what is there; ResultsError."""
    # Half of a character, which JSON can hold and UTF-8 cannot, is spelt out.
    with replacing(path) as file:
        file.write(text.encode(encoding, "backslashreplace"))


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file that replaces what is there if nothing fails in the block; ResultsError."""
    part = None
    try:
        target = path.resolve()  # what a link leads to is replaced, not the link
        # Readable by its owner alone, as every temporary file: a report shows the pictures.
        handle, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
        part = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        part.replace(target)
    except OSError as error:
        raise ResultsError(f"{path} could not be written: {error.strerror}") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    return f".{path.name}."
