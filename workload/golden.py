"""Checks the model on its golden pictures: the archive has them, and the owner's answers to them.

A wrong range, another way to resize, another engine or another processor can change a model's
answers without any error. The owner's answers show it before the operator gets any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workload import batches, settings
from workload.errors import Failure, PictureFailure, WorkloadError
from workload.records import Picture

if TYPE_CHECKING:
    from pathlib import Path

    from workload.job import Decoders, Model
    from workload.manifest import Golden, Manifest
    from workload.records import Outcome


def check(unpacked: Path, manifest: Manifest, decoders: Decoders, model: Model) -> None:
    """Raises MODEL_GOLDEN_MISMATCH unless the model answers as its owner declares."""
    if not manifest.golden:
        return
    try:
        files = [
            (Picture(name=each.file, generation="0"), (unpacked / each.file).read_bytes())
            for each in manifest.golden
        ]
    except OSError as error:
        raise WorkloadError(Failure.MODEL_MANIFEST_INVALID) from error
    decoded = decoders.decode(files)
    answers = [
        answer
        for _, part in batches.outcomes(
            batches.pool(), model, decoded, manifest.batch, settings.MODEL_SECONDS
        )
        for answer in part
    ]
    if not all(map(agrees, answers, manifest.golden)):
        raise WorkloadError(Failure.MODEL_GOLDEN_MISMATCH)


def agrees(answer: Outcome, golden: Golden) -> bool:
    """Whether an answer is the owner's: the same first class, every score within the tolerance.

    Further classes may change places, because their scores may be equal.
    """
    if isinstance(answer, PictureFailure) or len(answer) < len(golden.best):
        return False
    near = all(
        abs(got.score - score) <= golden.tolerance
        for got, (_, score) in zip(answer, golden.best, strict=False)
    )
    return near and answer[0].class_index == golden.best[0][0]
