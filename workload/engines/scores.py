"""Turns the model's output into scores, the same for each engine, and ranks the classes.

An engine passes on the raw output of the model; only this module decides which numbers are valid.
It also ranks the classes of a picture, so that engines can't differ in a tie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from workload.errors import Failure, PictureFailure, WorkloadError
from workload.records import Score

if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    from workload.manifest import Manifest
    from workload.records import Outcome

    Numbers = npt.NDArray[np.float32]

_ROUNDING: Final = 1e-3
"""How far a float32 softmax may be outside 0 to 1, or a log-probability above 0."""
_TWO: Final = 2


def ranked(answers: npt.NDArray[Any], count: int, manifest: Manifest) -> list[Outcome]:
    """The best `topK` classes of each of `count` pictures, best first, the lower index in a tie.

    SCORES_INVALID in place of a picture's classes if its scores are not what the manifest declares.
    Raises MODEL_UNUSABLE for another number of scores.
    """
    published = manifest.output.published
    # The output of a defective model may hold any number.
    with np.errstate(all="ignore"):
        scores = _scores(answers.astype(np.float32), count, manifest)
        valid = np.isfinite(scores)
        if published == "probabilities":
            # Written so that NaN fails, too: JSON has no NaN.
            valid = np.abs(scores - 0.5) < 0.5 + _ROUNDING
        elif published == "log-probabilities":
            # The logarithm of 0 is minus infinity, which JSON does not have.
            scores = np.maximum(scores, np.finfo(np.float32).min)
            valid = scores < _ROUNDING
        usable: npt.NDArray[np.bool_] = np.all(valid, axis=1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : manifest.top_k]
    return [
        [Score(int(i), manifest.classes[i], float(row[i])) for i in order]
        if fit
        else PictureFailure.SCORES_INVALID
        for row, order, fit in zip(scores, best, usable, strict=True)
    ]


def _scores(answers: Numbers, count: int, manifest: Manifest) -> Numbers:
    """The published score of each class: float32 [count, classes]."""
    classes = len(manifest.classes)
    single = classes == _TWO and manifest.output.activation != "softmax"
    single &= manifest.output.published == "probabilities" and answers.size == count
    # Some models answer [count, 1, 1, classes].
    if answers.shape[:1] != (count,) or answers.size != count * (1 if single else classes):
        raise WorkloadError(Failure.MODEL_UNUSABLE)
    scores = answers.reshape(count, -1)
    if manifest.output.activation == "softmax":
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores = powers / powers.sum(axis=1, keepdims=True)
    elif manifest.output.activation == "sigmoid":
        scores = np.reciprocal(1 + np.exp(-scores))
    # A single number for two classes is the probability of the second one.
    return np.hstack((1 - scores, scores)) if single else scores
