"""Runs the workload's own code from a folder to a folder, without Google.

`workload.job` runs unchanged, with the same engine and decoders as in production; only its buckets
are folders, and a stopwatch wraps the model. `--in-process` replaces the decoder processes, to
measure the cost of isolation.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.folder import Folder
from bench.stopwatch import Stopwatch
from workload import job
from workload.decoding import prestart
from workload.engines import selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from workload.manifest import Input, Manifest

ENVIRONMENT = {
    "MODEL_AUDIENCE": "//iam.googleapis.com/projects/1/locations/global"
    "/workloadIdentityPools/pool/providers/provider",
    "MODEL_READER": "primus-sa@primus-models.iam.gserviceaccount.com",
    "INPUT_URI": "gs://pictures",
    "RESULT_URI": "gs://results",
}


class _TimedModel:
    """A model that reports its first answer to the stopwatch."""

    def __init__(self, model: job.Model, stopwatch: Stopwatch) -> None:
        self._model = model
        self._stopwatch = stopwatch

    def classify(self, batch: Sequence[Any]) -> Any:  # noqa: ANN401  the model's own type
        """The model's answer, unchanged."""
        answer = self._model.classify(batch)
        self._stopwatch.predicted()
        return answer


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--count", type=int, required=True, help="how many pictures")
    parser.add_argument("--token", default="no-token", help="a file with an attestation token")
    parser.add_argument("--in-process", action="store_true", help="decode here")
    arguments = parser.parse_args()
    stopwatch = Stopwatch()

    def load(folder: Path, manifest: Manifest) -> Any:  # noqa: ANN401  a model, and a little more
        model = _TimedModel(selection.load(folder, manifest), stopwatch)
        stopwatch.loaded()
        return model

    folders = {
        "models": Folder(path=arguments.archive.parent),
        "pictures": Folder(path=arguments.pictures, count=arguments.count),
        "results": Folder(path=arguments.results),
    }
    decoders: Callable[[], AbstractContextManager[Callable[[Input], job.Decoders]]] = (
        prestart.decoders
    )
    if arguments.in_process:
        # Import late: the workload's own process holds no image libraries.
        from bench import in_process  # noqa: PLC0415  the reason is above

        decoders = in_process.decoders

    collaborators = job.Collaborators(
        operator=lambda: folders.__getitem__,
        model_reader=lambda _: folders.__getitem__,
        decoders=decoders,
        load=load,
    )
    environment = ENVIRONMENT | {
        "MODEL_URI": f"gs://models/{arguments.archive.name}",
        "ATTESTATION_TOKEN_FILE": arguments.token,
        "MODEL_SHA256": hashlib.sha256(arguments.archive.read_bytes()).hexdigest(),
    }
    job.run(environment, collaborators)
    stopwatch.done()


if __name__ == "__main__":
    main()
