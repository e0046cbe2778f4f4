"""The two archives of the demonstration model, on the workload's own engines."""

from __future__ import annotations

import io
import tarfile

import pytest

from model.build import main
from model.convert import Agreement, compare_engines, convert_archive
from model.pack import ARCHIVE, CONVERTED, pack_converted
from rehearsal.repository import REPOSITORY

MODEL = REPOSITORY / "model"
PICTURES = [path.read_bytes() for path in sorted((MODEL / "pictures").iterdir())]


def test_both_committed_archives_give_the_same_answers() -> None:
    """Every demonstration picture has the same class, and scores differ only by rounding."""
    one, other = (MODEL / ARCHIVE).read_bytes(), (MODEL / CONVERTED).read_bytes()
    agreed = compare_engines(one, other, PICTURES)
    assert (agreed.pictures, agreed.same_class) == (27, 27)
    assert agreed.largest_difference <= 7.5e-5


@pytest.fixture(scope="module")
def once() -> bytes:
    """What the committed model becomes when it is converted here."""
    return convert_archive((MODEL / ARCHIVE).read_bytes())


def test_the_same_model_is_converted_to_the_same_bytes(once: bytes) -> None:
    """The conversion is reproducible."""
    assert convert_archive((MODEL / ARCHIVE).read_bytes()) == once


def test_another_model_does_not_agree(once: bytes) -> None:
    """The comparison can fail: here with other weights."""
    archive = (MODEL / ARCHIVE).read_bytes()
    other = bytearray(_model(once))
    other[len(other) // 3 : len(other) // 3 + 4096] = bytes(4096)
    assert not compare_engines(archive, pack_converted(bytes(other)), PICTURES)


def _model(archive: bytes) -> bytes:
    """The file in a converted archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        file = tar.extractfile("model.tflite")
        assert file is not None
        return file.read()


@pytest.mark.parametrize(
    ("same", "apart"), [(26, 0.0), (27, 7.6e-5), (27, float("nan"))], ids=["class", "score", "NaN"]
)
def test_one_difference_fails_the_comparison(same: int, apart: float) -> None:
    """All pictures must have the same class, and every score must be within the tolerance."""
    assert Agreement(pictures=27, same_class=27, largest_difference=7.5e-5)
    assert not Agreement(pictures=27, same_class=same, largest_difference=apart)


def test_an_unknown_argument_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt option does not start a training."""
    assert main(["--covert"]) == 2
    assert "expected nothing or --convert" in capsys.readouterr().err
