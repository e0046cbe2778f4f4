"""The whole measurement: make what is needed, check that all compute the same, then run."""

from __future__ import annotations

import json
import tarfile
import tempfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from bench import agreement, image, local, pictures, rules, schedule, steps, subjects
from bench.cloud import site
from bench.figures import Figure, figures
from bench.rules import RULES
from bench.subjects import ARCHIVES, LOCKS, TREE, Engine
from workload import archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Key, Round
    from bench.limits import Steps
    from bench.schedule import Size

CHECKED = 40
"""How many of each kind of picture are compared before anything is timed."""

TAKEN_APART = 320
"""How many small pictures each step is measured with; of large ones a tenth."""

UNJUDGED = tuple(replace(rule, bounds={}) for rule in RULES)
"""For a smoke run: figures of a few pictures meet no goal and miss none."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All that came out."""

    size: Size
    rounds: list[Round]
    figures: list[Figure]
    missing: dict[Key, str]
    agreed: dict[Engine, float]
    """the largest difference of a score from the naive loop's"""
    steps: dict[Key, Steps]
    """where the time of a picture goes"""
    images: dict[Engine, int | str]
    """bytes of the locked dependencies, or why that is not known"""

    @property
    def problems(self) -> list[str]:
        """Every figure that misses its goal, or whose subject does not exist."""
        return [figure.problem for figure in self.figures if figure.problem] + [
            f"size of the image, {engine}: not measured: {size}"
            for engine, size in self.images.items()
            if isinstance(size, str)
        ]


def measure(size: Size, rounds: int, cache: Path, tell: Callable[[str], None]) -> Measured:
    """Everything, from the pictures to the figures."""
    tell(f"pictures: {size.small} small ones, {size.large} of 16 megapixels, in {cache}")
    small = pictures.make(pictures.SMALL, size.small, cache)
    large = pictures.make(pictures.LARGE, size.large, cache)
    with tempfile.TemporaryDirectory() as scratch, site() as there:
        model = Path(scratch) / "model"
        archive.unpack(ARCHIVES[Engine.TENSORFLOW], model)
        agreed = _agreed(model, [small, large, TREE / "model" / "pictures"], size)
        for engine, off in agreed.items():
            tell(f"{engine}: same best class as the naive loop, scores within {off:.5f}")
        ready = schedule.Ready(
            size=size,
            small=small,
            large=large,
            unpacked=model,
            reduced=_reduced(Path(scratch)),
            site=there,
        )
        planned = schedule.every(ready)
        missing = {each.key: each.missing for each in planned if each.missing}
        played = schedule.play(planned, rounds, tell)
        found = _steps(ready, tell)
    return Measured(
        size=size,
        rounds=played,
        figures=figures(RULES if size is schedule.FULL else UNJUDGED, played, missing),
        missing=missing,
        agreed=agreed,
        steps=found,
        images={engine: _image(engine) for engine in Engine},
    )


def _agreed(model: Path, folders: list[Path], size: Size) -> dict[Engine, float]:
    found: dict[Engine, float] = {}
    most = (min(CHECKED, size.small), min(CHECKED // 10, size.large), CHECKED)
    for folder, count in zip(folders, most, strict=True):
        naive = local.answers("bench.naive", model, folder, min(count, len(list(folder.iterdir()))))
        for engine in Engine:
            if not subjects.missing(engine):
                ours = local.answers("bench.workload_run", ARCHIVES[engine], folder, len(naive))
                off = agreement.check(ours, naive, engine)
                found[engine] = max(found.get(engine, 0), off)
    return found


def _steps(ready: schedule.Ready, tell: Callable[[str], None]) -> dict[Key, Steps]:
    found: dict[Key, Steps] = {}
    for what, archives, folder, most in (
        (rules.SMALL, ARCHIVES, ready.small, min(TAKEN_APART, ready.size.small)),
        (rules.LARGE, ARCHIVES, ready.large, min(TAKEN_APART // 10, ready.size.large)),
        (rules.REDUCED, ready.reduced, ready.large, min(TAKEN_APART // 10, ready.size.large)),
    ):
        for engine in Engine:
            if not subjects.missing(engine):
                tell(f"  step by step  {what}, {engine}")
                found[what, engine] = steps.on_all_cores(archives[engine], folder, most)
    return found


def _reduced(folder: Path) -> dict[Engine, Path]:
    """The same archives with a manifest that asks for decoding at a reduced scale."""
    found = {}
    for engine in Engine:
        if not subjects.missing(engine):
            found[engine] = folder / f"reduced-{engine}.tar.gz"
            _repack(ARCHIVES[engine], found[engine])
    return found


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
