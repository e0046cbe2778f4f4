"""What runs, in which order: every subject once in a round, so that a slow period affects all.

Each group starts with the naive loop; the subjects that are compared with it, or with peers, follow
directly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bench import local, pictures, rules, subjects
from bench.figures import NAIVE, Key, Round, Sample
from bench.subjects import ARCHIVES, MODULES, Engine, Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bench.cloud import BenchCloud

TIMES = 10
"""Factor of pictures for the measurements of memory, and of a fleet: several slices."""
LONG_ROUNDS = 3
"""Of the runs with so many: they take minutes, and differ little between rounds."""
LATENCY = 0.030
"""Seconds for each request."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many pictures of each kind; 0: none of the runs with them."""

    small: int
    large: int
    naive: int
    """Through the local cloud at 30 ms: sequential, so fewer are enough for a rate."""


FULL = Size(small=2000, large=60, naive=400)
QUICK = Size(small=24, large=2, naive=8)
SMALL_ONLY = Size(small=2000, large=0, naive=0)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One program with one kind of input; `missing` says why it can't run."""

    key: Key
    run: Callable[[], Sample]
    missing: str = ""
    rounds: int = 99
    """Most rounds to run it in."""


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that is made before the first run."""

    size: Size
    small: Path
    large: Path
    unpacked: Path
    """TensorFlow's model, for the naive loop and the peers."""
    reduced: Mapping[Engine, Path]
    """Archives whose manifests ask for decoding at a reduced scale."""
    bench_cloud: BenchCloud
    missing: Mapping[str, str]
    """Why a peer cannot run."""

    def objects(self, count: int) -> dict[str, bytes]:
        """Small pictures as objects; beyond the number of files, files get further names."""
        names = [pictures.name(at) for at in range(min(count, self.size.small))]
        data = [(self.small / name).read_bytes() for name in names]
        return {f"{at:06}.jpg": data[at % len(data)] for at in range(count)}


def all_subjects(inputs: Inputs) -> list[Subject]:
    """All subjects in the order of a round."""
    groups = [_small(inputs)]
    groups += [_large(inputs)] if inputs.size.large else []
    groups += [_through_the_cloud(inputs)] if inputs.size.naive else []
    return [subject for group in groups for subject in group]


def _small(inputs: Inputs) -> Iterator[Subject]:
    count = inputs.size.small
    naive = partial(local.naive, inputs.unpacked, inputs.small, count)
    yield Subject(key=(rules.SMALL, NAIVE), run=naive)
    for peer in Peer:
        run = partial(local.peer, MODULES[peer], inputs.unpacked, inputs.small, count)
        yield Subject(key=(rules.SMALL, peer), run=run, missing=inputs.missing.get(peer, ""))
    for engine in Engine:
        from_folder = partial(local.workload, ARCHIVES[engine], inputs.small)
        in_process = partial(from_folder, count, "--in-process")
        archive = inputs.reduced.get(engine, ARCHIVES[engine])
        reduced = partial(local.workload, archive, inputs.small, count)
        yield _of(rules.SMALL, engine, partial(from_folder, count))
        yield _of(rules.SMALL_REDUCED, engine, reduced)
        yield _of(rules.IN_PROCESS, engine, in_process)
        yield _of(rules.ONE, engine, partial(from_folder, 1))


def _large(inputs: Inputs) -> Iterator[Subject]:
    count = inputs.size.large
    naive = partial(local.naive, inputs.unpacked, inputs.large, count)
    yield Subject(key=(rules.LARGE, NAIVE), run=naive)
    for engine in Engine:
        exact, reduced = (
            partial(local.workload, archive, inputs.large, count)
            for archive in (ARCHIVES[engine], inputs.reduced.get(engine, ARCHIVES[engine]))
        )
        yield _of(rules.LARGE, engine, exact)
        yield _of(rules.REDUCED, engine, reduced)


def _through_the_cloud(inputs: Inputs) -> Iterator[Subject]:
    few, usual, many = (
        inputs.objects(count)
        for count in (inputs.size.naive, inputs.size.small, inputs.size.small * TIMES)
    )
    naive = partial(inputs.bench_cloud.naive, inputs.unpacked, few, LATENCY)
    yield Subject(key=(rules.SLOW, NAIVE), run=naive)
    for engine in Engine:
        workload = partial(inputs.bench_cloud.workload, ARCHIVES[engine])
        yield _of(rules.SLOW, engine, partial(workload, usual, LATENCY))
        yield _of(rules.FAST, engine, partial(workload, usual, 0))
        worker = partial(inputs.bench_cloud.worker, ARCHIVES[engine])
        for what, run in ((rules.MANY, workload), (rules.OF_FLEET, worker)):
            yield replace(_of(what, engine, partial(run, many, 0)), rounds=LONG_ROUNDS)


def _of(what: str, engine: Engine, run: Callable[[], Sample]) -> Subject:
    return Subject(key=(what, engine), run=run, missing=subjects.missing(engine))


def run_rounds(
    subjects_to_run: Sequence[Subject], rounds: int, log: Callable[[str], None]
) -> list[Round]:
    """Runs all subjects in turn, in each round."""
    rounds_run: list[Round] = []
    for number in range(1, rounds + 1):
        samples: Round = {}
        for subject in subjects_to_run:
            if not subject.missing and number <= subject.rounds:
                what, who = subject.key
                samples[subject.key] = sample = subject.run()
                log(f"  {number}/{rounds}  {what}, {who}: {sample.rate:.1f} pictures/s")
        rounds_run.append(samples)
    return rounds_run
