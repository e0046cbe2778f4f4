"""The options of the command `pack`; light, because every command of the company reads them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Final, get_args

from packing import presets
from packing.facts import Quantization, Said
from workload import manifest

EPILOG: Final = (
    "Exit code 0: packed; 1: packed, but the packed model's answers differ from the model's; 2: not"
    " packed. docs/models.md has an example for each kind of model."
)
_SIZE_PARTS: Final = 2


def add(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `pack`."""
    parser.add_argument(
        "model",
        type=Path,
        metavar="MODEL",
        help="a SavedModel folder or a .tar.gz of one, a .keras, .h5 or .tflite file",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="where to write the files"
    )
    parser.add_argument("--name", help="the model's name (default: the file's)")

    answers = parser.add_argument_group("what the model answers")
    classes = answers.add_mutually_exclusive_group()
    classes.add_argument(
        "--labels", type=Path, metavar="FILE", help="the classes' labels, one in a line, or JSON"
    )
    classes.add_argument("--classes", type=int, metavar="N", help="number them: class 0, class 1 …")
    answers.add_argument("--scores", choices=get_args(manifest.Scores))
    answers.add_argument(
        "--activation",
        choices=get_args(manifest.Activation),
        help="turn logits into probabilities (default: publish logits as they are)",
    )
    answers.add_argument("--top-k", type=int, metavar="K", help="classes in a result (default: 5)")

    takes = parser.add_argument_group("what the model takes (default: what the model itself shows)")
    takes.add_argument("--preset", choices=tuple(presets.PRESETS), help="of a family of models")
    takes.add_argument("--size", type=_size, metavar="WIDTHxHEIGHT")
    takes.add_argument("--channels", choices=get_args(manifest.Channels))
    takes.add_argument(
        "--range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="for black and for white"
    )
    takes.add_argument("--mean", type=float, nargs="+", help="subtracted from each channel")
    takes.add_argument("--deviation", type=float, nargs="+", help="divides each channel after that")
    takes.add_argument("--resize", choices=get_args(manifest.Resize))
    takes.add_argument("--fit", choices=get_args(manifest.Fit))
    takes.add_argument("--short-side", type=int, metavar="PIXELS", dest="shortSide")
    takes.add_argument("--decode", choices=get_args(manifest.Decode))
    takes.add_argument("--layout", choices=get_args(manifest.Layout))

    parts = parser.add_argument_group("which part of the model (default: the only one)")
    parts.add_argument("--signature", metavar="NAME")
    parts.add_argument("--input-name", metavar="NAME")
    parts.add_argument("--output-name", metavar="NAME")

    how = parser.add_argument_group("how to pack")
    how.add_argument(
        "--engine", choices=("tensorflow", "litert"), help="default: tensorflow, or litert"
    )
    how.add_argument(
        "--quantize",
        choices=get_args(Quantization),
        default="none",
        help="smaller weights, for litert",
    )
    how.add_argument("--batch", type=int, metavar="N", help="pictures in each call of the model")
    how.add_argument("--sample", type=Path, metavar="FOLDER", help="typical pictures (up to 64)")
    how.add_argument(
        "--golden",
        type=int,
        default=0,
        metavar="N",
        help="put the first N of the sample into the archive, with the model's answers: every run"
        " checks them first",
    )


def said(options: argparse.Namespace) -> Said:
    """What the owner said of the model."""
    keys = (
        "channels",
        "range",
        "mean",
        "deviation",
        "resize",
        "fit",
        "shortSide",
        "decode",
        "layout",
    )
    given: dict[str, Any] = {key: getattr(options, key) for key in keys}
    return Said(
        name=options.name,
        labels=options.labels,
        classes=options.classes,
        preset=options.preset,
        size=options.size,
        scores=options.scores,
        activation=options.activation,
        top_k=options.top_k,
        batch=options.batch,
        input={key: value for key, value in given.items() if value is not None},
    )


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != _SIZE_PARTS or not all(part.isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"got {text}, expected WIDTHxHEIGHT such as 224x224")
    width, height = map(int, parts)
    return width, height
