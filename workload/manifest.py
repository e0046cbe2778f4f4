"""Reads a model's manifest: the model's own description of its input and output.

The model declares its preprocessing; the workload assumes none. An unknown key or value is an
error, because ignoring it would feed the model other pixels than it was trained on. Primus' preview
uses this module, too: it needs nothing but Python. `docs/manifest.md` and
`docs/schema/model-v2.json` document the format.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from workload import manifest_rules as rules
from workload.errors import Failure, WorkloadError
from workload.manifest_rules import Problem, Reader, UnfitError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCHEMA: Final = "confidential-inference/model/v2"
FILE: Final = "manifest.json"
"""Its name in an archive."""
MAX_BYTES: Final = 32 * 1024**2
"""Room for the most classes with long labels in any language."""
MAX_SIDE: Final = 1024
"""Pixels; a batch of 16 pictures of this side is 200 MB."""
MAX_CLASSES: Final = 100_000
MAX_BOUND: Final = 1_000_000
"""Of a range, on either side of 0: all computations on pixels stay within float32."""
MIN_RANGE: Final = 1 / MAX_BOUND
"""From black to white; below it, pixels become equal or denormal (slow) numbers."""
MAX_GOLDEN: Final = 16
"""Golden pictures: more would delay each run."""

Format: TypeAlias = Literal["tensorflow-saved-model", "litert"]
Channels: TypeAlias = Literal["RGB", "BGR", "grey"]
Resize: TypeAlias = Literal[
    "bilinear",
    "bilinear-antialias",
    "bicubic",
    "nearest",
    "area",
    "pillow-nearest",
    "pillow-bilinear",
    "pillow-bicubic",
    "pillow-lanczos",
    "pillow-box",
]
Fit: TypeAlias = Literal["stretch", "crop", "pad"]
Decode: TypeAlias = Literal["fast", "accurate", "reduced"]
Type: TypeAlias = Literal["float32", "float16", "uint8", "int8"]
Layout: TypeAlias = Literal["NHWC", "NCHW"]
Scores: TypeAlias = Literal["probabilities", "logits", "log-probabilities", "raw"]
Activation: TypeAlias = Literal["softmax", "sigmoid"]

BATCHES: Final = (1, 2, 4, 8, 16, 32, 64)
"""Divisors of `checkpoints.PICTURES_PER_PART`, so that no batch holds pictures of two parts."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """How a picture becomes the model's input.

    Decoders give float32 [height, width, depth]; an engine converts that to type and layout.
    """

    width: int
    height: int
    channels: Channels
    """Order of the channels; grey is one channel (ITU-R 601-2, as Pillow computes it)."""
    low: float
    """The input for pixel value 0, before `mean` and `deviation`."""
    high: float
    """The input for pixel value 255; linear in between."""
    mean: tuple[float, ...] | None = None
    """Subtracted from each channel, in the order of `channels`; None is 0."""
    deviation: tuple[float, ...] | None = None
    """Divides each channel after that; None is 1."""
    resize: Resize
    """Without a prefix: like tf.image.resize on float pixels. With `pillow-`: like Pillow on whole
    numbers, antialiased (but nearest), as Keras' `load_img` and torchvision use it."""
    fit: Fit = "stretch"
    """Crop: the centre of the picture, with the aspect of the input. Pad: the whole picture, with
    black (pixel value 0) around it."""
    short_side: int | None = None
    """With crop: resize the short side to so many pixels, then crop, as torchvision does. None:
    crop first, then resize, as Keras does."""
    decode: Decode = "fast"
    """How a JPEG is decoded. Fast: by the fast transform, as TensorFlow does by default. Accurate:
    by the accurate one, as Pillow does. Reduced: large ones at a fraction of their size."""
    type: Type = "float32"
    layout: Layout = "NHWC"
    name: str | None = None
    """The signature's input; None if it has only one."""

    @property
    def depth(self) -> int:
        """Number of channels."""
        return 1 if self.channels == "grey" else 3


@dataclass(frozen=True, kw_only=True)
class Output:
    """What the model answers."""

    scores: Scores
    activation: Activation | None = None
    """What the workload applies to logits, so that scores are probabilities."""
    name: str | None = None
    """The signature's output; None if it has only one."""

    @property
    def published(self) -> Scores:
        """What the scores in a record are."""
        return "probabilities" if self.activation else self.scores


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A picture in the archive and the answer that the model's owner got for it."""

    file: str
    best: tuple[tuple[int, float], ...]
    """Class index and score, best first: at least the first, at most `topK`."""
    tolerance: float
    """How far a score may be from the owner's."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One model: a signature from pictures to a score for each class."""

    format: Format
    signature: str | None
    """None: the main graph of a LiteRT model."""
    input: Input
    output: Output
    top_k: int
    classes: tuple[str, ...]
    batch: int = 16
    """Pictures in each call of the model."""
    golden: tuple[Golden, ...] = ()


class ManifestError(ValueError):
    """A manifest breaks rules; `problems` has all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, problems)))


def read(path: Path) -> Manifest:
    """The manifest in an unpacked archive; raises MODEL_MANIFEST_INVALID."""
    try:
        with path.open("rb") as file:
            return parse(file.read(MAX_BYTES + 1))
    except (OSError, ManifestError) as error:
        raise WorkloadError(Failure.MODEL_MANIFEST_INVALID) from error


def parse(content: bytes) -> Manifest:
    """The manifest in a file's content; raises ManifestError."""
    if len(content) > MAX_BYTES:
        raise ManifestError([Problem("", "a larger file", f"at most {MAX_BYTES:,} bytes")])
    try:
        return of(json.loads(content))
    except ManifestError:
        raise
    # RecursionError: maliciously deep nesting; of some depths JSON is read, and no problem shown.
    except (ValueError, RecursionError) as error:
        raise ManifestError([Problem("", type(error).__name__, "JSON in UTF-8")]) from error


def of(data: object) -> Manifest:
    """The manifest in a JSON value; raises ManifestError."""
    problems: list[Problem] = []
    keys = Reader(data, problems)
    keys.required("schema", rules.choice((SCHEMA,)))
    keys.required("name", rules.name)
    keys.optional("metadata", rules.objects, dict[str, Any]())
    format_ = keys.required("format", rules.choice(get_args(Format)))
    default = None if format_ == "litert" else "serving_default"
    classes = keys.required("classes", rules.sequence(rules.text, 1, MAX_CLASSES, "labels"))
    most = len(classes or ()) or MAX_CLASSES
    manifest = Manifest(
        format=format_,
        signature=keys.optional("signature", rules.name, default),
        input=_input(keys.inner("input")),
        output=_output(keys.inner("output")),
        top_k=keys.optional("topK", rules.whole(1, most), min(5, most)),
        classes=classes,
        batch=keys.optional("batch", rules.choice(BATCHES), Manifest.batch),
        golden=keys.optional(
            "golden", rules.sequence(_golden(most), 0, MAX_GOLDEN, "pictures"), ()
        ),
    )
    keys.end()
    if problems:
        raise ManifestError(problems)
    return manifest


def _input(keys: Reader) -> Input:
    channels = keys.required("channels", rules.choice(get_args(Channels)))
    depth = 1 if channels == "grey" else 3
    means = rules.sequence(_BOUND, depth, depth, "numbers")
    deviations = rules.sequence(rules.number(MIN_RANGE, MAX_BOUND), depth, depth, "numbers")
    bounds = keys.required("range", _range)
    width = keys.required("width", rules.whole(1, MAX_SIDE))
    height = keys.required("height", rules.whole(1, MAX_SIDE))
    fit: Fit = keys.optional("fit", rules.choice(get_args(Fit)), "stretch")
    side = rules.whole(max(width or 1, height or 1), 2 * MAX_SIDE)
    found = Input(
        width=width,
        height=height,
        channels=channels,
        low=bounds[0] if bounds else 0,
        high=bounds[1] if bounds else 0,
        mean=keys.optional("mean", means, None),
        deviation=keys.optional("deviation", deviations, None),
        resize=keys.required("resize", rules.choice(get_args(Resize))),
        fit=fit,
        short_side=keys.optional(
            "shortSide", rules.only("`fit` is crop", fit == "crop", side), None
        ),
        decode=keys.optional("decode", rules.choice(get_args(Decode)), "fast"),
        type=keys.optional("type", rules.choice(get_args(Type)), "float32"),
        layout=keys.optional("layout", rules.choice(get_args(Layout)), "NHWC"),
        name=keys.optional("name", rules.name, None),
    )
    keys.end()
    return found


def _output(keys: Reader) -> Output:
    scores = keys.required("scores", rules.choice(get_args(Scores)))
    activation = rules.only(
        "`scores` is logits", scores == "logits", rules.choice(get_args(Activation))
    )
    found = Output(
        scores=scores,
        activation=keys.optional("activation", activation, None),
        name=keys.optional("name", rules.name, None),
    )
    keys.end()
    return found


_BOUND: Final = rules.number(-MAX_BOUND, MAX_BOUND)


def _range(value: object) -> tuple[float, ...]:
    low, high = rules.sequence(_BOUND, 2, 2, "numbers")(value)
    if high - low < MIN_RANGE:
        raise UnfitError("the input for pixel value 0, then a larger one for 255")
    return low, high


def _golden(classes: int) -> Callable[[Any], Golden]:
    """The rule for a golden picture of a model with so many classes."""

    def score(keys: Reader) -> tuple[int, float]:
        return (
            keys.required("classIndex", rules.whole(0, classes - 1)),
            keys.required("score", rules.number(-_MAX_SCORE, _MAX_SCORE)),
        )

    def golden(keys: Reader) -> Golden:
        file = rules.matching(r"golden/[A-Za-z0-9_-]{1,100}\.[a-z]+", "golden/NAME.ENDING")
        return Golden(
            file=keys.required("file", file),
            best=keys.required(
                "topK", rules.sequence(rules.record(score), 1, MAX_CLASSES, "scores")
            ),
            tolerance=keys.required("tolerance", rules.number(0, MAX_BOUND)),
        )

    return rules.record(golden)


_MAX_SCORE: Final = 1e30
"""Far beyond any score; it keeps infinity out."""
