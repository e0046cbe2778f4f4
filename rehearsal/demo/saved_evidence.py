"""The folder in which a demonstration leaves what `python -m ops why` reads: all of it, or none."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class KeepError(Exception):
    """Nothing can be left in the folder; the message says why and what to do."""


@contextmanager
def keeping(folder: str | None) -> Iterator[dict[str, str]]:
    """What is noted, name by name, lies in the folder once the block has ended without an error.

    KeepError if the folder holds anything already, or cannot be made.
    """
    files: dict[str, str] = {}
    if folder is None:
        yield files
        return
    target = Path(folder).absolute()
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise KeepError(
            f"--keep {folder}: got something that is there already, expected an empty folder or"
            " none yet; nothing was run. Name another: make demo ARGS='--keep FOLDER'"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder, so that one renaming puts it in place.
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise KeepError(f"--keep {folder}: {error.strerror}; nothing was run") from error
    try:
        yield files
        for name, text in files.items():
            (scratch / name).write_text(text, encoding="utf-8")
        scratch.replace(target)
    except OSError as error:
        raise KeepError(f"--keep {folder}: {error.strerror}; nothing was left there") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
