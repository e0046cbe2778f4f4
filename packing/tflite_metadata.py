"""Reads TensorFlow Lite's metadata of a model: normalisation of the input, and labels.

The metadata are a FlatBuffer within the model's file; label files are in a ZIP archive at its end.
No maintained package reads them on the Pythons of this project, so this module follows the schema:
https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from flatbuffers import encode, number_types
from flatbuffers.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME: Final = b"TFLITE_METADATA"
_SUBGRAPHS: Final = 3
"""Place of a field in its table, as in the schema: ModelMetadata."""
_INPUTS, _OUTPUTS = 2, 3
"""SubGraphMetadata."""
_PROCESS_UNITS, _FILES = 4, 6
"""TensorMetadata."""
_OPTIONS_TYPE, _OPTIONS = 0, 1
"""ProcessUnit; a union has its type before its value."""
_NORMALIZATION: Final = 1
"""The type of the union for NormalizationOptions."""
_MEAN, _DEVIATION = 0, 1
"""NormalizationOptions."""
_FILE_NAME, _FILE_TYPE = 0, 2
"""AssociatedFile."""
_AXIS_LABELS: Final = 2
"""The type of a file with a label for each output."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the metadata of an image classifier declare."""

    mean: tuple[float, ...] = ()
    """Subtracted from pixel values of 0 to 255; for each channel or for all."""
    deviation: tuple[float, ...] = ()
    """Divides after that."""
    labels: tuple[str, ...] = ()


def read(content: bytes, metadata: bytes) -> Metadata:
    """The metadata of a model file; `metadata` is its buffer with the name TFLITE_METADATA.

    Raises an exception of any kind for a damaged buffer.
    """
    root = Table(metadata, encode.Get(number_types.UOffsetTFlags.packer_type, metadata, 0))
    (main, *_) = _tables(root, _SUBGRAPHS)
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    for each in _tables(main, _INPUTS):
        for unit in _tables(each, _PROCESS_UNITS):
            if _byte(unit, _OPTIONS_TYPE) == _NORMALIZATION:
                options = _table(unit, _OPTIONS)
                mean, deviation = _floats(options, _MEAN), _floats(options, _DEVIATION)
    files = [
        _text(file, _FILE_NAME)
        for each in _tables(main, _OUTPUTS)
        for file in _tables(each, _FILES)
        if _byte(file, _FILE_TYPE) == _AXIS_LABELS
    ]
    return Metadata(mean=mean, deviation=deviation, labels=_labels(content, files))


def _labels(content: bytes, files: list[str]) -> tuple[str, ...]:
    """The lines of the first label file: further ones are translations."""
    if not files or not zipfile.is_zipfile(io.BytesIO(content)):
        return ()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return tuple(archive.read(files[0]).decode().splitlines())


def _field(table: Any, place: int) -> int:  # noqa: ANN401  a Table, which has no type
    """The position of a field; 0 if the table does not have it."""
    offset: int = table.Offset(4 + 2 * place)
    return table.Pos + offset if offset else 0


def _tables(table: Any, place: int) -> Iterator[Any]:  # noqa: ANN401  a Table, which has no type
    if _field(table, place):
        offset = table.Offset(4 + 2 * place)
        start = table.Vector(offset)
        for index in range(table.VectorLen(offset)):
            yield Table(table.Bytes, table.Indirect(start + 4 * index))


def _table(table: Any, place: int) -> Any:  # noqa: ANN401  a Table, which has no type
    return Table(table.Bytes, table.Indirect(_field(table, place)))


def _byte(table: Any, place: int) -> int:  # noqa: ANN401  a Table, which has no type
    at = _field(table, place)
    return int(table.Get(number_types.Uint8Flags, at)) if at else 0


def _floats(table: Any, place: int) -> tuple[float, ...]:  # noqa: ANN401  a Table
    if not _field(table, place):
        return ()
    offset = table.Offset(4 + 2 * place)
    start = table.Vector(offset)
    return tuple(
        float(table.Get(number_types.Float32Flags, start + 4 * index))
        for index in range(table.VectorLen(offset))
    )


def _text(table: Any, place: int) -> str:  # noqa: ANN401  a Table, which has no type
    at = _field(table, place)
    return table.String(at).decode() if at else ""
