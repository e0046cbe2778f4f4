"""Checks a packed model as the enclave does, by the enclave's own code, but names what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from packing import operation_reasons
from packing.errors import PackError
from workload import archive, golden, manifest
from workload.decoding import pixels
from workload.engines import litert_operators, selection, tensorflow_operations
from workload.errors import Failure, PictureError, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from workload.errors import PictureFailure
    from workload.job import Model
    from workload.manifest import Input, Manifest
    from workload.records import Picture

    Downloads = Iterable[tuple[Picture, bytes | PictureFailure]]

_MOST_FINDINGS: Final = 20
"""Named in an error; a model with a loop can have hundreds."""


def load(unpacked: Path, model_manifest: Manifest) -> Model:
    """The model as the workload loads it, with all classes in its answers; raises PackError."""
    _check_operations(unpacked, model_manifest.format)
    try:
        every = replace(model_manifest, top_k=len(model_manifest.classes))
        return selection.load(unpacked, every)
    except WorkloadError as error:
        raise PackError(_refused(error)) from error


def _check_operations(unpacked: Path, format_: manifest.Format) -> None:
    found = (
        litert_operators.findings(unpacked / "model.tflite")
        if format_ == "litert"
        else tensorflow_operations.findings(unpacked / "saved_model")
    )
    if found:
        raise PackError(
            "the workload runs no model with these operations:\n"
            + "\n".join(
                f"  - {each}: {operation_reasons.reason(format_, each.operation)}"
                for each in found[:_MOST_FINDINGS]
            )
            + (f"\n  and {len(found) - _MOST_FINDINGS} more" if len(found) > _MOST_FINDINGS else "")
        )


def check_archive(packed: Path, scratch: Path, model: Model) -> None:
    """Unpacks and reads an archive as a run does, and checks its golden pictures on its model.

    `model` is the one in the archive, which `load` has loaded. Raises PackError.
    """
    if packed.stat().st_size > archive.MAX_ARCHIVE:
        raise PackError(
            f"the archive has {packed.stat().st_size:,} bytes, and the workload takes at most"
            f" {archive.MAX_ARCHIVE:,}. Save the weights as float16, or pack with --engine litert"
            " --quantize float16"
        )
    try:
        archive.unpack(packed, scratch)
        model_manifest = manifest.read(scratch / manifest.FILE)
        golden.check(scratch, model_manifest, _Decoders(model_manifest.input), model)
    except WorkloadError as error:
        raise PackError(_refused(error)) from error


def _refused(error: WorkloadError) -> str:
    if error.failure is Failure.RUN_OUT_OF_MEMORY:
        return (
            "the model takes more memory than this machine has: pack it on one of the size that the"
            " operator uses, or with a smaller --batch"
        )
    return (
        f"the workload would end with `{error}`; docs/errors.md says what that means. If this"
        " message does not help, it is a defect of `pack`: report it with the model's architecture"
    )


class _Decoders:
    """Decodes in this process: the pictures are the owner's own."""

    def __init__(self, model_input: Input) -> None:
        self._input = model_input

    def decode(self, downloads: Downloads) -> Iterator[tuple[Picture, Any]]:
        """Yields each picture's pixels or its failure, in order."""
        for picture, data in downloads:
            try:
                # A failed download can't be here: the files are in the archive.
                content = data if isinstance(data, bytes) else b""
                yield picture, pixels.decode(content, self._input, pixels.Buffer())
            except PictureError as error:
                yield picture, error.failure
