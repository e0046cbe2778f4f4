"""The highest possible speed, from the steps of one picture, and the share that is reached."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from bench.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.figures import Key, Round

Steps = dict[str, float]
"""Processor seconds of each step for one picture."""


def limit(steps: Steps, cores: int) -> float:
    """Pictures a second if every core executed only these steps."""
    return cores / sum(steps.values())


def steps_table(steps: Mapping[Key, Steps], rounds: Sequence[Round], cores: int) -> str:
    """A table with a column for each subject: its steps, their limit, the measured speed."""
    rates = {key: median(each[key].rate for each in rounds if key in each) for key in steps}
    rows = [["processor ms each", *(f"{what}, {who}" for what, who in steps)]]

    def add(name: str, cell: Callable[[Key], str]) -> None:
        rows.append([name, *(cell(key) for key in steps)])

    for step in next(iter(steps.values()), {}):
        add(step, lambda key, step=step: f"{1000 * steps[key][step]:.2f}")  # type: ignore[misc]  # bound at once
    add("together", lambda key: f"{1000 * sum(steps[key].values()):.2f}")
    add("so at most, pictures/s", lambda key: f"{limit(steps[key], cores):.1f}")
    add("measured", lambda key: f"{rates[key]:.1f}")
    add("of the limit", lambda key: f"{100 * rates[key] / limit(steps[key], cores):.0f} %")
    return table(rows)
