"""Presets give a model the pixels that Keras gives it: load_img, then preprocess_input."""

from __future__ import annotations

import inspect
import io
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from model.draw import CLASSES, draw
from packing import presets
from tests.fixtures.pictures.photos import file, image
from workload import manifest
from workload.decoding import pixels

MODULES = {"vgg": "vgg16"}
"""Modules of keras.applications that have another name than the preset."""
FAMILIES = [preset for preset in presets.PRESETS if preset != "torchvision"]
SIZES = (
    (640, 480),
    (480, 640),
    (500, 375),
    (333, 500),
    (1000, 700),
    (97, 301),
    (224, 224),
    (60, 44),
)


def pictures() -> list[bytes]:
    """Drawn photographs of several sizes, as PNG and as JPEG."""
    files = []
    for number, (width, height) in enumerate(SIZES):
        rng = np.random.default_rng(number)
        shown = draw(rng, CLASSES[number % len(CLASSES)], width, height)
        if number % 3 == 2:
            shown = image(width, height)
        files.append(file("PNG", shown) if number % 2 else file("JPEG", shown, quality=85))
    return files


def model_input(preset: str, width: int = 224, height: int = 224) -> manifest.Input:
    """The input of a manifest with this preset."""
    data = {
        "schema": manifest.SCHEMA,
        "name": "m",
        "format": "litert",
        "classes": ["a", "b"],
        "input": {**presets.PRESETS[preset], "width": width, "height": height},
        "output": {"scores": "probabilities"},
    }
    return manifest.of(data).input


def ours(data: bytes, read: manifest.Input) -> Any:
    """The workload's pixels."""
    return pixels.decode(data, read, pixels.Buffer())


def keras_input(data: bytes, family: str, width: int = 224, height: int = 224) -> Any:
    """Keras' own pixels."""
    loaded = keras.utils.load_img(io.BytesIO(data), target_size=(height, width))
    module = getattr(keras.applications, MODULES.get(family, family))
    return module.preprocess_input(keras.utils.img_to_array(loaded))


def tolerance(read: manifest.Input) -> float:
    """1e-4 of the distance from black to white."""
    return 1e-4 * (read.high - read.low) / min(read.deviation or (1.0,))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_preset_gives_the_pixels_of_keras(family: str) -> None:
    """For pictures of any size and aspect, PNG and JPEG."""
    read = model_input(family)
    for data in pictures():
        np.testing.assert_allclose(
            ours(data, read), keras_input(data, family), rtol=0, atol=tolerance(read)
        )


def test_the_preset_torchvision_gives_torchvisions_pixels() -> None:
    """Resize(256), CenterCrop(224), ToTensor and Normalize, by Pillow and NumPy.

    The transforms of its weights, IMAGENET1K_V1: `ImageClassification(crop_size=224)`.
    """
    read = model_input("torchvision")
    for data in pictures():
        shown = Image.open(io.BytesIO(data)).convert("RGB")
        width, height = shown.size
        scale = 256 / min(width, height)
        size = (256, int(height * scale)) if width < height else (int(width * scale), 256)
        shown = shown.resize(size, Image.Resampling.BILINEAR)
        left, top = (round((side - 224) / 2) for side in size)
        tensor = np.asarray(shown.crop((left, top, left + 224, top + 224)), np.float32) / 255
        normal = (tensor - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
        np.testing.assert_allclose(ours(data, read), normal, rtol=0, atol=tolerance(read))


def spread(model: Any, inputs: Any) -> None:
    """Gives a model with random weights answers that depend on the picture.

    Without that its scores are nearly the same for all pictures, and any preprocessing agrees.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(inputs, training=True)
    features = keras.Model(model.input, model.layers[-2].output).predict_on_batch(inputs)
    kernel = np.random.default_rng(1).normal(size=(features.shape[1], 10)).astype(np.float32)
    logits = features @ kernel
    kernel *= 2 / logits.std(0)
    model.layers[-1].set_weights([kernel, -(features @ kernel).mean(0)])


@pytest.mark.parametrize(
    ("function", "family", "other"),
    [("ResNet50", "resnet", "densenet"), ("DenseNet121", "densenet", "resnet")],
)
def test_a_model_gives_the_same_scores(function: str, family: str, other: str) -> None:
    """The same class for all pictures, scores within 1e-4; not so with another preset."""
    width, height = 96, 64
    keras.utils.set_random_seed(5)
    model = getattr(keras.applications, function)(
        weights=None, classes=10, input_shape=(height, width, 3)
    )
    files = pictures()
    theirs = np.stack([keras_input(data, family, width, height) for data in files])
    spread(model, theirs)
    expected = model.predict_on_batch(theirs)
    read = model_input(family, width, height)
    scores = model.predict_on_batch(np.stack([ours(data, read) for data in files]))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(scores.argmax(1), expected.argmax(1))
    assert len(set(expected.argmax(1))) >= 4
    wrong = model_input(other, width, height)
    wrong_scores = model.predict_on_batch(np.stack([ours(data, wrong) for data in files]))
    assert np.abs(wrong_scores - expected).max() > 0.1


FUNCTIONS = {
    name: function
    for name, function in vars(keras.applications).items()
    if inspect.isfunction(function)
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_keras_models_are_known_by_their_names(function: str) -> None:
    """By the name of the function, and by the one that it gives to the model."""
    family = FUNCTIONS[function].__module__.rpartition(".")[2].replace("16", "").replace("19", "")
    given = inspect.signature(FUNCTIONS[function]).parameters["name"].default or function
    assert presets.named(function) == family
    assert presets.named(given) == family
    assert presets.named(f"{given}_1") == family


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("mobilenet_1.00_224", "mobilenet"),
        ("mobilenet_0.50_128", "mobilenet"),
        ("mobilenetv2_1.00_224", "mobilenet_v2"),
        ("mobilenetv2_0.35_None", "mobilenet_v2"),
        ("ResNet101", "resnet"),
        ("resnet152v2", "resnet_v2"),
        ("efficientnetv2-b0", "efficientnet_v2"),
        ("", None),
        ("model", None),
        ("functional_1", None),
        ("resnet18", None),
        ("my_resnet50_head", None),
        ("mobilenet_v1_100_224", None),
    ],
)
def test_only_keras_names_are_known(name: str, preset: str | None) -> None:
    """A model with a similar name may take other pixels: there is no guess."""
    assert presets.named(name) == preset


def test_presets_cannot_be_changed() -> None:
    """A caller gets its own copy by dict()."""
    with pytest.raises(TypeError):
        presets.PRESETS["resnet"]["range"] = [0, 1]  # type: ignore[index]
