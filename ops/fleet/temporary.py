"""Temporary files on this machine, which may be full."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from requests import RequestException

from infra.untrusted_text import shown
from ops.fleet.deployed import FleetError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def errors_of_disk() -> Iterator[None]:
    """FleetError where a temporary file cannot be written; errors of a connection pass."""
    try:
        yield
    except (RequestException, ConnectionError):  # these are OSErrors, too
        raise
    except OSError as error:
        # Not `gettempdir()`: on a full disk it raises this error itself.
        folder = tempfile.tempdir or os.environ.get("TMPDIR", "/tmp")  # noqa: S108  to name it
        raise FleetError(
            f"no temporary file can be written in {folder} ({shown(str(error.strerror or error))})."
            " Make room there, or choose another folder: export TMPDIR=FOLDER"
        ) from error
