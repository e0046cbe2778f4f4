"""The figures: how each is computed, and its bounds on 2 cores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import limits
from bench.figures import NAIVE, Bound, Round, Rule
from bench.subjects import EXACT_PEERS, Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.figures import Key

SMALL, LARGE, REDUCED = "small, folder", "16 MP, folder", "16 MP, folder, reduced scale"
SMALL_REDUCED = "small, folder, reduced scale"
IN_PROCESS = "small, folder, decoded in process"
SLOW, FAST, MANY = "small, cloud, 30 ms", "small, cloud, 0 ms", "ten times as many, cloud, 0 ms"
OF_FLEET = f"{MANY}, of a fleet"
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


def _ahead(samples: Round, engine: Engine) -> float:
    """Pictures a second, as a multiple of the best peer's in the same round."""
    return samples[SMALL, engine].rate / max(samples[SMALL, peer].rate for peer in EXACT_PEERS)


def of_the_limit(steps: Mapping[Key, limits.Steps], cores: int) -> Rule:
    """The share of the highest possible speed, which the steps of a picture determine."""

    def value(samples: Round, engine: Engine) -> float:
        return 100 * samples[SMALL, engine].rate / limits.limit(steps[SMALL, engine], cores)

    return Rule(
        name="of the limit of its steps, small JPEGs",
        unit=" %",
        digits=0,
        value=value,
        bounds=_at_least(90, 90),
    )


def _speed_kept(samples: Round, engine: Engine) -> float:
    return 100 * samples[SLOW, engine].rate / samples[FAST, engine].rate


def _memory_growth(samples: Round, engine: Engine) -> float:
    return 100 * (samples[MANY, engine].peak / samples[FAST, engine].peak - 1)


def _cost_of_fleet(samples: Round, engine: Engine) -> float:
    return 100 * (samples[MANY, engine].rate / samples[OF_FLEET, engine].rate - 1)


def _isolation_cost(samples: Round, engine: Engine) -> float:
    return 100 * (1 - samples[SMALL, engine].rate / samples[IN_PROCESS, engine].rate)


SMALL_RULES = (
    Rule(
        name="small JPEGs from a folder, times the best peer",
        unit="x",
        digits=2,
        value=_ahead,
        bounds=_at_least(1.3, 2),
    ),
    _faster(SMALL, SMALL, "small JPEGs from a folder, times the naive loop", {}),
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
"""The figures of a run that measures small pictures only."""

RULES = (
    *SMALL_RULES,
    _faster(LARGE, LARGE, "16 MP JPEGs, exact pixels, times the naive loop", _at_least(1.8, 1.8)),
    _faster(
        REDUCED, LARGE, "16 MP JPEGs, reduced scale, times the naive loop", _at_least(2.5, 3.3)
    ),
    _faster(SLOW, SLOW, "small JPEGs, local cloud, 30 ms, times the naive loop", _at_least(12, 18)),
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
        name="time more as the only machine of a fleet",
        unit=" %",
        digits=1,
        value=_cost_of_fleet,
        bounds=_at_most(3),
    ),
)
