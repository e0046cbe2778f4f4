"""Compares the packed model, run by the workload, with the owner's model on the same input."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from packing.errors import PackError
from workload import batches, settings
from workload.engines import scores, tensors
from workload.errors import PictureFailure
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packing.original import Original
    from packing.sample import SamplePicture
    from workload.job import Model
    from workload.manifest import Manifest
    from workload.records import Outcome, Score

TOLERANCE: Final = 1e-4
"""Largest difference of scores of the same float32 model, relative to the largest score above 1."""
OTHER_ENGINE: Final = 1e-3
"""The same if the other engine runs it: LiteRT approximates some functions, such as tanh."""

HALVES: Final = 4
"""The same for a model that computes in halves (float16, bfloat16), in units of their precision:
each processor adds in another order, and rounds elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One picture: the first class by the owner's model and by the workload."""

    picture: str
    best: tuple[Score, ...]
    """The owner's model's scores of all classes, best first."""
    packed: Score
    difference: float
    """The largest, over all classes."""

    @property
    def original(self) -> Score:
        """The first class of the owner's model."""
        return self.best[0]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The rows, and how fast the workload was."""

    rows: tuple[Row, ...]
    scale: float
    """The largest score, at least 1."""
    tolerance: float
    """Relative to `scale`."""
    pictures_per_second: float
    """Of the packed model, decoded pictures, the first batch included."""

    @property
    def same_class(self) -> int:
        """Pictures with the same first class."""
        return sum(row.original.class_index == row.packed.class_index for row in self.rows)

    @property
    def largest_difference(self) -> float:
        """Of any score of any picture."""
        return max(row.difference for row in self.rows)

    @property
    def agrees(self) -> bool:
        """Whether the packed model is the owner's model up to rounding."""
        same = self.same_class == len(self.rows)
        return same and self.largest_difference <= self.tolerance * self.scale

    @property
    def varied(self) -> bool:
        """Whether the model tells the pictures apart: else every comparison agrees."""
        firsts = {(row.original.class_index, round(row.original.score, 4)) for row in self.rows}
        return len(firsts) > 1


def compare(
    original: Original, model: Model, manifest: Manifest, pictures: Sequence[SamplePicture]
) -> Comparison:
    """Runs both on the sample; raises PackError.

    `model` is the packed one, loaded with a manifest of which `topK` is all classes.
    """
    decoded = [(Picture(name=each.name, generation="0"), each.pixels) for each in pictures]
    packed: list[Outcome] = []
    started = time.perf_counter()
    for _, answers in batches.outcomes(
        batches.pool(), model, iter(decoded), manifest.batch, settings.MODEL_SECONDS
    ):
        packed += answers
    seconds = time.perf_counter() - started
    same_engine = (original.kind == "LiteRT") == (manifest.format == "litert")
    stacked = tensors.stacked([each.pixels for each in pictures], manifest.input)
    fixed = original.shape[0]
    theirs = tensors.in_fixed_batches(stacked, fixed, original.run)
    every = replace(manifest, top_k=len(manifest.classes))
    owners = scores.ranked(theirs, len(pictures), every)
    rows = tuple(map(_row, pictures, owners, packed))
    return Comparison(
        rows=rows,
        tolerance=max(
            TOLERANCE if same_engine else OTHER_ENGINE,
            HALVES * original.graph.precision() if original.graph else 0.0,
        ),
        scale=max(1.0, *(abs(row.original.score) for row in rows)),
        pictures_per_second=len(pictures) / seconds,
    )


def _row(picture: SamplePicture, original: Outcome, packed: Outcome) -> Row:
    mine, theirs = _valid(picture, packed), _valid(picture, original)
    pairs = zip(sorted(theirs), sorted(mine), strict=True)  # by class
    return Row(
        picture=picture.name,
        best=tuple(theirs),
        packed=mine[0],
        difference=max(abs(one.score - other.score) for one, other in pairs),
    )


def _valid(picture: SamplePicture, answer: Outcome) -> Sequence[Score]:
    if isinstance(answer, PictureFailure):
        raise PackError(
            f"{picture.name}: got scores that are not what `scores` says: they are no numbers, or"
            f" no probabilities. In a run this picture would get the code {answer.value}. Check"
            " --scores and --range"
        )
    return answer
