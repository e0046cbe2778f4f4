"""The demonstration pictures are what their list says, and are drawn from their keys alone."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from model.defects import DEFECTS
from model.draw import CLASSES, Key, PictureSet, draw, sample
from model.pictures import CAMERAS, PlannedPicture, draw_file, planned_pictures
from model.surface import machined
from rehearsal.repository import REPOSITORY

MODEL = REPOSITORY / "model"
FOLDER = MODEL / "pictures"
PLANNED = planned_pictures()


def truth() -> dict[str, str]:
    """What each committed picture shows."""
    loaded: dict[str, str] = json.loads((MODEL / "pictures.json").read_text())
    return loaded


def test_list_covers_the_folder() -> None:
    """Every picture is listed and every listed picture is there."""
    assert sorted(truth()) == sorted(path.name for path in FOLDER.iterdir())


def test_list_covers_every_class() -> None:
    """The demonstration shows each class at least twice, in at least 24 pictures."""
    shown = list(truth().values())
    assert set(shown) == set(CLASSES)
    assert min(shown.count(label) for label in CLASSES) >= 2
    assert len(shown) >= 24


def test_list_equals_what_the_script_draws() -> None:
    """Which pictures are shown follows from the seed: none was chosen by the model's verdict."""
    assert truth() == {planned.name: planned.key.label for planned in PLANNED}


def test_names_do_not_disclose_the_class() -> None:
    """Nothing can be read off a file's name."""
    assert [name for name in truth() for label in CLASSES if label in name] == []


def test_folder_is_small() -> None:
    """All pictures together stay under 2 MB: they live in the repository."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


def test_folder_has_both_forms_and_several_sizes() -> None:
    """JPEG and PNG, and one size for every camera of the line."""
    formats = set()
    for path in FOLDER.iterdir():
        with Image.open(path) as picture:
            formats.add((*picture.size, picture.format))
    assert formats == {(camera.width, camera.height, camera.form) for camera in CAMERAS}
    assert {form for _, _, form in formats} == {"JPEG", "PNG"}


@pytest.mark.parametrize("planned", PLANNED, ids=lambda planned: planned.name)
def test_committed_picture_is_the_one_drawn(planned: PlannedPicture) -> None:
    """The file shows what its key draws (another processor may round a pixel differently)."""
    with (
        Image.open(FOLDER / planned.name) as committed,
        Image.open(io.BytesIO(draw_file(planned))) as again,
    ):
        difference = np.abs(np.asarray(committed, np.int16) - np.asarray(again, np.int16))
    assert difference.mean() < 0.5


@pytest.mark.parametrize("label", CLASSES)
def test_same_key_draws_the_same_file(label: str) -> None:
    """A key decides size, form and every pixel."""
    key = Key(PictureSet.TRAINING, label, 7)
    assert sample(key) == sample(key)


@pytest.mark.parametrize("purpose", [PictureSet.HELD_BACK, PictureSet.DEMONSTRATION])
def test_no_picture_is_in_two_sets(purpose: PictureSet) -> None:
    """The same number in another set is another picture: nothing held back was trained on."""
    trained, other = (
        np.asarray(draw(Key(each, "crack", 7).generator(), "crack", 64, 64), np.int16)
        for each in (PictureSet.TRAINING, purpose)
    )
    assert np.abs(trained - other).mean() > 5


def marked_share(label: str, number: int) -> float:
    """The share of a part's area that its defect visibly changes."""
    part = machined(
        np.random.default_rng(number), 160, 120, ferrous=label == "rust", edge=label == "burr"
    )
    metal, outline = part.rgb.copy(), part.inside.copy()
    DEFECTS[label](part)
    changed = (np.abs(part.rgb - metal).max(axis=2) > 0.1) | (part.inside != outline)
    return float(changed.mean())


@pytest.mark.parametrize("label", CLASSES[1:])
def test_defect_can_be_seen(label: str) -> None:
    """A defect marks at least half a percent of the picture, wherever it happens to fall."""
    assert min(marked_share(label, number) for number in range(8)) > 0.005


def test_clean_part_has_no_mark() -> None:
    """A clean part is the healthy part and nothing else."""
    assert marked_share("clean", 1) == 0
