"""The whole measurement: make the inputs, check that all programs compute the same, run them."""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bench import (
    agreement,
    by_thread,
    image,
    local,
    pictures,
    process,
    rules,
    schedule,
    steps,
    subjects,
)
from bench.cloud import bench_cloud
from bench.figures import Figure, figures
from bench.peers import conversion
from bench.rules import RULES, SMALL_RULES
from bench.subjects import ARCHIVES, EXACT_PEERS, LOCKS, MODULES, TREE, Engine, Peer
from workload import archive, manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.by_thread import Usage
    from bench.figures import Key, Round, Rule
    from bench.limits import Steps
    from bench.schedule import Size

COMPARED_PICTURES = 40
"""How many pictures of each kind to compare before any timing."""

STEP_PICTURES = 320
"""How many small pictures to measure steps with; a tenth as many large ones."""

DEMONSTRATION = TREE / "model" / "pictures"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All results."""

    size: Size
    rounds: list[Round]
    figures: list[Figure]
    missing: dict[Key, str]
    score_differences: dict[str, float]
    """The largest difference of a score from the naive loop's, of each program that has its pixels.
    """
    same_best: dict[Peer, float]
    """The share of small pictures with the naive loop's best class, of the other programs."""
    steps: dict[Key, Steps]
    """Time of each step of a picture."""
    usages: dict[Key, Usage]
    """What the threads of a run with small pictures use."""
    images: dict[Engine, int | str]
    """Bytes of the locked dependencies, or the reason why they are unknown."""

    @property
    def problems(self) -> list[str]:
        """All figures that miss their goals or could not be measured."""
        return [figure.problem for figure in self.figures if figure.problem] + [
            f"size of the image, {engine}: not measured: {size}"
            for engine, size in self.images.items()
            if isinstance(size, str)
        ]


def measure(size: Size, rounds: int, cache: Path, log: Callable[[str], None]) -> Measured:
    """Measures everything, from the pictures to the figures."""
    log(f"pictures: {size.small} small ones, {size.large} of 16 megapixels, in {cache}")
    small = pictures.make(pictures.SMALL, size.small, cache)
    large = pictures.make(pictures.LARGE, size.large, cache)
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch, bench_cloud() as cloud:
        model = Path(scratch) / "model"
        archive.unpack(ARCHIVES[Engine.TENSORFLOW], model)
        missing = missing_peers(model, cache)
        score_differences = _score_differences(model, [small, large, DEMONSTRATION], size)
        peers = [peer for peer in Peer if peer not in missing]
        peer_differences, same_best = _compared_peers(peers, model, small, Path(scratch))
        score_differences |= peer_differences
        for who, difference in score_differences.items():
            log(f"{who}: same best class as the naive loop, scores within {difference:.5f}")
        inputs = schedule.Inputs(
            size=size,
            small=small,
            large=large,
            unpacked=model,
            reduced=_reduced(Path(scratch)),
            bench_cloud=cloud,
            missing=missing,
        )
        subjects_to_run = schedule.all_subjects(inputs)
        missing_subjects = {each.key: each.missing for each in subjects_to_run if each.missing}
        rounds_run = schedule.run_rounds(subjects_to_run, rounds, log)
        steps_by_key = _steps(inputs, log)
        usages: dict[Key, Usage] = {
            (rules.SMALL, engine): by_thread.measure(ARCHIVES[engine], small, size.small)
            for engine in Engine
            if not subjects.missing(engine)
        }
    return Measured(
        size=size,
        rounds=rounds_run,
        figures=figures(
            _rules(size, rules.of_the_limit(steps_by_key, cores)), rounds_run, missing_subjects
        ),
        missing=missing_subjects,
        score_differences=score_differences,
        same_best=same_best,
        steps=steps_by_key,
        usages=usages,
        images={engine: _image(engine) for engine in Engine},
    )


def _rules(size: Size, of_the_limit: Rule) -> tuple[Rule, ...]:
    chosen = SMALL_RULES if size is schedule.SMALL_ONLY else RULES
    chosen = (chosen[0], of_the_limit, *chosen[1:])
    # Figures from few pictures are not compared with goals.
    return without_bounds(chosen) if size is schedule.QUICK else chosen


def without_bounds(chosen: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The same figures without goals, for a smoke run."""
    return tuple(replace(rule, bounds={}) for rule in chosen)


def missing_peers(model: Path, cache: Path) -> dict[str, str]:
    """Adds the ONNX model to an unpacked archive; why that peer is missing, if it fails."""
    signature = manifest.read(model / manifest.FILE).signature
    try:
        conversion.convert(model, signature or "serving_default", cache)
    except process.FailedError as error:
        return {Peer.ONNX: f"the model could not be converted: {str(error)[:500]}"}
    return {}


def _compared_peers(
    peers: list[Peer], model: Path, small: Path, scratch: Path
) -> tuple[dict[str, float], dict[Peer, float]]:
    """Largest differences of scores of exact peers; shares of the same best class of others.

    Not every peer reads anything but JPEGs. The small pictures are not what the model was trained
    on, so another resize changes some of their best classes: there, only the share is told.
    """
    jpegs = scratch / "jpegs"
    jpegs.mkdir()
    for path in DEMONSTRATION.glob("*.jpg"):
        (jpegs / path.name).symlink_to(path)
    largest: dict[str, float] = {}
    same: dict[Peer, float] = {}
    for folder in (small, jpegs):
        count = min(COMPARED_PICTURES, len(list(folder.iterdir())))
        naive = local.answers("bench.naive", model, folder, count)
        for peer in peers:
            records = local.answers(MODULES[peer], model, folder, count)
            if peer in EXACT_PEERS:
                difference = agreement.check(records, naive, peer)
                largest[peer] = max(largest.get(peer, 0), difference)
            elif folder is jpegs:
                agreement.check_best(records, naive, peer)
            else:
                same[peer] = agreement.same_best(records, naive)
    return largest, same


def _score_differences(model: Path, folders: list[Path], size: Size) -> dict[str, float]:
    largest: dict[str, float] = {}
    small, large = min(COMPARED_PICTURES, size.small), min(COMPARED_PICTURES // 10, size.large)
    for folder, count in zip(folders, (small, large, COMPARED_PICTURES), strict=True):
        if not count:
            continue
        naive = local.answers("bench.naive", model, folder, min(count, len(list(folder.iterdir()))))
        for engine in Engine:
            if not subjects.missing(engine):
                records = local.answers("bench.workload_run", ARCHIVES[engine], folder, len(naive))
                difference = agreement.check(records, naive, engine)
                largest[engine] = max(largest.get(engine, 0), difference)
    return largest


def _steps(inputs: schedule.Inputs, log: Callable[[str], None]) -> dict[Key, Steps]:
    measured: dict[Key, Steps] = {}
    for what, archives, folder, count in (
        (rules.SMALL, ARCHIVES, inputs.small, min(STEP_PICTURES, inputs.size.small)),
        (rules.LARGE, ARCHIVES, inputs.large, min(STEP_PICTURES // 10, inputs.size.large)),
        (rules.REDUCED, inputs.reduced, inputs.large, min(STEP_PICTURES // 10, inputs.size.large)),
    ):
        for engine in Engine:
            if count and not subjects.missing(engine):
                log(f"  step by step  {what}, {engine}")
                measured[what, engine] = steps.on_all_cores(archives[engine], folder, count)
    return measured


def _reduced(folder: Path) -> dict[Engine, Path]:
    """Copies of the archives whose manifests ask for decoding at a reduced scale."""
    steps_by_key = {}
    for engine in Engine:
        if not subjects.missing(engine):
            steps_by_key[engine] = folder / f"reduced-{engine}.tar.gz"
            _repack(ARCHIVES[engine], steps_by_key[engine])
    return steps_by_key


def _repack(packed: Path, to: Path) -> None:
    with tarfile.open(packed) as before, tarfile.open(to, "w:gz") as after:
        for entry in before:
            content = before.extractfile(entry)
            data = content.read() if content else b""
            if entry.name == "manifest.json":
                manifest = json.loads(data)
                manifest["input"]["decode"] = "reduced"
                data = json.dumps(manifest).encode()
                entry.size = len(data)
            after.addfile(entry, BytesIO(data))


def _image(engine: Engine) -> int | str:
    if not LOCKS[engine].exists():
        return f"no workload/{LOCKS[engine].name}"
    try:
        return image.installed(image.names(LOCKS[engine].read_text()))
    except image.NotInstalledError as error:
        return str(error)
