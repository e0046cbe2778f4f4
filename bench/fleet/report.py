"""The tables of docs/fleet.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import cost
from bench.fleet import costs, facts
from bench.fleet.machine import ATTESTATIONS, REDONE, SLICE, WORK
from bench.fleet.setting import WARM
from bench.fleet.simulation import run
from bench.fleet.works import (
    MACHINES,
    NOTHING,
    PICTURE_BYTES,
    PICTURES,
    ZONES,
    Work,
    measured,
    spot,
)
from bench.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.fleet.simulation import Outcome

Scaling = dict[tuple[str, int], "Outcome"]
"""Outcomes of the same job, by the name of the work and the number of machines."""

JOBS: Final = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
FLEETS: Final = (1, 10, 100)
SLICES: Final = (512, 4096, 16_384)
SLICED: Final = 100
"""Machines of the comparison of slices."""
WEEK: Final = 7 * 24
"""Hours for which the subscription keeps a message that no machine acknowledges."""
SHOWN: Final = 0.01
"""The least share of the machines' time that is worth a word."""


def scaling(found: Sequence[Work], changes: Mapping[str, float] = NOTHING) -> Scaling:
    """The job of each work on fleets of each size."""
    return {
        (work.name, machines): run(work.setting(machines, changes=changes))
        for work in found
        for machines in MACHINES
    }


def tables(found: Sequence[Work], warm: Scaling, cold: Scaling) -> list[str]:
    """All tables, in the order of the page; the simulations that are missing run now."""
    spots = scaling(found, {**WARM, "preemptions": spot(facts.PREEMPTED)})
    return [
        jobs(found[0]),
        *(scaled(work, warm, spots) for work in found),
        unadapted(found, cold),
        limits(found),
        slices([work for work in found if work.engine is found[0].engine]),
        standing(found[0]),
        sources([*measured([*found]), *facts.EVERY]),
    ]


def jobs(work: Work) -> str:
    """When one machine is enough."""
    columns = ("one machine, no fleet", *(f"fleet of {each}" for each in FLEETS))
    rows = [(f"{work.name}: pictures", *columns)]
    for pictures in JOBS:
        alone = cost.Run(costs.MACHINE, cost.Rate("", work.rate, work.start), pictures)
        seconds = 3600 * alone.hours - cost.STOP_SECONDS
        outcomes = [run(work.setting(machines, pictures)) for machines in FLEETS]
        cells = (f"{_time(each.seconds)}, ${costs.dollars(each):.2f}" for each in outcomes)
        rows.append((f"{pictures:,}", f"{_time(seconds)}, ${alone.dollars:.2f}", *cells))
    return table(rows)


def efficiency(work: Work, outcomes: Mapping[tuple[str, int], Outcome], machines: int) -> float:
    """Pictures a second, as a share of so many times those of one machine."""
    return outcomes[work.name, machines].rate / machines / outcomes[work.name, 1].rate


def scaled(work: Work, warm: Scaling, spots: Scaling) -> str:
    """One work on fleets of each size, with a bucket that has adapted."""
    rows = [(work.name, "time", "pictures/s", "of n x one", "standard", "spot", "beside work")]
    for machines in MACHINES:
        outcome, on_spot = warm[work.name, machines], spots[work.name, machines]
        rows.append(
            (
                _machines(machines, outcome.most),
                _time(outcome.seconds),
                f"{outcome.rate:,.0f}",
                f"{100 * efficiency(work, warm, machines):.0f} %",
                f"${costs.per_million(outcome):.2f}",
                f"${costs.per_million(on_spot, spot=True):.2f}",
                beside_work(outcome),
            )
        )
    return table(rows)


def beside_work(outcome: Outcome, most: int = 2) -> str:
    """What machines spent most time with that was no work, as shares of their time."""
    shares = {
        what: seconds / outcome.machine_seconds
        for what, seconds in outcome.spent.items()
        if what != WORK
    }
    largest = sorted(shares, key=lambda what: -shares[what])[:most]
    return ", ".join(
        f"{what} {100 * shares[what]:.0f} %" for what in largest if shares[what] > SHOWN
    )


def unadapted(found: Sequence[Work], cold: Scaling) -> str:
    """The same jobs with a bucket that adapts only as fast as Google's guideline says."""
    rows = [("new bucket", *(work.name for work in found), f"beside work, {found[0].name}")]
    for machines in MACHINES:
        outcomes = [cold[work.name, machines] for work in found]
        rates = (f"{each.rate:,.0f}" for each in outcomes)
        rows.append((_machines(machines), *rates, beside_work(outcomes[0])))
    return table(rows)


def limits(found: Sequence[Work]) -> str:
    """How many machines each limit is enough for: arithmetic, without a simulation."""
    bandwidth = 1e9 / 8 * facts.BANDWIDTH.value
    setting = found[0].setting(1)
    pictures: tuple[tuple[str, Callable[[Work], float]], ...] = (
        ("reads of a new bucket, at once", lambda _: facts.READS.value),
        ("the same after an hour", lambda _: facts.READS.value * 2 ** (60 / facts.DOUBLING.value)),
        ("bandwidth of buckets", lambda work: bandwidth / PICTURE_BYTES[work.what]),
        ("writes, slices of 512", lambda _: facts.WRITES.value * SLICES[0]),
        ("Pub/Sub, slices of 512", lambda _: setting.pulls * SLICES[0]),
    )
    rows = [("limit", *(work.name for work in found))]
    rows += [
        (name, *(f"{most(work) / work.rate:,.0f} machines" for work in found))
        for name, most in pictures
    ]
    rows += [
        (name, *(f"1,000 in {1000 * seconds:,.0f} s" for _ in found))
        for name, seconds in (
            ("attestation, once for each machine", ATTESTATIONS / setting.attestations),
            ("STS, once for each machine", 1 / setting.exchanges),
            ("creation of machines", 1 / setting.creations),
        )
    ]
    return table(rows)


def slices(found: Sequence[Work]) -> str:
    """Slices of different sizes, on standard machines and on a bad day for spot machines."""
    bad = spot(facts.PREEMPTED_BADLY)
    rows = [
        (
            "pictures per slice",
            "pictures",
            "a slice takes",
            "ends of slices",
            f"pictures/s, {SLICED} machines",
            "machines at most",
            "work lost on bad spot",
            "pictures/s on bad spot",
        )
    ]
    for work in found:
        for size in SLICES:
            pictures, changes = PICTURES[work.what] // 10, {"pictures_per_slice": size, **WARM}
            standard = run(work.setting(SLICED, pictures, changes))
            on_spot = run(work.setting(SLICED, pictures, {**changes, "preemptions": bad}))
            rows.append(
                (
                    f"{size:,}",
                    work.name,
                    _time(size / work.rate),
                    f"{100 * standard.spent[SLICE] / standard.spent[WORK]:.1f} %",
                    f"{standard.rate:,.0f}",
                    f"{standard.most}",
                    f"{100 * on_spot.spent[REDONE] / on_spot.spent[WORK]:.1f} %",
                    f"{on_spot.rate:,.0f}",
                )
            )
    return table(rows)


def standing(work: Work) -> str:
    """What a fleet costs that has nothing to do, or next to nothing, and a stream beside that."""
    requests, messages = costs.stream_million()
    month = cost.HOURS_PER_MONTH
    alone = [costs.dollars(run(work.setting(zones, 1))) for zones in (1, ZONES)]
    hourly = [each * month for each in alone]
    standard, on_spot = costs.hour(spot=False), costs.hour(spot=True)
    return table(
        [
            ("beside the jobs", "dollars"),
            ("zero machines", "$0.00"),
            (
                "one standard machine, an hour / a month",
                f"${standard:.3f} / ${standard * month:.0f}",
            ),
            ("one spot machine, an hour / a month", f"${on_spot:.3f} / ${on_spot * month:.0f}"),
            (
                "one machine that fails for seven days, standard / spot",
                f"${standard * WEEK:.0f} / ${on_spot * WEEK:.0f}",
            ),
            (
                f"one message alone, fleet in one zone / {ZONES} zones",
                f"${alone[0]:.3f} / ${alone[1]:.3f}",
            ),
            (
                f"one message an hour, a month, one zone / {ZONES} zones",
                f"${hourly[0]:.0f} / ${hourly[1]:.0f}",
            ),
            ("stream, a million pictures: requests", f"${requests:.2f}"),
            ("stream, a million pictures: messages", f"${messages:.2f}"),
        ]
    )


def sources(every: Sequence[facts.Fact]) -> str:
    """Every figure that the simulation is fed with, by its origin."""
    rows = [("origin", "what", "value", "source")]
    rows += [
        (each.origin, each.what, f"{each.value:,.10g} {each.unit}".strip(), _source(each.source))
        for origin in facts.Origin
        for each in every
        if each.origin is origin
    ]
    return table(rows)


def _source(source: str) -> str:
    return f"<{source}>" if source.startswith("https://") else source


def _machines(allowed: int, came: int | None = None) -> str:
    words = "1 machine" if allowed == 1 else f"{allowed:,} machines"
    return words if came in {None, allowed} else f"{words}, {came:,} came"


def _time(seconds: float) -> str:
    if seconds < 120:  # noqa: PLR2004  two minutes
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
