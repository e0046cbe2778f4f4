"""The folder in which a demonstration saves the evidence for `python -m ops why`, as a whole."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class SaveError(Exception):
    """The folder cannot be used; the message has the reason and the fix."""


@contextmanager
def saving(folder: str | None) -> Iterator[dict[str, str]]:
    """Yields a dictionary of texts by file name, and writes the files after a block without error.

    SaveError if the folder is not empty, or cannot be created.
    """
    files: dict[str, str] = {}
    if folder is None:
        yield files
        return
    target = Path(folder).absolute()
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise SaveError(
            f"--keep {folder}: got something that is there already, expected an empty folder or"
            " none yet; nothing was run. Name another: make demo ARGS='--keep FOLDER'"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, so that one renaming puts it in place.
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise SaveError(f"--keep {folder}: {error.strerror}; nothing was run") from error
    try:
        yield files
        for name, text in files.items():
            (scratch / name).write_text(text, encoding="utf-8")
        scratch.replace(target)
    except OSError as error:
        raise SaveError(f"--keep {folder}: {error.strerror}; nothing was left there") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
