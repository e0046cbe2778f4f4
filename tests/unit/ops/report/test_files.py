"""Writing a file whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ops.records import ResultsError
from ops.report import files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """It holds the pictures."""
    path = tmp_path / "run.html"
    path.write_text("old")
    files.write(path, "neu ü")
    assert path.read_text(encoding="utf-8") == "neu ü"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    """And nothing half-written beside it."""
    path = tmp_path / "run.html"
    path.write_text("old")

    def half_written() -> None:
        with files.replacing(path) as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(ResultsError, match=r"run\.html could not be written: No space left"):
        half_written()
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_half_of_a_character_is_spelt_out(tmp_path: Path) -> None:
    """JSON can hold one, and UTF-8 cannot."""
    path = tmp_path / "run.html"
    files.write(path, "a\ud800")
    assert path.read_text(encoding="utf-8") == "a\\ud800"


def test_what_a_link_leads_to_is_written(tmp_path: Path) -> None:
    """The link stays."""
    target, link = tmp_path / "kept.html", tmp_path / "run.html"
    link.symlink_to(target)
    files.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """Such as a pipe that another program reads."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ResultsError, match="which is no file"):
        files.require_writable(pipe)


def test_a_name_that_is_too_long_is_found_before_the_wait(tmp_path: Path) -> None:
    """And is no stack trace."""
    path = tmp_path / ("x" * 250)
    with pytest.raises(ResultsError, match="File name too long"):
        files.require_writable(path)
    with pytest.raises(ResultsError, match="could not be written: File name too long"):
        files.write(path, "x")


def test_a_folder_that_is_not_there_is_found_before_the_wait(tmp_path: Path) -> None:
    """With the command that makes it."""
    folder = tmp_path / "reports"
    with pytest.raises(ResultsError, match=f"mkdir -p {folder}"):
        files.require_writable(folder / "run.html")
    with pytest.raises(ResultsError, match="got the folder"):
        files.require_writable(tmp_path)
