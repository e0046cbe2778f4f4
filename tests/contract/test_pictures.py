"""docs/pictures.md is what the code says: every format, ending and limit."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from infra.config import picture_folder
from rehearsal.repository import REPOSITORY
from workload.decoding import image_headers, image_limits
from workload.errors import PictureFailure

TEXT = (REPOSITORY / "docs" / "pictures.md").read_text()
AT_PREVIEW = "an error at preview"

LIMITS = {
    "bytes of a file": (f"{image_limits.MAX_FILE_BYTES // 1024**2} MiB", PictureFailure.TOO_LARGE),
    "pixels": (f"{image_limits.MAX_PIXELS:,}", PictureFailure.TOO_MANY_PIXELS),
    "scans of a JPEG": (f"{image_limits.MAX_SCANS}", PictureFailure.TOO_MANY_SCANS),
    "memory of a decoder": (
        f"{image_limits.MAX_MEMORY_BYTES // 1024**3} GiB",
        f"{PictureFailure.TOO_MANY_PIXELS} or {PictureFailure.DECODER_CRASHED}",
    ),
    "processor time for one picture": (
        f"{image_limits.MAX_CPU_SECONDS} s",
        PictureFailure.DECODER_TOO_SLOW,
    ),
    "pictures that the stack uploads": (f"{picture_folder.MOST}", AT_PREVIEW),
    "bytes of a name": (f"{picture_folder.LONGEST_NAME}", AT_PREVIEW),
}


def table(text: str, section: str) -> list[list[str]]:
    """The rows of a section's table, without its head."""
    _, _, after = text.partition(f"## {section}\n")
    lines = [line for line in after.partition("\n## ")[0].splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def differences(text: str) -> list[str]:
    """Where the tables say something else than the code."""
    endings: dict[str, list[str]] = {}
    for ending, kind in picture_folder.ENDINGS.items():
        endings.setdefault(kind, []).append(ending)
    said = {row[0].strip("`"): re.findall(r"`([^`]+)`", row[1]) for row in table(text, "Formats")}
    limits = {
        row[0]: (row[1], row[2].replace("`", "")) for row in table(text, "Limits") if len(row) > 2
    }
    found = [
        f"format {kind}" for kind in {**said, **endings} if said.get(kind) != endings.get(kind)
    ]
    return found + [what for what in {**limits, **LIMITS} if limits.get(what) != LIMITS.get(what)]


def test_the_tables_equal_the_code() -> None:
    """Formats, endings and limits of docs/pictures.md are those of the code."""
    assert differences(TEXT) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("32 MiB", "16 MiB"),
        ("110,000,000", "50,000,000"),
        ("| 50 | `picture_too_many_scans`", "| 50 | `picture_too_large`"),
        ("| 40 s |", "| 20 s |"),
        ("| scans of a JPEG |", "| scans |"),
        ("`.jfif`", ""),
        ("| `WEBP` |", "| `AVIF` |"),
    ],
)
def test_a_table_that_differs_is_detected(before: str, after: str) -> None:
    """Each format, ending, number and code is compared."""
    assert before in TEXT
    assert differences(TEXT.replace(before, after, 1))


def test_the_stack_uploads_what_the_workload_takes() -> None:
    """Two packages that may not import each other name the same formats."""
    assert set(picture_folder.ENDINGS.values()) == set(get_args(image_headers.Kind))
