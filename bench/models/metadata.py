"""Writes TensorFlow Lite's metadata into a model, as its metadata writer does.

The numbers are the places of fields in the schema:
https://github.com/tensorflow/tflite-support/blob/master/tensorflow_lite_support/metadata/metadata_schema.fbs
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from bench.models import forms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Fields = Mapping[int, tuple[str, Any]]
    """By place: `offset`, `byte`, and the value."""

LABELS = "labels.txt"


def tflite_file(network: Any, folder: Path, labels: Sequence[str]) -> Path:  # noqa: ANN401  a model
    """A .tflite with mean and deviation 127.5 in its metadata, and a label file at its end."""

    def change(model: Any) -> None:  # noqa: ANN401  a ModelT, which has no type
        buffer = schema.BufferT()
        buffer.data = list(_metadata([127.5], [127.5]))
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]

    path = forms.litert_file(network, folder)
    content = io.BytesIO(forms.changed_litert_file(path, change))
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr(LABELS, "\n".join(labels))
    path.write_bytes(content.getvalue())
    return path


def _metadata(mean: list[float], deviation: list[float]) -> bytes:
    builder = flatbuffers.Builder()
    options = _table(
        builder, {0: ("offset", _floats(builder, mean)), 1: ("offset", _floats(builder, deviation))}
    )
    unit = _table(builder, {0: ("byte", 1), 1: ("offset", options)})
    picture = _table(builder, {4: ("offset", _tables(builder, unit))})
    file = _table(builder, {0: ("offset", builder.CreateString(LABELS)), 2: ("byte", 2)})
    answer = _table(builder, {6: ("offset", _tables(builder, file))})
    graph = _table(
        builder, {2: ("offset", _tables(builder, picture)), 3: ("offset", _tables(builder, answer))}
    )
    builder.Finish(_table(builder, {3: ("offset", _tables(builder, graph))}), b"M001")
    return bytes(builder.Output())


def _table(builder: Any, fields: Fields) -> int:  # noqa: ANN401  a Builder, which has no type
    builder.StartObject(max(fields) + 1)
    for place, (kind, value) in fields.items():
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(place, value, 0)
        else:
            builder.PrependUint8Slot(place, value, 0)
    end: int = builder.EndObject()
    return end


def _tables(builder: Any, table: int) -> int:  # noqa: ANN401  a Builder, which has no type
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(table)
    end: int = builder.EndVector()
    return end


def _floats(builder: Any, values: list[float]) -> int:  # noqa: ANN401  a Builder, which has no type
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    end: int = builder.EndVector()
    return end
