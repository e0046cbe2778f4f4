"""Writes a model's archive: the same files always give the same bytes, so the same SHA-256."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ARCHIVE: Final = "model.tar.gz"
REPORT: Final = "report.json"
"""The files that `pack` writes beside `manifest.json`."""
_LEVEL: Final = 6
"""Of compression. Weights hardly shrink: a higher level takes three times as long for a percent."""


def write(to: Path, files: Mapping[str, Path | bytes]) -> None:
    """Writes a gzipped tar of regular files by name, without time, owner or permissions."""
    with (
        to.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name in sorted(files):
            content = files[name]
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            else:
                member.size = content.stat().st_size
                with content.open("rb") as file:
                    tar.addfile(member, file)
