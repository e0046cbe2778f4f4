"""A whole run with each committed archive: real job, real decoders, real engine, no cloud."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from workload import decoding, engine, job
from workload.records import Picture

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf  # noqa: F401  the run imports it late

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = Path(__file__).parents[2] / "model"
DRAWN = json.loads((MODEL / "pictures.json").read_text())
ARCHIVES = {"model.tar.gz": "tensorflow-saved-model", "model-litert.tar.gz": "litert"}


@dataclass(frozen=True)
class Folder:
    """A folder as a bucket."""

    path: Path

    def pictures(self) -> Iterator[Picture]:
        """Its files by name."""
        for path in sorted(self.path.iterdir()):
            yield Picture(name=path.name, generation="1")

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of one."""
        return (self.path / picture.name).read_bytes()[:limit]

    def names(self, prefix: str) -> Iterator[str]:
        """No earlier run has left anything."""
        yield from (path.name for path in self.path.glob(f"{prefix}*"))

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Copies a file; its SHA-256."""
        to.write_bytes((self.path / name).read_bytes()[:limit])
        return hashlib.sha256(to.read_bytes()).hexdigest()

    def write(self, name: str, content: Path, content_type: str) -> None:
        """Takes a file."""
        assert content_type
        (self.path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(content, self.path / name)

    def remove(self, name: str) -> None:
        """Deletes a file if it is there."""
        (self.path / name).unlink(missing_ok=True)


def run(archive: str, results: Path) -> list[dict[str, Any]]:
    """The records of a run over the demonstration pictures."""
    results.mkdir()
    buckets = {"model": Folder(MODEL), "pictures": Folder(MODEL / "pictures")}
    buckets["results"] = Folder(results)
    outside = job.Collaborators(
        operator=lambda: buckets.__getitem__,
        model_reader=lambda _: buckets.__getitem__,
        decoders=decoding.decoders,
        load=engine.load,
    )
    environment = {
        "MODEL_URI": f"gs://model/{archive}",
        "MODEL_SHA256": hashlib.sha256((MODEL / archive).read_bytes()).hexdigest(),
        "MODEL_AUDIENCE": "//iam.googleapis.com/projects/1/locations/global"
        "/workloadIdentityPools/pool/providers/provider",
        "MODEL_READER": "primus-sa@primus-models.iam.gserviceaccount.com",
        "INPUT_URI": "gs://pictures",
        "RESULT_URI": "gs://results",
        "ATTESTATION_TOKEN_FILE": str(results / "no-token"),
    }
    job.run(environment, outside)
    return [json.loads(line) for line in (results / "results.jsonl").read_text().splitlines()]


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What came of the pictures with each archive."""
    folder = tmp_path_factory.mktemp("results")
    return {archive: run(archive, folder / archive) for archive in ARCHIVES}


@pytest.mark.parametrize("archive", ARCHIVES)
def test_every_picture_is_what_it_was_drawn_as(
    archive: str, records: dict[str, list[dict[str, Any]]]
) -> None:
    """Either archive, deployed, classifies the demonstration pictures."""
    assert {each["name"]: each["label"] for each in records[archive]} == DRAWN


def test_the_engines_scores_are_the_same_but_for_rounding(
    records: dict[str, list[dict[str, Any]]],
) -> None:
    """From the picture's file to the record, no score is more than 7.5e-5 apart."""
    one, other = (records[archive] for archive in ARCHIVES)
    apart = [
        abs(left["probability"] - right["probability"])
        for a, b in zip(one, other, strict=True)
        for left, right in zip(a["topK"], b["topK"], strict=True)
    ]
    assert max(apart) <= 7.5e-5
