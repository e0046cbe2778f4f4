"""The jobs that are simulated: kinds of pictures, engines, and the rates that were measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from bench import cost, rules
from bench.fleet import facts
from bench.fleet.facts import Fact, Origin
from bench.fleet.setting import Setting
from bench.subjects import Engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MACHINES: Final = (1, 3, 10, 30, 100, 300, 1000)
ZONES: Final = 3
PICTURE_BYTES: Final = {rules.SLOW: 1e3 * cost.PICTURE_KB, rules.LARGE: 3e6}
NAMES: Final = {rules.SLOW: "small", rules.LARGE: "16 MP"}
PICTURES: Final = {rules.SLOW: 100_000_000, rules.LARGE: 10_000_000}
"""Of the jobs in the tables: 6 TB and 30 TB, three days of work for one machine."""
PER_SLICE: Final = {rules.SLOW: 4096, rules.LARGE: 512}
"""A slice of either takes ten seconds or so; with the default, one of 16 MP takes two minutes."""
NOTHING: Final[Mapping[str, float]] = {}


class Work(NamedTuple):
    """Pictures of one kind, and the engine that classifies them."""

    name: str
    what: str
    """the row of docs/bench.md"""
    engine: Engine
    rate: float
    """pictures a second of one machine"""
    start: float
    """seconds from the workload's start to its first results, the model's release included"""
    image: float
    """bytes"""

    @property
    def pictures(self) -> int:
        """Of the job in the tables."""
        return PICTURES[self.what]

    def setting(
        self, machines: int, pictures: int | None = None, changes: Mapping[str, float] = NOTHING
    ) -> Setting:
        """A job of this work on a fleet; the changes are fields of the setting."""
        return Setting(
            pictures=pictures or self.pictures,
            machines=machines,
            zones=min(machines, ZONES),
            rate=self.rate,
            start=self.start,
            image_bytes=self.image,
            picture_bytes=PICTURE_BYTES[self.what],
            **{"pictures_per_slice": PER_SLICE[self.what], **changes},  # type: ignore[arg-type]
        )


def works(bench: str) -> Iterator[Work]:
    """Both kinds of pictures with both engines, from the page of figures."""
    images = dict(zip(Engine, _images(bench), strict=True))
    for what, name in NAMES.items():
        for engine in Engine:
            start = cost.measured(bench, rules.SLOW, engine).first
            rate = cost.measured(bench, what, engine).pictures
            yield Work(f"{name}, {engine}", what, engine, rate, start, images[engine])


def _images(bench: str) -> list[float]:
    head = f"| {' | '.join(Engine)} |"
    row = re.search(rf"^{re.escape(head)}\n\|[-|]*\n\|(.*) MB \|(.*) MB \|$", bench, re.MULTILINE)
    if row is None:
        raise ValueError(
            f"docs/bench.md: got no table {head} with sizes in MB, expected the one that"
            " `make bench` writes; no fleet can be simulated"
        )
    return [1e6 * float(size.replace(",", "")) for size in row.groups()]


def measured(found: list[Work]) -> Iterator[Fact]:
    """What the simulation takes from the page of figures."""
    source = "[docs/bench.md](bench.md), 2 cores"
    for work in found:
        where = "through the local cloud at 30 ms" if work.what == rules.SLOW else "from a folder"
        what = f"{work.name}: one machine, {where}"
        yield Fact(what, work.rate, "pictures/s", Origin.MEASURED, source)
    for work in found[: len(Engine)]:
        what = f"{work.engine}: from the workload's start to the first results"
        yield Fact(what, work.start, "s", Origin.MEASURED, source)
        what = f"{work.engine}: size of the image"
        yield Fact(what, work.image / 1e6, "MB", Origin.MEASURED, source)


def spot(preempted: Fact) -> float:
    """Preemptions of a machine in an hour, from the share in a day or in an hour."""
    hours = 24 if preempted is facts.PREEMPTED else 1
    return preempted.value / 100 / hours
