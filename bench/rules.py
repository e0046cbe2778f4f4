"""The figures: how each is computed, and its bounds on 2 cores."""

from __future__ import annotations

from bench.figures import NAIVE, Bound, Round, Rule
from bench.subjects import Engine

SMALL, LARGE, REDUCED = "small, folder", "16 MP, folder", "16 MP, folder, reduced scale"
IN_PROCESS = "small, folder, decoded in process"
SLOW, FAST, MANY = "small, cloud, 30 ms", "small, cloud, 0 ms", "ten times as many, cloud, 0 ms"
ONE = "one picture, folder"

TF, LITERT = Engine.TENSORFLOW, Engine.LITERT


def _at_least(tensorflow: float, litert: float) -> dict[Engine, Bound]:
    return {TF: Bound(value=tensorflow), LITERT: Bound(value=litert)}


def _at_most(value: float) -> dict[Engine, Bound]:
    return {engine: Bound(value=value, most=True) for engine in Engine}


def _faster(done: str, naive: str, name: str, bounds: dict[Engine, Bound]) -> Rule:
    """Pictures a second, as a multiple of the naive loop's in the same round."""

    def value(samples: Round, engine: Engine) -> float:
        return samples[done, engine].rate / samples[naive, NAIVE].rate

    return Rule(name=name, unit="x", digits=1, value=value, bounds=bounds)


def _speed_kept(samples: Round, engine: Engine) -> float:
    return 100 * samples[SLOW, engine].rate / samples[FAST, engine].rate


def _memory_growth(samples: Round, engine: Engine) -> float:
    return 100 * (samples[MANY, engine].peak / samples[FAST, engine].peak - 1)


def _isolation_cost(samples: Round, engine: Engine) -> float:
    return 100 * (1 - samples[SMALL, engine].rate / samples[IN_PROCESS, engine].rate)


RATIOS = (
    _faster(SMALL, SMALL, "small JPEGs from a folder", _at_least(4, 6.5)),
    _faster(LARGE, LARGE, "16 MP JPEGs from a folder, exact pixels", _at_least(1.8, 1.8)),
    _faster(REDUCED, LARGE, "16 MP JPEGs from a folder, reduced scale", _at_least(2.5, 3.3)),
    _faster(SLOW, SLOW, "small JPEGs through the local cloud, 30 ms", _at_least(12, 18)),
)
"""Multiples of the naive loop's pictures a second."""

RULES = (
    *RATIOS,
    Rule(
        name="speed kept at 30 ms latency",
        unit=" %",
        digits=0,
        value=_speed_kept,
        bounds=_at_least(70, 70),
    ),
    Rule(
        name="peak memory more with ten times as many pictures",
        unit=" %",
        digits=1,
        value=_memory_growth,
        bounds=_at_most(5),
    ),
    Rule(
        name="process start to first prediction, model already local",
        unit=" s",
        digits=2,
        value=lambda samples, engine: samples[ONE, engine].first,
        bounds={LITERT: Bound(value=0.5, most=True)},
    ),
    Rule(
        name="cost of decoder isolation, small JPEGs",
        unit=" %",
        digits=0,
        value=_isolation_cost,
        bounds=_at_most(20),
    ),
)
