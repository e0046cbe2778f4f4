"""What a run costs on Google Cloud: `python -m bench.cost --pictures 100000`.

Measured rates (docs/bench.md) and list prices (`bench.prices`); `--write` writes the tables of
docs/first-deployment.md. Nothing here was billed: this project has no account.
"""

from __future__ import annotations

import argparse
import re
from math import ceil, inf
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from bench import prices
from bench.rules import SLOW
from bench.subjects import Engine
from bench.table import table
from workload.checkpoints import PICTURES_PER_PART

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.prices import Price

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "first-deployment.md"
COMMAND: Final = ".venv/bin/python -m bench.cost --write"

PICTURES: Final = 100_000
PICTURE_KB: Final = 57
"""Of the small JPEGs of docs/bench.md."""
BOOT_SECONDS: Final = 180
"""From the machine's creation to the workload's start. Assumed; nobody has measured it here."""
STOP_SECONDS: Final = 120
"""The launcher stops the machine two minutes after the workload's end.
https://github.com/google/go-tpm-tools/blob/main/launcher/image/exit_script.sh"""
NAMES_PER_PAGE: Final = 1000
"""Objects in one answer to a list request, at most."""
LAST_OBJECTS: Final = 4
"""What a run uploads beside the parts: records, summary, text, and the text while it runs."""
DISK_GIB: Final = 20
"""As in `infra.components.confidential_vm`, which needs Pulumi's library."""
HOURS_PER_MONTH: Final = 730


class Machine(NamedTuple):
    """A confidential machine."""

    name: str
    base: Price
    cpus: int
    gib: int
    """memory"""
    cpu_price: Price
    gib_price: Price

    @property
    def hour(self) -> float:
        """Dollars an hour while it is on."""
        surcharge = self.cpus * self.cpu_price.dollars + self.gib * self.gib_price.dollars
        return self.base.dollars + surcharge


MACHINES: Final = (
    Machine("n2d-standard-2, SEV", prices.N2D, 2, 8, prices.SEV_CPU, prices.SEV_GIB),
    Machine("c3-standard-4, TDX", prices.C3, 4, 16, prices.TDX_CPU, prices.TDX_GIB),
)
DISK_HOUR: Final = DISK_GIB * prices.DISK.dollars


class Rate(NamedTuple):
    """How fast an engine classified small pictures from a bucket."""

    engine: str
    pictures: float
    """a second"""
    first: float
    """seconds from the start of the process to the first results"""


def measured(bench: str, what: str, engine: Engine) -> Rate:
    """A rate from the page of figures; ValueError if the page has none."""
    row = re.search(rf"^\| {what} \| {engine.value} \|(.*)\|$", bench, re.MULTILINE)
    if row is None:
        raise ValueError(
            f"docs/bench.md: got no row | {what} | {engine.value} |, expected the one that"
            " `make bench` writes; no cost can be computed"
        )
    pictures, _, _, first = (float(cell) for cell in row[1].split("|")[:4])
    return Rate(engine.value, pictures, first)


def rates(bench: str) -> Iterator[Rate]:
    """The measured rates of both engines with small pictures from a bucket."""
    for engine in Engine:
        yield measured(bench, SLOW, engine)


class Run(NamedTuple):
    """One run of a machine over small pictures."""

    machine: Machine
    rate: Rate
    pictures: int

    @property
    def hours(self) -> float:
        """While the machine is on."""
        working = self.rate.first + self.pictures / self.rate.pictures
        return (BOOT_SECONDS + working + STOP_SECONDS) / 3600

    @property
    def requests(self) -> float:
        """Dollars for what the machine asks of the buckets; deletions are free."""
        parts = ceil(self.pictures / PICTURES_PER_PART)
        class_a = ceil(self.pictures / NAMES_PER_PAGE) + parts + LAST_OBJECTS
        class_b = self.pictures + parts
        return (class_a * prices.CLASS_A.dollars + class_b * prices.CLASS_B.dollars) / 1000

    @property
    def dollars(self) -> float:
        """Machine, its disk, and requests."""
        return self.hours * (self.machine.hour + DISK_HOUR) + self.requests


def run_rows(runs: Sequence[Run]) -> str:
    """A run on each machine with each engine."""
    rows = [("machine", "engine", "pictures/s", "minutes", "machine and disk", "requests", "a run")]
    rows += [
        (
            run.machine.name,
            run.rate.engine,
            f"{run.rate.pictures:.0f}",
            f"{60 * run.hours:.0f}",
            f"${run.dollars - run.requests:.3f}",
            f"${run.requests:.3f}",
            f"**${run.dollars:.2f}**",
        )
        for run in runs
    ]
    return table(rows)


def standing_rows(pictures: int) -> str:
    """What is paid beside a run: once for an upload, and each month while it is deployed."""
    gib = pictures * PICTURE_KB * 1000 / 2**30
    upload = pictures * prices.CLASS_A.dollars / 1000
    return table(
        [
            ("beside the runs", "dollars"),
            (f"upload {pictures:,} pictures, once", f"${upload:.2f}"),
            (f"store them, {gib:.1f} GiB, each month", f"${gib * prices.STORED.dollars:.2f}"),
            (
                f"the machine's disk of {DISK_GIB} GiB, on or off, each month",
                f"${DISK_HOUR * HOURS_PER_MONTH:.2f}",
            ),
            *(
                (f"{each.name}, for each hour that it is on", f"${each.hour:.4f}")
                for each in MACHINES
            ),
        ]
    )


def price_rows() -> str:
    """Every price, with its source."""
    rows = [("price", "US dollars", "per", "Google's page", "copy of")]
    rows += [
        (each.what, f"{each.dollars:.9f}".rstrip("0"), each.per, f"<{each.page}>", each.seen)
        for each in prices.EVERY
    ]
    return table(rows)


def tables(pictures: int, found: Sequence[Rate]) -> list[str]:
    """The three tables of the page, in its order."""
    runs = [Run(machine, rate, pictures) for machine in MACHINES for rate in found]
    return [run_rows(runs), standing_rows(pictures), price_rows()]


def updated(page: str, written: Sequence[str]) -> str:
    """The page with these tables, each in place of the one with the same heading.

    ValueError if the page has no such table.
    """
    for each in written:
        heading = each.partition("\n")[0]
        before, found, rest = page.partition(f"\n{heading}\n")
        if not found:
            raise ValueError(f"got a page without the table {heading!r}; nothing was written")
        _, end, after = rest.partition("\n\n")
        page = f"{before}\n{each}{end}{after}"
    return page


Number = TypeVar("Number", int, float)


def _above(kind: Callable[[str], Number]) -> Callable[[str], Number]:
    """A number above zero, for argparse."""

    def read(text: str) -> Number:
        number = kind(text)
        if not 0 < number < inf:
            raise argparse.ArgumentTypeError(f"got {text}, expected a number above 0")
        return number

    return read


def parser() -> argparse.ArgumentParser:
    """The options."""
    found = argparse.ArgumentParser(prog="python -m bench.cost", description=__doc__)
    found.add_argument("--pictures", type=_above(int), help=f"of one run: {PICTURES:,} without it")
    found.add_argument(
        "--rate", type=_above(float), help="pictures a second, in place of the measured"
    )
    found.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    return found


def main() -> None:
    """Print the tables, or write them."""
    options = parser().parse_args()
    if options.write and (options.pictures or options.rate):
        parser().error(
            f"got --write with --pictures or --rate; {PAGE.name} has {PICTURES:,} pictures and the"
            " measured rates, and nothing was written"
        )
    found = [*rates((DOCS / "bench.md").read_text(encoding="utf-8"))]
    if options.write:
        text = updated(PAGE.read_text(encoding="utf-8"), tables(PICTURES, found))
        PAGE.write_text(text, encoding="utf-8")
        return
    if options.rate:
        found = [Rate("yours", options.rate, max(each.first for each in found))]
    print("\n\n".join(tables(options.pictures or PICTURES, found)))  # noqa: T201  the answer


if __name__ == "__main__":
    main()
