"""Temporary files on this machine, which may be full."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from ops.fleet.deployed import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_A_DISK: Final = frozenset(
    {
        errno.EACCES,
        errno.EDQUOT,
        errno.EFBIG,
        errno.ENOENT,  # also where `tempfile` can write to no folder
        errno.ENOSPC,
        errno.EROFS,
    }
)
"""Errors of connections, and a lack of file descriptors, are OSErrors, too."""


@contextmanager
def errors_of_disk() -> Iterator[None]:
    """FleetError where a temporary file cannot be written; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_A_DISK:
            raise
        # Not `gettempdir()`: on a full disk it raises this error itself.
        folder = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")  # noqa: S108  to name it
        raise FleetError(
            f"no temporary file can be written in {folder} ({shown(str(error.strerror or error))})."
            " Make room there, or choose another folder: export TMPDIR=FOLDER"
        ) from error
