"""Packs a model: inspect, describe, export, check, compare, write."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from packing import archive, description, enclave_checks, facts, opening, sample
from packing.comparison import Comparison, compare
from packing.errors import PackError
from packing.facts import Fact
from workload import manifest
from workload.engines import tensors

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from packing.facts import Quantization
    from packing.original import Original
    from packing.sample import SamplePicture
    from workload.manifest import Manifest

_GOLDEN_TOLERANCE: Final = 1e-3
"""Relative to the largest score above 1. Processors differ by far less, wrong ranges by more."""


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What `pack` wrote, and what it found."""

    folder: Path
    format: str
    facts: tuple[Fact, ...]
    comparison: Comparison
    sampled: bool
    """Whether the sample is the owner's; else it was drawn."""
    bytes: int
    """Of the archive."""
    sha256: str
    seconds_to_load: float
    exact: bool
    """Whether the packed model computes in float32 like the original: no quantisation."""

    @property
    def succeeded(self) -> bool:
        """Whether the packed model may stand for the owner's."""
        return self.comparison.agrees or not self.exact

    def report(self) -> dict[str, Any]:
        """Everything as data."""
        compared = self.comparison
        return {
            "schema": "confidential-inference/pack-report/v1",
            "archive": {"bytes": self.bytes, "sha256": self.sha256},
            "format": self.format,
            "facts": [fact._asdict() for fact in self.facts],
            "sample": "the owner's" if self.sampled else "drawn",
            "pictures": [
                {
                    "name": row.picture,
                    "original": row.original._asdict(),
                    "packed": row.packed._asdict(),
                    "largestDifference": row.difference,
                }
                for row in compared.rows
            ],
            "sameClass": compared.same_class,
            "largestDifference": compared.largest_difference,
            "agrees": compared.agrees,
            "varied": compared.varied,
            "secondsToLoad": round(self.seconds_to_load, 2),
            "picturesPerSecond": round(compared.pictures_per_second, 1),
        }


def pack(options: argparse.Namespace, said: facts.Said, progress: Callable[[str], None]) -> Packed:
    """Packs the model that the options name; raises PackError, and then writes nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        progress(f"opening {options.model}")
        chosen = options.signature, options.input_name, options.output_name
        with opening.opened(options.model, *chosen) as original:
            return _packed(original, options, said, Path(scratch), progress)


def _packed(
    original: Original,
    options: argparse.Namespace,
    said: facts.Said,
    scratch: Path,
    progress: Callable[[str], None],
) -> Packed:
    format_ = _format(original, options.engine)
    if options.quantize != "none" and (format_ != "litert" or original.kind == "LiteRT"):
        raise PackError(
            f"--quantize {options.quantize}: got a model for {format_}, expected --engine litert"
            " and a model that is not converted yet"
        )
    found = [*description.describe(original, said), *_parts(original)]
    _, known = facts.document(found, format_)
    found.append(description.batch(original, said, known.input))
    data, model_manifest = facts.document(found, format_)
    pictures = _sample(options, model_manifest)
    progress("exporting")
    files = _export(original, model_manifest, options.quantize, pictures, scratch)
    progress("loading as the workload does")
    started = time.perf_counter()
    model = enclave_checks.load(scratch, model_manifest)
    seconds = time.perf_counter() - started
    progress(f"comparing on {len(pictures)} pictures")
    comparison = compare(original, model, model_manifest, pictures)
    goldens = pictures[: options.golden]
    if goldens:
        data["golden"] = _golden(goldens, comparison, model_manifest)
        files |= {each["file"]: p.content for each, p in zip(data["golden"], goldens, strict=True)}
    progress("writing")
    written = scratch / archive.ARCHIVE
    archive.write(written, {manifest.FILE: _json(data).encode(), **files})
    enclave_checks.check_archive(written, scratch / "received", model)
    with written.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    packed = Packed(
        folder=options.output,
        format=format_,
        facts=tuple(found),
        comparison=comparison,
        sampled=options.sample is not None,
        bytes=written.stat().st_size,
        sha256=sha256,
        seconds_to_load=seconds,
        exact=options.quantize == "none",
    )
    _write(packed, data, written)
    return packed


def _format(original: Original, engine: str | None) -> manifest.Format:
    if original.kind == "LiteRT" and engine == "tensorflow":
        raise PackError(
            "--engine tensorflow: got a model in LiteRT's format, expected a TensorFlow or Keras"
            " model: there is no way back. Leave --engine out, or pack the original model"
        )
    if original.kind == "LiteRT" or engine == "litert":
        return "litert"
    return "tensorflow-saved-model"


def _parts(original: Original) -> list[Fact]:
    """The names within a LiteRT file, which keeps them; an export has names of its own."""
    names = {
        "signature": original.signature,
        "input.name": original.input,
        "output.name": original.output,
    }
    return [Fact(key, name, "the model") for key, name in names.items() if name]


def _sample(options: argparse.Namespace, model_manifest: Manifest) -> list[SamplePicture]:
    if options.sample:
        return sample.from_folder(options.sample, model_manifest.input)
    if options.golden or options.quantize == "int8":
        raise PackError(
            "--golden and --quantize int8: got no --sample FOLDER, expected one with typical"
            " pictures, because drawn ones say nothing about yours"
        )
    return sample.drawn(model_manifest.input)


def _export(
    original: Original,
    model_manifest: Manifest,
    quantize: Quantization,
    pictures: list[SamplePicture],
    scratch: Path,
) -> dict[str, Path | bytes]:
    """Writes the model below `scratch` as in an archive; returns its files by their names there."""
    tflite = scratch / "model.tflite"
    if original.graph is None:
        tflite.write_bytes(original.content)
        return {tflite.name: tflite}
    from packing import export  # noqa: PLC0415  TensorFlow is slow to import; LiteRT needs none

    shape = (original.shape[0], *tensors.shape(model_manifest.input))
    if model_manifest.format == "litert":
        stacked = tensors.stacked([each.pixels for each in pictures], model_manifest.input)
        inputs = list(tensors.converted(stacked, np.dtype(model_manifest.input.type)))
        tflite.write_bytes(export.litert(original.graph, shape, quantize, inputs))
        return {tflite.name: tflite}
    folder = scratch / "saved_model"
    export.saved_model(original.graph, shape, folder)
    return {
        path.relative_to(scratch).as_posix(): path for path in folder.rglob("*") if path.is_file()
    }


def _golden(
    pictures: list[SamplePicture], comparison: Comparison, model_manifest: Manifest
) -> list[dict[str, Any]]:
    """The owner's model's answers. A quantized model may differ as much as on the sample."""
    relative = max(_GOLDEN_TOLERANCE, comparison.tolerance)
    tolerance = comparison.scale * relative + comparison.largest_difference
    return [
        {
            "file": f"golden/{number:02}{Path(picture.name).suffix.lower()}",
            "topK": [
                {"classIndex": score.class_index, "score": score.score}
                for score in row.best[: model_manifest.top_k]
            ],
            "tolerance": tolerance,
        }
        for number, (picture, row) in enumerate(zip(pictures, comparison.rows, strict=False))
    ]


def _write(packed: Packed, data: Mapping[str, Any], written: Path) -> None:
    """Writes the files into the output folder: each whole or not at all, the archive first."""
    about = {"file": archive.ARCHIVE, "bytes": packed.bytes, "sha256": packed.sha256}
    try:
        packed.folder.mkdir(parents=True, exist_ok=True)
        part = packed.folder / f".{archive.ARCHIVE}.part"
        shutil.copyfile(written, part)
        part.replace(packed.folder / archive.ARCHIVE)
        for name, content in (
            (archive.REPORT, packed.report()),
            (manifest.FILE, {**data, "archive": about}),
        ):
            part = packed.folder / f".{name}.part"
            part.write_text(_json(content), encoding="utf-8")
            part.replace(packed.folder / name)
    except OSError as error:
        raise PackError(
            f"--output {packed.folder}: can't be written ({error.strerror}), expected a folder of"
            " your own with room for the archive"
        ) from error


def _json(data: object) -> str:
    return json.dumps(data, indent=2) + "\n"
