"""The models of docs/models.md: how each is made, and how it is packed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.models import forms, hub_module, metadata, networks, refusals, unusual

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One model of the table."""

    name: str
    form: str
    """The format in which its owner has it."""
    make: Callable[[Path], Path]
    """Writes the model below a folder; returns its path."""
    options: tuple[str, ...]
    """Of `pack`, besides the model, the output and the engine."""
    engines: tuple[str, ...] = ("tensorflow", "litert")
    refused: str | None = None
    """A part of the message of `pack`, if it refuses the model."""
    quick: bool = False
    """Whether `make test` packs it, too."""


def _application(
    name: str, form: str = "model.keras", *options: str, quick: bool = False
) -> Subject:
    make = {
        "model.keras": forms.keras_file,
        "model.h5": forms.h5_file,
        "model.export": forms.exported,
    }[form]
    return Subject(
        name=name,
        form=form,
        make=lambda folder: make(networks.application(name), folder),
        options=options or ("--classes", "1000"),
        quick=quick,
    )


def _small(
    name: str,
    form: str,
    make: Callable[[Any, Path], Path] = forms.keras_file,
    *,
    options: tuple[str, ...] = ("--range", "-1", "1"),
    network: Callable[[], Any] = networks.small,
    classes: int = 5,
    **more: Any,  # noqa: ANN401  of a Subject
) -> Subject:
    return Subject(
        name=name,
        form=form,
        make=lambda folder: make(network(), folder),
        options=(*options, "--classes", f"{classes}"),
        **{"quick": True, **more},
    )


ANY_SIZE: Final = ("--size", "224x224", "--classes", "1000")
"""Options for a network that takes pictures of any size."""

APPLICATIONS: Final = (
    _application("MobileNet", quick=True),
    _application("MobileNetV2", "model.h5"),
    _application("MobileNetV3Small", "model.export", *ANY_SIZE),
    _application("MobileNetV3Large", "model.keras", *ANY_SIZE),
    _application("NASNetMobile"),
    _application("EfficientNetB0", "model.export"),
    *(_application(f"EfficientNetB{size}") for size in (1, 2, 3, 4)),
    *(_application(f"EfficientNetV2B{size}") for size in (0, 1, 2, 3)),
    _application("EfficientNetV2S"),
    _application("DenseNet121"),
    _application("DenseNet169"),
    _application("DenseNet201"),
    _application("InceptionV3"),
    _application("Xception"),
    _application("ResNet50"),
    _application("ResNet50V2"),
)
"""All of keras.applications with less than 100 MB of weights."""

OTHERS: Final = (
    Subject(
        name="ViT, 12 blocks of 192, 224x224",
        form="model.export",
        make=lambda folder: forms.exported(
            networks.vision_transformer(224, blocks=12, width=192, heads=3, patch=16), folder
        ),
        options=("--range", "-1", "1", "--classes", "1000"),
    ),
    Subject(
        name="MobileNet V1 1.0/128, 1,001 logits",
        form="TF-Hub, TensorFlow 1, .tar.gz",
        make=lambda folder: hub_module.archive(
            networks.application(
                "MobileNet", input_shape=(128, 128, 3), classes=1001, classifier_activation=None
            ),
            folder,
        ),
        options=("--range", "0", "1", "--classes", "1001"),
        quick=True,
    ),
    Subject(
        name="MobileNetV2 with an own head",
        form="transfer-learning guide, model.keras",
        make=lambda folder: forms.keras_file(unusual.transfer_learning(), folder),
        options=("--classes", "2"),
    ),
    Subject(
        name="MobileNetV2 with an own head",
        form="SavedModel with training",
        make=lambda folder: forms.saved_with_training(unusual.transfer_learning(), folder),
        options=("--classes", "2"),
    ),
    *(
        _small(name, "model.keras", network=partial(networks.small, between=between))
        for name, between in unusual.LAYERS.items()
    ),
    _small("logits", "model.keras", network=partial(networks.small, activation=None)),
    _small(
        "logits, softmax asked for",
        "model.keras",
        network=partial(networks.small, activation=None),
        options=("--range", "-1", "1", "--activation", "softmax"),
    ),
    _small(
        "one sigmoid for two classes",
        "model.keras",
        network=partial(networks.small, activation="sigmoid", classes=1),
        classes=2,
    ),
    _small(
        "mixed precision", "model.keras", network=unusual.mixed_precision, engines=("tensorflow",)
    ),
    _small(
        "float16 input",
        "model.export",
        forms.exported,
        network=unusual.float16_input,
        engines=("tensorflow",),
    ),
    _small("uint8 input", "model.export", forms.exported, network=unusual.uint8_input, options=()),
    _small(
        "fixed batch of 1",
        "model.export",
        forms.exported,
        network=partial(networks.small, batch_size=1),
    ),
    _small(
        "fixed batch of 16",
        "model.export",
        forms.exported,
        network=partial(networks.small, batch_size=16),
    ),
    _small(
        "any height and width",
        "model.keras",
        network=partial(networks.small, (None, None, 3)),
        options=("--range", "-1", "1", "--size", "96x64"),
    ),
    _small("grey pictures", "model.keras", network=partial(networks.small, (64, 64, 1))),
    _small("channels first", "SavedModel", unusual.channels_first, engines=("tensorflow",)),
    _small(
        "two outputs",
        "SavedModel",
        unusual.two_outputs,
        options=("--range", "-1", "1", "--output-name", "scores"),
    ),
    _small("training flag", "SavedModel", unusual.training_flag),
    _small("SavedModel with training", "SavedModel", forms.saved_with_training),
    *(
        _small(name, ".tflite", make, options=options, engines=("litert",))
        for name, make, options in unusual.converted()
    ),
    _small(
        "no signature, fixed batch of 1",
        ".tflite",
        unusual.without_signature,
        network=partial(networks.small, batch_size=1),
        engines=("litert",),
    ),
    Subject(
        name="float32 with metadata",
        form=".tflite",
        make=lambda folder: metadata.tflite_file(networks.small(), folder, "abcde"),
        options=(),
        engines=("litert",),
        quick=True,
    ),
)

REFUSED: Final = tuple(
    Subject(
        name=name,
        form=form,
        make=make,
        options=options,
        engines=("tensorflow",),
        refused=words,
        quick=True,
    )
    for name, form, make, options, words in refusals.ALL
)

ALL: Final = (*APPLICATIONS, *OTHERS, *REFUSED)


def make(number: int, folder: str) -> None:
    """Makes the model with this number below a folder, and prints its path."""
    sys.stdout.write(f"{ALL[number].make(Path(folder))}\n")
