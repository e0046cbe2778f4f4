"""Which engine runs a released model: the one for its manifest's format, if this image has it.

An engine is imported only here and only now: it takes time, which a refusal shall not cost, and an
image holds one engine. What a model is made of is judged before the engine is given any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

    from workload.job import Model
    from workload.manifest import Manifest


def load(unpacked: Path, manifest: Manifest) -> Model:
    """The model of an unpacked archive, ready to be asked.

    Raises ENGINE_MISSING, MODEL_OPERATION_FORBIDDEN, MODEL_UNUSABLE.
    """
    check(unpacked, manifest)
    if manifest.format == "litert":
        from workload.engines.litert_engine import LiteRTModel  # noqa: PLC0415  the reason is above

        return LiteRTModel(unpacked / "model.tflite", manifest)
    from workload.engines.tensorflow_engine import SavedModel  # noqa: PLC0415  the reason is above

    return SavedModel(unpacked / "saved_model", manifest)


def check(unpacked: Path, manifest: Manifest) -> None:
    """The model of an unpacked archive may be loaded; raises as `load` does."""
    try:
        if manifest.format == "litert":
            from workload.engines import litert_operators  # noqa: PLC0415  the reason is above

            litert_operators.check(unpacked / "model.tflite")
        else:
            from workload.engines import tensorflow_operations  # noqa: PLC0415  the reason is above

            tensorflow_operations.check(unpacked / "saved_model")
    except ImportError as error:
        raise WorkloadError(Failure.ENGINE_MISSING) from error
