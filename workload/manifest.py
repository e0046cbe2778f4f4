"""Reads a model's manifest: the model's own description of its input and output.

The model declares its preprocessing; the workload assumes none. An unknown key or value is an
error, because ignoring it would feed the model other pixels than it was trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, get_args

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "confidential-inference/model/v1"
MAX_BYTES = 1024**2
Format: TypeAlias = Literal["tensorflow-saved-model", "litert"]
MAX_SIDE = 1024
"""Pixels; a batch of 32 pictures of this side is 400 MB."""
MAX_BOUND = 1_000_000
"""Of a range, on either side of 0: all computations on pixels stay within float32."""
MIN_RANGE = 1 / MAX_BOUND
"""From black to white; below it, pixels become equal or denormal (slow) numbers."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """How a picture becomes the model's input: float32 [height, width, 3]."""

    width: int
    height: int
    channels: Literal["RGB", "BGR"]
    low: float
    """The input for pixel value 0."""
    high: float
    """The input for pixel value 255; linear in between."""
    resize: Literal["bilinear"]
    """Like tf.image.resize on float pixels, without antialiasing."""
    decode: Literal["exact", "reduced"] = "exact"
    """Reduced: decode large JPEGs at a fraction of their size, which changes pixels."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One model: a signature from float32 [N, height, width, 3] to float32 [N, classes]."""

    format: Format
    signature: str
    input: Input
    top_k: int
    classes: tuple[str, ...]


def read(path: Path) -> Manifest:
    """The manifest in an unpacked archive; raises MODEL_MANIFEST_INVALID."""
    try:
        return _manifest(json.loads(_content(path)))
    # KeyError: missing key; TypeError: wrong type; RecursionError: maliciously deep nesting.
    except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise WorkloadError(Failure.MODEL_MANIFEST_INVALID) from error


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return content


def _manifest(data: Any) -> Manifest:  # noqa: ANN401  whatever JSON the archive holds
    _keys(data, "schema name format signature input output topK classes")
    _is(data["schema"], SCHEMA)
    if data["format"] not in get_args(Format):
        raise ValueError("format is none that this workload knows")
    _is(data["output"], "probabilities")
    _text(data["name"])
    if not isinstance(data["classes"], list):
        raise ValueError("classes are not a list")  # noqa: TRY004  one kind of error for all
    classes = tuple(_text(label) for label in data["classes"])
    if len(set(classes)) != len(classes):
        raise ValueError("two classes of one name")
    return Manifest(
        format=data["format"],
        signature=_text(data["signature"]),
        input=_input(data["input"]),
        top_k=_integer(data["topK"], len(classes)),
        classes=classes,
    )


def _input(data: Any) -> Input:  # noqa: ANN401  whatever JSON the archive holds
    data = {"decode": "exact", **data}
    _keys(data, "width height channels range resize decode")
    low, high = (_number(bound) for bound in data["range"])
    # Written so that NaN fails: every comparison with NaN is false.
    if not (low >= -MAX_BOUND and high <= MAX_BOUND and high - low >= MIN_RANGE):
        raise ValueError(f"range is not two numbers up to {MAX_BOUND}, the lower first")
    if data["channels"] not in ("RGB", "BGR"):
        raise ValueError("channels are neither RGB nor BGR")
    _is(data["resize"], "bilinear")
    if data["decode"] not in ("exact", "reduced"):
        raise ValueError("pictures are decoded neither exactly nor reduced")
    return Input(
        width=_integer(data["width"], MAX_SIDE),
        height=_integer(data["height"], MAX_SIDE),
        channels=data["channels"],
        low=float(low),
        high=float(high),
        resize="bilinear",
        decode=data["decode"],
    )


def _keys(data: Any, names: str) -> None:  # noqa: ANN401  whatever JSON the archive holds
    if not isinstance(data, dict) or data.keys() != set(names.split()):
        raise ValueError(f"not exactly the keys {names}")


def _is(got: object, expected: str) -> None:
    if got != expected:
        raise ValueError(f"not {expected}")


def _number(value: object) -> float:
    """A number, not a text that looks like one."""
    if type(value) not in (int, float):
        raise ValueError("not a number")
    return cast("float", value)


def _text(value: object) -> str:
    """A printable text: names of classes go into the result."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("not a printable text")
    return value


def _integer(value: object, maximum: int) -> int:
    if type(value) is not int or not 1 <= value <= maximum:  # rejects bool, which is an int
        raise ValueError(f"not a whole number from 1 to {maximum}")
    return value
