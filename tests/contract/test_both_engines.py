"""A complete run with each committed archive: real job, decoders and engine, without a cloud."""

from __future__ import annotations

import hashlib
import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from bench.folder import Folder
from bench.workload_run import ENVIRONMENT
from rehearsal.repository import REPOSITORY
from workload import job
from workload.decoding import prestart
from workload.engines import selection

if TYPE_CHECKING:
    from pathlib import Path

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf  # noqa: F401  the run imports it late

MODEL = REPOSITORY / "model"
DRAWN = json.loads((MODEL / "pictures.json").read_text())
ARCHIVES = ("model.tar.gz", "model-litert.tar.gz")


def run(archive: str, results: Path) -> list[dict[str, Any]]:
    """The records of a run over the demonstration pictures."""
    results.mkdir()
    buckets = {
        "models": Folder(path=MODEL),
        "pictures": Folder(path=MODEL / "pictures", count=len(DRAWN)),
        "results": Folder(path=results),
    }
    collaborators = job.Collaborators(
        operator=lambda: buckets.__getitem__,
        model_reader=lambda _: buckets.__getitem__,
        decoders=prestart.decoders,
        load=selection.load,
    )
    environment = ENVIRONMENT | {
        "MODEL_URI": f"gs://models/{archive}",
        "MODEL_SHA256": hashlib.sha256((MODEL / archive).read_bytes()).hexdigest(),
        "ATTESTATION_TOKEN_FILE": str(results / "no-token"),
    }
    job.run(environment, collaborators)
    records = map(json.loads, (results / "results.jsonl").read_text().splitlines())
    # The folder numbers its pictures.
    return [record | {"name": record["name"].partition("-")[2]} for record in records]


@pytest.fixture(scope="session")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The records of the pictures with each archive."""
    folder = tmp_path_factory.mktemp("results")
    return {archive: run(archive, folder / archive) for archive in ARCHIVES}


@pytest.mark.parametrize("archive", ARCHIVES)
def test_either_engine_classifies_every_demonstration_picture(
    archive: str, records: dict[str, list[dict[str, Any]]]
) -> None:
    """Either archive, deployed, classifies the demonstration pictures."""
    assert {each["name"]: each["label"] for each in records[archive]} == DRAWN


def test_the_scores_of_both_engines_differ_by_rounding_only(
    records: dict[str, list[dict[str, Any]]],
) -> None:
    """From the picture's file to the record, no score is more than 7.5e-5 apart."""
    one, other = (records[archive] for archive in ARCHIVES)
    apart = [
        abs(one_score["score"] - other_score["score"])
        for a, b in zip(one, other, strict=True)
        for one_score, other_score in zip(a["topK"], b["topK"], strict=True)
    ]
    assert max(apart) <= 7.5e-5
