"""Reads the labels of a model's classes from a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from packing.errors import PackError

if TYPE_CHECKING:
    from pathlib import Path

_PAIR = 2


def read(file: Path) -> tuple[str, ...]:
    """The labels in the order of the model's outputs; raises PackError.

    A text file has one label in a line. A JSON file has a list of labels, or an object from the
    index to the label or to a list of identifier and label, as Keras' `imagenet_class_index.json`.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix == ".json":
            return _of_json(json.loads(text))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise PackError(
            f"--labels {file}: got {type(error).__name__}: {error}, expected UTF-8 text with one"
            ' label in a line, a JSON list of labels, or a JSON object {"0": LABEL, "1": …}'
        ) from error
    # Not `splitlines`: it splits at other characters, too.
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return tuple(lines)


def _of_json(data: Any) -> tuple[str, ...]:  # noqa: ANN401  whatever JSON the file holds
    if isinstance(data, dict):
        data = [data[f"{index}"] for index in range(len(data))]
    return tuple(_label(each) for each in data)


def _label(value: object) -> str:
    if isinstance(value, list) and len(value) == _PAIR:
        value = value[1]
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no label")
    return value
