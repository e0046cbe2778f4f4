"""Checks the model's output, the same for each engine: a probability for each class.

An engine passes on the raw output of the model; only this module turns it into scores. It also
ranks the classes of a picture, so that engines can't differ in a tie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workload.errors import Failure, WorkloadError
from workload.records import Score

if TYPE_CHECKING:
    import numpy.typing as npt

    from workload.manifest import Manifest

_ROUNDING = 1e-3
"""How far a float32 softmax may be outside 0 to 1."""


def ranked(answers: npt.NDArray[np.float32], count: int, manifest: Manifest) -> list[list[Score]]:
    """The best `topK` classes of each of `count` pictures, best first, the lower index in a tie.

    Raises MODEL_UNUSABLE for another shape, MODEL_SCORES_INVALID for any other number.
    """
    if answers.shape != (count, len(manifest.classes)):
        raise WorkloadError(Failure.MODEL_UNUSABLE)
    # Written so that NaN fails, too: JSON has no NaN.
    if not np.all(np.abs(answers - 0.5) < 0.5 + _ROUNDING):
        raise WorkloadError(Failure.MODEL_SCORES_INVALID)
    best = np.argsort(-answers, axis=1, kind="stable")[:, : manifest.top_k]
    return [
        [Score(int(i), manifest.classes[i], float(row[i])) for i in order]
        for row, order in zip(answers, best, strict=True)
    ]
