"""What a demonstration leaves behind lies in its folder whole, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.exit_codes import UNUSABLE
from rehearsal.cli import main
from rehearsal.demo.saved_evidence import SaveError, saving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("exists", [True, False])
def test_what_was_noted_lies_there_at_the_end(tmp_path: Path, *, exists: bool) -> None:
    """An empty folder is filled, and one that is not there is made; nothing lies beside it."""
    folder = tmp_path / "run"
    if exists:
        folder.mkdir()
    with saving(str(folder)) as files:
        files["condition.cel"] = "true\n"
        assert not folder.exists() or list(folder.iterdir()) == []
    assert [path.name for path in folder.iterdir()] == ["condition.cel"]
    assert (folder / "condition.cel").read_text() == "true\n"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_story_that_broke_off_leaves_nothing(tmp_path: Path) -> None:
    """An error inside goes on, and no file of it is there."""

    def unmet() -> None:
        with saving(str(tmp_path / "run")) as files:
            files["condition.cel"] = "true\n"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        unmet()
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Not even the files that could be."""

    def unmet() -> None:
        with saving(str(tmp_path / "run")) as files:
            files["a"] = "a"
            files["no/such/folder"] = "b"

    with pytest.raises(SaveError, match="nothing was left there"):
        unmet()
    assert list(tmp_path.iterdir()) == []


def test_without_the_option_no_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a folder the notes go nowhere."""
    monkeypatch.chdir(tmp_path)
    with saving(None) as files:
        files["condition.cel"] = "true\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "full folder", "dangling link", "under a file"])
def test_a_folder_that_is_taken_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    """The demonstration does not even start, and what is there stays as it is."""
    folder = tmp_path / "run"
    if kind == "file":
        folder.write_text("mine")
    elif kind == "full folder":
        folder.mkdir()
        (folder / "mine").touch()
    elif kind == "dangling link":
        folder.symlink_to("nowhere")
    else:
        folder.write_text("mine")
        folder = folder / "inside"
    before = sorted(tmp_path.rglob("*"))
    assert main(["demo", "--keep", str(folder)]) == UNUSABLE
    assert "nothing was run" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before
