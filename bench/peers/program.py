"""What all peers have in common: their arguments, the model of an unpacked archive, the results."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

BATCH = 64
"""Pictures."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a peer has to do, by its command line."""

    model: Path
    """The unpacked archive."""
    files: list[Path]
    results: Path
    manifest: dict[str, Any]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the model's input."""
        return self.manifest["input"]["height"], self.manifest["input"]["width"]

    @property
    def scaling(self) -> tuple[float, float]:
        """The factor of a pixel from 0 to 255, and what is added."""
        low, high = self.manifest["input"]["range"]
        return (high - low) / 255, low

    def write(self, answers: npt.NDArray[np.float32]) -> None:
        """Writes the best classes of every picture; `answers` are in the order of `files`."""
        best = np.argsort(answers, axis=1)[:, ::-1][:, : self.manifest["topK"]]
        with (self.results / "results.jsonl").open("w") as file:
            for path, row, order in zip(self.files, answers, best, strict=True):
                top = [{"classIndex": int(i), "score": round(float(row[i]), 5)} for i in order]
                file.write(json.dumps({"name": path.name, "topK": top}) + "\n")


def job(description: str | None) -> Job:
    """The job of this process."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("model", type=Path, help="an unpacked archive")
    parser.add_argument("pictures", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--count", type=int, required=True, help="how many pictures")
    arguments = parser.parse_args()
    return Job(
        model=arguments.model,
        files=sorted(arguments.pictures.iterdir())[: arguments.count],
        results=arguments.results,
        manifest=json.loads((arguments.model / "manifest.json").read_text()),
    )
