"""Turns samples into figures: each is a median over rounds; ratios are computed within a round.

Pure. A figure is compared with its bound before it is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.subjects import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NAIVE = "naive"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One run of one subject."""

    pictures: int
    seconds: float
    """From the loaded model to the last result."""
    cpu: float
    """Processor seconds for the same."""
    peak: int
    """Bytes."""
    first: float
    """Seconds from the start of the process to its first prediction, or (cloud) to the first result
    in the bucket."""
    release: float = 0.0
    """Seconds from the request for the token exchange to the loaded model."""
    cloud_cpu: float = 0.0
    """Processor seconds of the local cloud on the same cores."""

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.seconds


Key = tuple[str, str]
"""What was measured, and of which program: an engine's name or NAIVE."""
Round = dict[Key, Sample]


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The least (or most) that a figure must be."""

    value: float
    most: bool = False

    def met_by(self, value: float) -> bool:
        """Whether a figure meets the bound."""
        return value <= self.value if self.most else value >= self.value


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How to compute a figure from a round, and its bounds."""

    name: str
    unit: str
    digits: int
    value: Callable[[Round, Engine], float]
    bounds: Mapping[Engine, Bound]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of one engine; without values, `missing` has the reason."""

    rule: Rule
    engine: Engine
    values: tuple[float, ...]
    missing: str = ""

    @property
    def median(self) -> float:
        """The median over rounds."""
        return median(self.values)

    @property
    def problem(self) -> str:
        """Why this figure misses its bound; empty if it meets it, or has none."""
        bound = self.rule.bounds.get(self.engine)
        if self.missing:
            return f"{self.rule.name}, {self.engine}: not measured: {self.missing}"
        if bound is None or bound.met_by(self.median):
            return ""
        words = "at most" if bound.most else "at least"
        got, expected = (f"{each:.{self.rule.digits + 1}f}" for each in (self.median, bound.value))
        return (
            f"{self.rule.name}, {self.engine}: got {got}{self.rule.unit}, "
            f"expected {words} {expected}{self.rule.unit}"
        )


def figures(
    rules: Sequence[Rule], rounds: Sequence[Round], missing: Mapping[Key, str]
) -> list[Figure]:
    """Every rule for every engine, from the rounds that have all samples for it."""
    results = []
    for rule in rules:
        for engine in Engine:
            values, reason = [], ""
            for each in rounds:
                try:
                    values.append(rule.value(each, engine))
                except KeyError as error:
                    reason = missing.get(error.args[0], "it was not run")
            results.append(
                Figure(
                    rule=rule,
                    engine=engine,
                    values=tuple(values),
                    missing="" if values else reason,
                )
            )
    return results
