"""The whole measurement: make the inputs, check that all programs compute the same, run them."""

from __future__ import annotations

import json
import tarfile
import tempfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bench import agreement, image, local, pictures, rules, schedule, steps, subjects
from bench.cloud import bench_cloud
from bench.figures import Figure, figures
from bench.rules import RULES
from bench.subjects import ARCHIVES, LOCKS, TREE, Engine
from workload import archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Key, Round
    from bench.limits import Steps
    from bench.schedule import Size

COMPARED_PICTURES = 40
"""How many pictures of each kind to compare before any timing."""

STEP_PICTURES = 320
"""How many small pictures to measure steps with; a tenth as many large ones."""

RULES_WITHOUT_BOUNDS = tuple(replace(rule, bounds={}) for rule in RULES)
"""For a smoke run: figures from few pictures are not compared with goals."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All results."""

    size: Size
    rounds: list[Round]
    figures: list[Figure]
    missing: dict[Key, str]
    score_differences: dict[Engine, float]
    """The largest difference of a score from the naive loop's."""
    steps: dict[Key, Steps]
    """Time of each step of a picture."""
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
    with tempfile.TemporaryDirectory() as scratch, bench_cloud() as cloud:
        model = Path(scratch) / "model"
        archive.unpack(ARCHIVES[Engine.TENSORFLOW], model)
        score_differences = _score_differences(
            model, [small, large, TREE / "model" / "pictures"], size
        )
        for engine, difference in score_differences.items():
            log(f"{engine}: same best class as the naive loop, scores within {difference:.5f}")
        inputs = schedule.Inputs(
            size=size,
            small=small,
            large=large,
            unpacked=model,
            reduced=_reduced(Path(scratch)),
            bench_cloud=cloud,
        )
        subjects_to_run = schedule.all_subjects(inputs)
        missing = {each.key: each.missing for each in subjects_to_run if each.missing}
        rounds_run = schedule.run_rounds(subjects_to_run, rounds, log)
        steps_by_key = _steps(inputs, log)
    return Measured(
        size=size,
        rounds=rounds_run,
        figures=figures(
            RULES if size is schedule.FULL else RULES_WITHOUT_BOUNDS, rounds_run, missing
        ),
        missing=missing,
        score_differences=score_differences,
        steps=steps_by_key,
        images={engine: _image(engine) for engine in Engine},
    )


def _score_differences(model: Path, folders: list[Path], size: Size) -> dict[Engine, float]:
    largest: dict[Engine, float] = {}
    small, large = min(COMPARED_PICTURES, size.small), min(COMPARED_PICTURES // 10, size.large)
    for folder, count in zip(folders, (small, large, COMPARED_PICTURES), strict=True):
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
            if not subjects.missing(engine):
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
