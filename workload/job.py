"""The story of one run, in order: prove that results can be left, get the model, use it.

The collaborators are passed in. This module decides what is asked of whom and what a failure
means, and knows neither a cloud nor an engine.
"""

from __future__ import annotations

import tempfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from workload import archive, manifest, settings
from workload.errors import (
    BucketError,
    Failure,
    PictureError,
    PictureFailure,
    TooLargeError,
    WorkloadError,
)
from workload.results import Picture, Results, Score, Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    Pixels: TypeAlias = npt.NDArray[np.float32]

MAX_ARCHIVE = 1024**3
MAX_PICTURE = 32 * 1024**2
DOWNLOADS = 8
READ_AHEAD = 16
"""Pictures in memory before they are decoded: 512 MB if all are of the largest size."""
BATCH = 32


class Bucket(Sink, Protocol):
    """One bucket as one identity sees it; methods raise BucketError or TooLargeError."""

    def pictures(self) -> Iterator[Picture]:
        """Every object, in the order of names."""

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of exactly this generation."""

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; its SHA-256 in hex."""


class Model(Protocol):
    """A released model; raises MODEL_UNUSABLE."""

    def decode(self, data: bytes) -> Pixels:
        """One picture as the model takes it; raises PictureError."""

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Score]]:
        """Classes and probabilities of each picture, best first."""


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """Everything outside of this story."""

    operator: Callable[[], Callable[[str], Bucket]]
    """Buckets by name as the virtual machine's account sees them."""
    model_reader: Callable[[settings.Settings], Callable[[str], Bucket]]
    """Buckets by name as the model's reader sees them: raises unless the model is released."""
    load: Callable[[Path, manifest.Manifest], Model]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How many pictures were classified, and how many could not be."""

    classified: int
    failed: int

    def __str__(self) -> str:
        """Both counts, for the log."""
        return f"classified {self.classified}, failed {self.failed}"


def run(environment: Mapping[str, str], outside: Collaborators) -> Summary:
    """One run; any failure is told in the result bucket, too, if that can be written."""
    bucket = settings.result_bucket(environment)
    as_operator = outside.operator()
    with tempfile.TemporaryDirectory() as private:
        results = Results(as_operator(bucket), Path(private))
        results.begin()
        try:
            chosen = settings.parse(environment)
            model = receive(chosen, outside, Path(private))
            summary = classify(as_operator(chosen.input_bucket), model, results)
            results.finish()
        except Exception as error:
            results.fail(error)
            raise
    return summary


def receive(chosen: settings.Settings, outside: Collaborators, private: Path) -> Model:
    """The model, if its owner releases it. Its reader's credentials live no longer than this."""
    bucket = outside.model_reader(chosen)(chosen.model_bucket)
    packed, unpacked = private / "model.tar.gz", private / "model"
    try:
        sha256 = bucket.fetch(chosen.model_object, packed, MAX_ARCHIVE)
    except BucketError as error:
        raise WorkloadError(Failure.MODEL_NOT_READABLE) from error
    except TooLargeError as error:
        raise WorkloadError(Failure.MODEL_TOO_LARGE) from error
    # Before anything looks inside.
    if sha256 != chosen.model_sha256:
        raise WorkloadError(Failure.MODEL_HASH_MISMATCH)
    archive.unpack(packed, unpacked)
    return outside.load(unpacked / "saved_model", manifest.read(unpacked / "manifest.json"))


def classify(bucket: Bucket, model: Model, results: Results) -> Summary:
    """Every picture of the bucket through the model, batch by batch, in the order of the listing.

    A picture that can't be used is noted with its code and the run goes on; raises NO_PICTURES.
    """
    classified = failed = 0
    pictures = _decoded(bucket, model)
    while batch := list(islice(pictures, BATCH)):
        usable = [pixels for _, pixels in batch if not isinstance(pixels, PictureFailure)]
        scores = iter(model.classify(usable) if usable else ())
        results.add(
            (picture, pixels if isinstance(pixels, PictureFailure) else next(scores))
            for picture, pixels in batch
        )
        classified += len(usable)
        failed += len(batch) - len(usable)
    if not classified + failed:
        raise WorkloadError(Failure.NO_PICTURES)
    return Summary(classified=classified, failed=failed)


def _decoded(bucket: Bucket, model: Model) -> Iterator[tuple[Picture, Pixels | PictureFailure]]:
    """Decodes one picture at a time while the next ones are on their way: memory stays bounded."""
    for picture, data in _downloaded(bucket):
        if isinstance(data, PictureFailure):
            yield picture, data
            continue
        try:
            yield picture, model.decode(data)
        except PictureError as error:
            yield picture, error.failure


def _downloaded(bucket: Bucket) -> Iterator[tuple[Picture, bytes | PictureFailure]]:
    ahead: deque[tuple[Picture, Future[bytes | PictureFailure]]] = deque()
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        for picture in _listed(bucket):
            ahead.append((picture, pool.submit(_read, bucket, picture)))
            if len(ahead) == READ_AHEAD:
                first, data = ahead.popleft()
                yield first, data.result()
        for picture, data in ahead:
            yield picture, data.result()


def _listed(bucket: Bucket) -> Iterator[Picture]:
    try:
        yield from bucket.pictures()
    except BucketError as error:
        raise WorkloadError(Failure.INPUT_NOT_READABLE) from error


def _read(bucket: Bucket, picture: Picture) -> bytes | PictureFailure:
    try:
        return bucket.read(picture, MAX_PICTURE)
    except BucketError:
        return PictureFailure.NOT_READABLE
    except TooLargeError:
        return PictureFailure.TOO_LARGE
