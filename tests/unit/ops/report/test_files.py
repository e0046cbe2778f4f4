"""Writing a file whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.records import ResultsError
from ops.report import files


def test_a_file_is_replaced_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """It holds the pictures."""
    path = tmp_path / "run.html"
    path.write_text("old")
    files.write(path, "neu ü")
    assert path.read_text(encoding="utf-8") == "neu ü"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing half-written beside it."""
    path = tmp_path / "run.html"
    path.write_text("old")

    def full(_self: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ResultsError, match=r"run\.html could not be written: No space left"):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_that_is_not_there_is_found_before_the_wait(tmp_path: Path) -> None:
    """With the command that makes it."""
    folder = tmp_path / "reports"
    with pytest.raises(ResultsError, match=f"mkdir -p {folder}"):
        files.require_writable(folder / "run.html")
    with pytest.raises(ResultsError, match="got the folder"):
        files.require_writable(tmp_path)
