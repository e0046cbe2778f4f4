"""`pack` from the command line: models that owners have become archives that the enclave takes."""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bench.models import forms, hub_module, metadata, networks, subjects, unusual
from infra.config import model_archive
from packing import comparison, options
from packing.errors import PackError
from packing.pack import Packed, pack
from rehearsal.repository import REPOSITORY
from workload import archive, manifest
from workload.decoding import pixels
from workload.engines import selection
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PICTURES = REPOSITORY / "model" / "pictures"
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning",  # Keras' file formats, with NumPy 2
)
QUICK = [
    (subject, engine) for subject in subjects.ALL if subject.quick for engine in subject.engines
]


def packed(model: Path, *arguments: str) -> Packed:
    """The model packed beside itself, with these options."""
    parser = argparse.ArgumentParser()
    options.add(parser)
    given = parser.parse_args([str(model), "--output", str(model.parent / "packed"), *arguments])
    return pack(given, options.said(given), lambda _: None)


def value(of: Packed, key: str) -> Any:
    """The value of a manifest's key."""
    (found,) = [fact.value for fact in of.facts if fact.key == key]
    return found


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network as a .keras file; copied by tests that need another place."""
    return forms.keras_file(networks.small(), tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize(
    ("subject", "engine"), QUICK, ids=[f"{s.name}, {s.form}, {e}" for s, e in QUICK]
)
def test_a_model_that_owners_have_is_packed_or_refused_by_name(
    subject: subjects.Subject, engine: str, tmp_path: Path
) -> None:
    """The packed model gives the original's answers; what is refused is named to the owner."""
    model = subject.make(tmp_path)
    engines = () if subject.form == ".tflite" else ("--engine", engine)
    if subject.refused is not None:
        with pytest.raises(PackError) as refusal:
            packed(model, *subject.options, *engines)
        assert subject.refused in str(refusal.value)
        assert not (tmp_path / "packed").exists()
        return
    done = packed(model, *subject.options, *engines)
    assert done.comparison.agrees, done.comparison
    assert done.comparison.varied
    # Primus' preview takes both files as they are.
    folder = tmp_path / "packed"
    checked = model_archive.model_archive(folder / "model.tar.gz", folder / "manifest.json")
    assert checked.sha256 == done.sha256


@pytest.mark.parametrize(
    ("network", "tolerance"),
    [
        (networks.small, comparison.TOLERANCE),
        (unusual.float16_input, comparison.TOLERANCE),
        (unusual.mixed_precision, comparison.HALVES * 2**-10),
    ],
    ids=["float32", "halves that are only stored", "computes in halves"],
)
def test_a_model_that_computes_in_halves_may_differ_by_their_precision(
    network: Callable[[], keras.Model], tolerance: float, tmp_path: Path
) -> None:
    """Two processors do; the golden pictures of such a model allow for it, too."""
    model = forms.exported(network(), tmp_path)
    golden = ("--golden", "1", "--sample", str(PICTURES))
    done = packed(model, "--range", "-1", "1", "--classes", "5", *golden)
    assert done.comparison.tolerance == tolerance
    written = json.loads((tmp_path / "packed" / "manifest.json").read_text())
    assert [each for each in written["golden"] if each["tolerance"] < tolerance] == []


def test_the_files_describe_one_another(small: Path, tmp_path: Path) -> None:
    """The manifest beside the archive has its hash; the one within is the same without it."""
    model = tmp_path / "small.keras"
    model.write_bytes(small.read_bytes())
    done = packed(model, "--range", "-1", "1", "--classes", "5")
    folder = tmp_path / "packed"
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        "model.tar.gz",
        "report.json",
    ]
    content = (folder / "model.tar.gz").read_bytes()
    beside = json.loads((folder / "manifest.json").read_text())
    assert beside.pop("archive") == {
        "file": "model.tar.gz",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    archive.unpack(folder / "model.tar.gz", tmp_path / "unpacked")
    assert json.loads((tmp_path / "unpacked" / "manifest.json").read_text()) == beside
    report = json.loads((folder / "report.json").read_text())
    assert report["archive"]["sha256"] == done.sha256
    assert len(report["pictures"]) == 8


def test_the_same_model_gives_the_same_archive(small: Path, tmp_path: Path) -> None:
    """In another process, too: the SHA-256 identifies the model."""
    hashes = []
    for number in range(2):
        output = tmp_path / f"{number}"
        command = [sys.executable, "-m", "ops", "pack", str(small), "--output", str(output)]
        command += ["--range", "-1", "1", "--classes", "5"]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        hashes.append(hashlib.sha256((output / "model.tar.gz").read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]


def test_nothing_is_written_if_a_model_is_refused(small: Path, tmp_path: Path) -> None:
    """Not even the folder; the command ends with 2 and says why."""
    output = tmp_path / "packed"
    command = [sys.executable, "-m", "ops", "pack", str(small), "--output", str(output)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "range: got no sign of it in the model" in done.stderr
    assert "classes: got no labels, expected 5" in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    ("make", "arguments", "key", "expected"),
    [
        (networks.small, ("--range", "0", "1"), "input.channels", "RGB"),
        (lambda: networks.small((64, 64, 1)), ("--range", "0", "1"), "input.channels", "grey"),
        (networks.small, ("--preset", "vgg"), "input.channels", "BGR"),
        (networks.small, ("--preset", "vgg"), "input.range", [0.0, 255.0]),
        (networks.small, ("--range", "0", "1"), "output.scores", "probabilities"),
        (
            lambda: networks.small(activation=None),
            ("--range", "0", "1"),
            "output.scores",
            "logits",
        ),
        (
            lambda: networks.small(activation="log_softmax"),
            ("--range", "0", "1"),
            "output.scores",
            "log-probabilities",
        ),
        (
            lambda: networks.small(activation="sigmoid"),
            ("--range", "0", "1"),
            "output.scores",
            "probabilities",
        ),
        (lambda: networks.small(batch_size=32), ("--range", "0", "1"), "batch", 32),
        (unusual.transfer_learning, (), "input.range", [0, 255]),
        (
            lambda: networks.application("MobileNetV2", input_shape=(32, 32, 3), alpha=0.35),
            (),
            "input.range",
            [-1.0, 1.0],
        ),
    ],
)
def test_what_the_model_shows_is_in_the_manifest(
    make: Callable[[], Any],
    arguments: tuple[str, ...],
    key: str,
    expected: object,
    tmp_path: Path,
) -> None:
    """Its layers, shapes, last operation and name; the owner says the rest."""
    network = make()
    model = forms.keras_file(network, tmp_path)
    classes = max(2, network.output_shape[-1])
    assert value(packed(model, *arguments, "--classes", f"{classes}"), key) == expected


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--classes", "4"), "classes: got 4 labels from --classes, expected 5"),
        (("--classes", "5", "--size", "32x32"), "--size: got 32x32, expected 64x64"),
        (("--classes", "5", "--range", "1", "0"), "input.range: got [1.0, 0.0]"),
        (("--classes", "5", "--top-k", "6"), "topK: got 6, expected a whole number from 1 to 5"),
        (("--classes", "5", "--mean", "1"), "input.mean: got [1.0], expected a list of 3"),
        (("--classes", "5", "--batch", "3"), "batch: got 3, expected 1 or 2 or 4"),
        (("--classes", "5", "--activation", "softmax"), "output.activation: got"),
        (("--classes", "5", "--golden", "2"), "got no --sample FOLDER"),
        (("--classes", "5", "--sample", "/nowhere"), "--sample: got /nowhere, expected a folder"),
        (("--classes", "5", "--quantize", "int8"), "expected --engine litert"),
        (("--labels", "/nowhere"), "--labels /nowhere: got FileNotFoundError"),
        (("--classes", "5", "--fit", "pad", "--short-side", "70"), "input.shortSide"),
    ],
)
def test_a_wrong_option_is_an_error_that_names_it(
    arguments: tuple[str, ...], problem: str, small: Path
) -> None:
    """What was got, and what is expected."""
    ranged = () if "--range" in arguments else ("--range", "-1", "1")
    with pytest.raises(PackError) as refusal:
        packed(small, *ranged, *arguments)
    assert problem in str(refusal.value)


def test_labels_come_from_a_file(small: Path, tmp_path: Path) -> None:
    """In the order of the scores."""
    (tmp_path / "labels.txt").write_text("clean\nscratch\ndent\n\nرنگ\n", encoding="utf-8")
    labels = tmp_path / "labels.txt"
    done = packed(small, "--range", "-1", "1", "--labels", str(labels))
    assert value(done, "classes") == ["clean", "scratch", "dent", "", "رنگ"]


def test_golden_pictures_are_checked_by_every_run(small: Path) -> None:
    """They are in the archive with the original's answers; another range is noticed at packing."""
    done = packed(
        small, "--range", "-1", "1", "--classes", "5", "--sample", str(PICTURES), "--golden", "3"
    )
    beside = json.loads((done.folder / "manifest.json").read_text())
    assert [each["file"] for each in beside["golden"]] == [
        f"golden/{number:02}{path.suffix}"
        for number, path in enumerate(sorted(PICTURES.iterdir())[:3])
    ]
    assert len(beside["golden"][0]["topK"]) == 5


@pytest.mark.parametrize("quantize", ["float16", "dynamic", "int8"])
def test_a_quantized_model_is_packed_and_its_cost_is_shown(quantize: str, small: Path) -> None:
    """It may differ; the comparison says how much."""
    done = packed(
        small,
        *("--range", "-1", "1", "--classes", "5", "--sample", str(PICTURES)),
        *("--engine", "litert", "--quantize", quantize),
    )
    assert done.succeeded
    assert not done.exact
    assert 0 < done.comparison.largest_difference < 0.2


def test_a_hub_archive_gives_raw_logits_and_softmax_where_asked_for(tmp_path: Path) -> None:
    """As the published example's model: 1,001 logits, published as they are."""
    network = networks.application(
        "MobileNet", input_shape=(128, 128, 3), alpha=0.25, classes=1001, classifier_activation=None
    )
    model = hub_module.archive(network, tmp_path)
    arguments = ("--range", "0", "1", "--classes", "1001")
    raw = packed(model, *arguments)
    softmax = packed(model, *arguments, "--activation", "softmax")
    one, other = raw.comparison.rows[0], softmax.comparison.rows[0]
    logits = np.array([score.score for score in one.best])
    assert logits.max() > 1
    np.testing.assert_allclose(
        other.best[0].score, 1 / np.exp(logits - logits.max()).sum(), rtol=1e-3
    )


def test_metadata_of_a_tflite_file_fill_the_manifest(tmp_path: Path) -> None:
    """Mean, deviation and labels."""
    labels = ["clean", "scratch", "dent", "stain", "crack"]
    model = metadata.tflite_file(networks.small(), tmp_path, labels)
    done = packed(model)
    assert value(done, "classes") == labels
    assert value(done, "input.range") == [0, 255]
    assert value(done, "input.mean") == [127.5] * 3
    assert value(done, "input.deviation") == [127.5] * 3


def test_the_lines_of_the_fine_tuning_note_give_a_packed_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/models.md: the Python lines as they stand, with random weights and one step."""
    note = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    code = note.partition("```python\n")[2].partition("```")[0]
    code = code.replace("include_top=False)", "include_top=False, weights=None)")
    monkeypatch.chdir(tmp_path)
    here: dict[str, Any] = {"keras": keras}
    fitted = (
        "model.compile('adam', 'sparse_categorical_crossentropy')\nmodel.fit(x_, y_, verbose=0)"
    )
    here |= {"x_": np.zeros((2, 160, 160, 3), np.float32), "y_": np.zeros(2, np.int64)}
    exec(code.replace("# compile and fit here", fitted), here)  # noqa: S102  the note's own lines
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    model = tmp_path / "cats-and-dogs.keras"
    done = packed(model, "--labels", str(tmp_path / "labels.txt"))
    assert done.comparison.agrees
    assert value(done, "classes") == ["cat", "dog"]


def test_the_packed_model_answers_like_keras_itself(tmp_path: Path) -> None:
    """A picture through decoder and engine of the workload, and through load_img and predict."""
    network = networks.application("MobileNet", input_shape=(96, 96, 3), alpha=0.25, classes=7)
    model = forms.keras_file(network, tmp_path)
    packed(model, "--preset", "mobilenet", "--classes", "7", "--top-k", "7")
    archive.unpack(tmp_path / "packed" / "model.tar.gz", tmp_path / "unpacked")
    described = manifest.read(tmp_path / "unpacked" / "manifest.json")
    engine = selection.load(tmp_path / "unpacked", described)
    for path in sorted(PICTURES.iterdir())[:4]:
        decoded = pixels.decode(path.read_bytes(), described.input, pixels.Buffer())
        (answer,) = engine.classify([decoded])
        assert not isinstance(answer, PictureFailure)
        image = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(96, 96)))
        given = keras.applications.mobilenet.preprocess_input(image[None])
        (expected,) = network(tf.constant(given), training=False).numpy()
        got = [score.score for score in sorted(answer)]
        np.testing.assert_allclose(got, expected, atol=1e-4)
