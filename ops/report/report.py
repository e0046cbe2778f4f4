"""Writes the report of a run, and the table beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.wording import counted
from ops.report import files, table_file, thumbnails
from ops.report.page import MOST, Source, page, shown_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.cloud import storage

    from ops.records import Run


@dataclass(frozen=True, kw_only=True)
class Report:
    """What to write, and from where."""

    results: str
    """the bucket of the results"""
    pictures: str | None = None
    """the bucket of the pictures, if it is known"""
    most: int = MOST
    """pictures on the page"""
    thumbnails: bool = True


def write_html(
    path: Path,
    run: Run,
    report: Report,
    client: storage.Client,
    show_progress: Callable[[str], None],
) -> None:
    """Write the page with its pictures; ResultsError if the file cannot be written."""
    small = []
    if report.thumbnails and report.pictures:
        bucket = client.bucket(report.pictures)
        small = thumbnails.read(bucket, shown_records(run, report.most), show_progress)
    source = Source(
        results=f"gs://{report.results}",
        pictures=f"gs://{report.pictures}" if report.pictures else None,
    )
    files.write(path, page(run, source, small, report.most))
    pictures = counted(min(len(run.records), report.most), "picture")
    show_progress(f"wrote {path}: {pictures}, {path.stat().st_size / 1e6:.1f} MB")


def write_csv(path: Path, run: Run, show_progress: Callable[[str], None]) -> None:
    """Write the table; ResultsError if the run has no records, or the file cannot be written."""
    files.write(path, table_file.table(run), files.UTF8_WITH_MARK)
    show_progress(f"wrote {path}: {counted(len(run.records), 'picture')}")
