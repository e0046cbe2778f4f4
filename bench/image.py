"""The size of each engine's image, computed from the packages in its lock file."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


class NotInstalledError(Exception):
    """A locked package is not installed here, so its size is unknown."""


def names(lock: str) -> list[str]:
    """The packages of a lock file."""
    return LOCKED.findall(lock)


def installed(packages: Iterable[str]) -> int:
    """Bytes of these installed packages, without compiled modules.

    This environment has the same locked versions.
    """
    return sum(_size(package) for package in packages)


def _size(package: str) -> int:
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise NotInstalledError(f"{package} is not installed here") from error
    files = {Path(str(file.locate())).resolve() for file in distribution.files or ()}
    return sum(path.stat().st_size for path in files if path.suffix != ".pyc" and path.is_file())
