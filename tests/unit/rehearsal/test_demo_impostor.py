"""The impostor is Primus' own workload and one line more, and that line is a real theft."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.demo import impostor
from rehearsal.image_builder.dockerfile import build
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.image_builder.oci import Image

WORKLOAD = REPOSITORY / "workload"


def image(folder: Path) -> Image:
    """The folder's image, as the local builder assembles it."""
    return build(folder, folder / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})


def test_exactly_one_line_is_added(tmp_path: Path) -> None:
    """The copy differs from the workload by one line of one module, and that line still parses."""
    line = impostor.change(WORKLOAD, tmp_path / "copy")
    before = (WORKLOAD / impostor.MODULE).read_text().splitlines()
    after = (tmp_path / "copy" / impostor.MODULE).read_text().splitlines()
    (added,) = [number for number, text in enumerate(after) if text.strip() == line]
    assert after[:added] + after[added + 1 :] == before
    compile("\n".join(after), impostor.MODULE, "exec")


def test_the_line_makes_another_image(tmp_path: Path) -> None:
    """An unchanged copy has the workload's digest; the changed one has another."""
    line = impostor.change(WORKLOAD, tmp_path / "copy")
    changed = image(tmp_path / "copy").digest
    module = tmp_path / "copy" / impostor.MODULE
    kept = [text for text in module.read_text().splitlines(keepends=True) if text.strip() != line]
    module.write_text("".join(kept))
    assert image(tmp_path / "copy").digest == image(WORKLOAD).digest != changed


def test_a_workload_that_has_moved_on_is_noticed(tmp_path: Path) -> None:
    """If the line's place is gone, the demonstration says so and shows nothing wrong."""
    source = tmp_path / "workload"
    source.mkdir()
    (source / impostor.MODULE).write_text("def run(): ...\n")
    with pytest.raises(ValueError, match="no longer has the line"):
        impostor.change(source, tmp_path / "copy")
