"""The loop that the workload is compared with: it does what the published example does.

One picture at a time: read it, decode all of it with TensorFlow, resize it, predict a batch of one,
sort the scores with numpy. The example feeds pixels from 0 to 255 to a model that was trained on
another range; this loop follows the manifest, so that both compute the same. It has no optimisation
on purpose, except that it calls the signature: `predict` takes several times as long for one
picture.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from google.cloud import storage

from bench.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Loop:
    """The model of an unpacked archive; classifies one picture after the other."""

    def __init__(self, model: Path) -> None:
        self._manifest = json.loads((model / "manifest.json").read_text())
        self._loaded = tf.saved_model.load(str(model / "saved_model"))
        self._signature = self._loaded.signatures[self._manifest["signature"]]
        ((self._input, _),) = self._signature.structured_input_signature[1].items()

    def classify(self, data: bytes) -> list[dict[str, Any]]:
        """The best five classes of one picture."""
        model_input = self._manifest["input"]
        low, high = model_input["range"]
        decoded = tf.io.decode_image(data, channels=3, expand_animations=False)
        resized = tf.image.resize(
            decoded, (model_input["height"], model_input["width"]), method="bilinear"
        )
        scaled = low + resized * ((high - low) / 255)
        (output,) = self._signature(**{self._input: tf.expand_dims(scaled, 0)}).values()
        (row,) = output.numpy()
        best = np.argsort(row)[::-1][: self._manifest["topK"]]
        return [{"classIndex": int(i), "score": round(float(row[i]), 5)} for i in best]


def from_folder(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """The first pictures of a folder."""
    for path in sorted(folder.iterdir())[:count]:
        yield path.name, path.read_bytes()


def from_bucket(bucket: storage.Bucket, count: int) -> Iterator[tuple[str, bytes]]:
    """The first pictures of a bucket."""
    for blob in bucket.list_blobs(max_results=count):
        yield blob.name, blob.download_as_bytes()


def run(
    loop: Loop, pictures: Iterator[tuple[str, bytes]], write: Callable[[str], object]
) -> Stopwatch:
    """Classifies all pictures, then writes all results at once."""
    stopwatch = Stopwatch()
    stopwatch.loaded()
    lines = []
    for name, data in pictures:
        lines.append(json.dumps({"name": name, "topK": loop.classify(data)}) + "\n")
        stopwatch.predicted()
    write("".join(lines))
    return stopwatch


def main() -> None:
    """One run, from a folder or bucket to another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="an unpacked archive")
    parser.add_argument("pictures", help="a folder, or gs://BUCKET")
    parser.add_argument("results", help="a folder, or gs://BUCKET")
    parser.add_argument("--count", type=int, required=True, help="how many pictures")
    arguments = parser.parse_args()
    loop = Loop(arguments.model)
    if arguments.pictures.startswith("gs://"):
        client = storage.Client(project=None)
        pictures, results = (
            client.bucket(uri.removeprefix("gs://"))
            for uri in (arguments.pictures, arguments.results)
        )
        upload = results.blob("result").upload_from_string
        run(loop, from_bucket(pictures, arguments.count), upload).done()
    else:
        write = (Path(arguments.results) / "results.jsonl").write_text
        run(loop, from_folder(Path(arguments.pictures), arguments.count), write).done()


if __name__ == "__main__":
    main()
