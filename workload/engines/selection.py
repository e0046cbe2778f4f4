"""Selects the engine for the manifest's format, if this image has it, and loads the model.

Only this module imports engines, and only after the model's release: an import takes seconds, which
a refused run should not cost, and an image holds one engine. The operations of a model are checked
before the engine reads any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

    from workload.job import Model
    from workload.manifest import Manifest


def load(unpacked: Path, manifest: Manifest) -> Model:
    """Loads the model of an unpacked archive.

    Raises ENGINE_MISSING, MODEL_OPERATION_FORBIDDEN, MODEL_UNUSABLE.
    """
    check(unpacked, manifest)
    if manifest.format == "litert":
        from workload.engines.litert_engine import LiteRTModel  # noqa: PLC0415  see the module docstring

        return LiteRTModel(unpacked / "model.tflite", manifest)
    from workload.engines.tensorflow_engine import SavedModel  # noqa: PLC0415  see the module docstring

    return SavedModel(unpacked / "saved_model", manifest)


def check(unpacked: Path, manifest: Manifest) -> None:
    """Raises like `load` unless the model of an unpacked archive may be loaded."""
    try:
        if manifest.format == "litert":
            from workload.engines import litert_operators  # noqa: PLC0415  see the module docstring

            litert_operators.check(unpacked / "model.tflite")
        else:
            from workload.engines import tensorflow_operations  # noqa: PLC0415  see the module docstring

            tensorflow_operations.check(unpacked / "saved_model")
    except ImportError as error:
        raise WorkloadError(Failure.ENGINE_MISSING) from error
