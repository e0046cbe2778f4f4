"""The steps of one run: check that results can be written, receive the model, classify pictures.

This module decides the order of the steps and what a failure means. It depends neither on a cloud
nor on an engine: its collaborators are passed in.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from workload import archive, batches, claims, golden, manifest, settings
from workload.checkpoints import Origin, ResultBucket
from workload.decoding import image_limits
from workload.errors import (
    BucketError,
    BusyError,
    ChangedError,
    Detail,
    EncodingError,
    Failure,
    PictureFailure,
    TooLargeError,
    VanishedError,
    WorkloadError,
)
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import numpy.typing as npt

    from workload.checkpoints import Checkpoints
    from workload.records import Outcome, Picture
    from workload.results import Summary

    Pixels: TypeAlias = npt.NDArray[np.float32]

DOWNLOADS = 32
"""Concurrent downloads: at 30 ms each, a thousand pictures a second."""
READ_AHEAD = 64
BYTES_AHEAD = 256 * 1024**2
"""Most pictures, and most bytes (by the listing), in memory before decoding."""


class Bucket(ResultBucket, Protocol):
    """A bucket, used with one identity; methods raise BucketError or TooLargeError."""

    def pictures(self, first: str = "") -> Iterator[Picture]:
        """All objects from this name on, in the order of their names."""

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of exactly this generation."""


class Decoders(Protocol):
    """Decodes pictures to the model's input, in processes that do not hold the model."""

    def decode(
        self, downloads: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, Pixels | PictureFailure]]:
        """Yields each picture's pixels or its failure, in order; holds few at a time."""


class Model(Protocol):
    """A released model; raises MODEL_UNUSABLE or RUN_OUT_OF_MEMORY."""

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Outcome]:
        """Classes and scores of each picture, best first, or SCORES_INVALID.

        Computes on the calling thread; several threads may call it at the same time.
        """


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """Everything that a run needs from outside this module."""

    operator: Callable[[], Callable[[str], Bucket]]
    """Gives buckets by name, used with the virtual machine's account."""
    model_reader: Callable[[settings.Settings], Callable[[str], Bucket]]
    """Gives buckets by name, used as the model's reader; raises if the model is not released."""
    decoders: Callable[[], AbstractContextManager[Callable[[manifest.Input], Decoders]]]
    """Starts decoder processes; gives the function that makes decoders for a model's input."""
    load: Callable[[Path, manifest.Manifest], Model]
    on_generation: Callable[[str], None] = lambda _: None
    """Called with each new generation of `results.jsonl` that this run writes."""
    on_end: Callable[[], None] = lambda: None
    """Called when the end of the run is in the result bucket."""


def run(environment: Mapping[str, str], collaborators: Collaborators) -> Summary:
    """Executes one run; any failure is also written to the result bucket, if possible."""
    bucket = settings.result_bucket(environment)
    # Decoders start first: no model and no credential exists yet that they could inherit.
    with tempfile.TemporaryDirectory() as private, collaborators.decoders() as decoders_for:
        as_operator = collaborators.operator()
        results = Results(
            as_operator(bucket), Path(private), on_generation=collaborators.on_generation
        )
        results.begin()
        try:
            launch = settings.parse(environment)
            classifier = released(launch, collaborators, Path(private), decoders_for)
            checkpoints = results.checkpoints(classifier.origin)
            classify(as_operator(launch.input_bucket), classifier, checkpoints)
            summary = results.finish(checkpoints)
        except Exception as error:
            results.fail(error)
            collaborators.on_end()
            raise
        collaborators.on_end()
        # Delete parts last: a run that is killed earlier is reported and can be continued.
        checkpoints.remove()
    return summary


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A released model that is ready to classify pictures."""

    origin: Origin
    """what its records depend on, besides the pictures"""
    decoders: Decoders
    model: Model
    batch: int
    pool: ThreadPoolExecutor = field(default_factory=batches.pool)

    def outcomes(
        self, bucket: Bucket, pictures: Iterable[Picture]
    ) -> Iterator[list[tuple[Picture, Outcome]]]:
        """The outcomes of all pictures, in order, by batches; MODEL_TOO_SLOW.

        A picture that can't be decoded, or for which the model gives no valid scores, gets a
        failure; the others continue.
        """
        decoded = self.decoders.decode(_downloads(bucket, pictures))
        seconds = settings.MODEL_SECONDS
        found = batches.outcomes(self.pool, self.model, decoded, self.batch, seconds)
        for batch, outcomes in found:
            yield [
                (picture, outcome) for (picture, _), outcome in zip(batch, outcomes, strict=True)
            ]


def released(
    launch: settings.Settings,
    collaborators: Collaborators,
    private: Path,
    decoders_for: Callable[[manifest.Input], Decoders],
) -> Classifier:
    """Receives the model, loads it, and checks that it computes what its owner computed."""
    unpacked, model_manifest = receive(launch, collaborators, private)
    decoders = decoders_for(model_manifest.input)
    model = collaborators.load(unpacked, model_manifest)
    golden.check(unpacked, model_manifest, decoders, model)
    return Classifier(
        origin=Origin(
            model_sha256=launch.model_sha256,
            engine=model_manifest.format,
            scores=model_manifest.output.published,
            image_digest=claims.image_digest(launch.token_file),
        ),
        decoders=decoders,
        model=model,
        batch=model_manifest.batch,
    )


def receive(
    launch: settings.Settings, collaborators: Collaborators, private: Path
) -> tuple[Path, manifest.Manifest]:
    """Downloads and checks the model; drops the reader's credentials when it returns."""
    bucket = collaborators.model_reader(launch)(launch.model_bucket)
    packed, unpacked = private / "model.tar.gz", private / "model"
    try:
        sha256 = bucket.fetch(launch.model_object, packed, archive.MAX_ARCHIVE)
    except BucketError as error:
        raise WorkloadError(Failure.MODEL_NOT_READABLE) from error
    except TooLargeError as error:
        raise WorkloadError(Failure.MODEL_TOO_LARGE) from error
    # Check the hash before anything opens the archive.
    if sha256 != launch.model_sha256:
        raise WorkloadError(Failure.MODEL_HASH_MISMATCH)
    archive.unpack(packed, unpacked)
    return unpacked, manifest.read(unpacked / manifest.FILE)


def classify(bucket: Bucket, classifier: Classifier, checkpoints: Checkpoints) -> None:
    """Classifies every picture that has no record yet, in the order of the listing.

    Raises NO_PICTURES, MODEL_TOO_SLOW, and MODEL_SCORES_INVALID if the model gave valid scores for
    no picture at all.
    """
    valid = invalid = 0
    for batch in classifier.outcomes(bucket, checkpoints.unclassified(listing(bucket))):
        checkpoints.add(batch)
        outcomes = [outcome for _, outcome in batch]
        invalid += outcomes.count(PictureFailure.SCORES_INVALID)
        valid += sum(not isinstance(outcome, PictureFailure) for outcome in outcomes)
    if not checkpoints.listed:
        raise WorkloadError(Failure.NO_PICTURES)
    if invalid and not valid and not checkpoints.continued:
        raise WorkloadError(Failure.MODEL_SCORES_INVALID)


def _downloads(
    bucket: Bucket, pictures: Iterable[Picture]
) -> Iterator[tuple[Picture, bytes | PictureFailure]]:
    """Yields each picture's bytes or its failure, in order; downloads ahead concurrently."""
    ahead: deque[tuple[int, Future[tuple[Picture, bytes | PictureFailure]]]] = deque()
    held = 0
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        for picture in pictures:
            while ahead and (len(ahead) == READ_AHEAD or held + picture.size > BYTES_AHEAD):
                size, read = ahead.popleft()
                held -= size
                yield read.result()
            ahead.append((picture.size, pool.submit(_download, bucket, picture)))
            held += picture.size
        for _, read in ahead:
            yield read.result()


def listing(bucket: Bucket, first: str = "") -> Iterator[Picture]:
    """The pictures of the input bucket from a name on, in order; INPUT_NOT_READABLE."""
    try:
        yield from bucket.pictures(first)
    except BucketError as error:
        raise WorkloadError(Failure.INPUT_NOT_READABLE) from error


def _download(bucket: Bucket, picture: Picture) -> tuple[Picture, bytes | PictureFailure]:
    try:
        data = bucket.read(picture, image_limits.MAX_FILE_BYTES)
    except VanishedError:
        return picture, PictureFailure.VANISHED
    except ChangedError:
        return picture, PictureFailure.CHANGED
    except EncodingError:
        return picture, PictureFailure.DAMAGED
    except BusyError as error:
        raise WorkloadError(Failure.INPUT_NOT_READABLE, Detail.STAYS_BUSY) from error
    except BucketError:
        return picture, PictureFailure.NOT_READABLE
    except TooLargeError:
        return picture, PictureFailure.TOO_LARGE
    return replace(picture, sha256=hashlib.sha256(data).hexdigest()), data
