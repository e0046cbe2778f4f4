"""The story of one run, in order: prove that results can be left, get the model, use it.

The collaborators are passed in. This module decides what is asked of whom and what a failure
means, and knows neither a cloud nor an engine.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from workload import archive, claims, manifest, settings
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
    from workload.records import Outcome, Picture, Score
    from workload.results import Summary

    Pixels: TypeAlias = npt.NDArray[np.float32]
    _Batch: TypeAlias = Sequence[tuple[Picture, Pixels | PictureFailure]]

MAX_ARCHIVE = 1024**3
DOWNLOADS = 32
"""At once: at 30 ms each, a thousand pictures a second."""
READ_AHEAD = 64
BYTES_AHEAD = 256 * 1024**2
"""Pictures, and their bytes as listed, in memory before they are decoded."""
BATCH = 16
"""Pictures that the model is asked for together, always; `parts.PART` is a multiple."""


class Bucket(ResultBucket, Protocol):
    """One bucket as one identity sees it; methods raise BucketError or TooLargeError."""

    def pictures(self) -> Iterator[Picture]:
        """Every object, in the order of names."""

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of exactly this generation."""

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; its SHA-256 in hex."""


class Decoders(Protocol):
    """What makes a model's input of encoded pictures, somewhere that holds no model."""

    def decode(
        self, downloads: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, Pixels | PictureFailure]]:
        """Each picture as the model takes it or its failure, in order, few at a time."""


class Model(Protocol):
    """A released model; raises MODEL_UNUSABLE."""

    def classify(self, batch: Sequence[Pixels]) -> Sequence[Sequence[Score]]:
        """Classes and probabilities of each picture, best first; computes on this thread alone.

        Several threads may ask at once.
        """


@dataclass(frozen=True, kw_only=True)
class Collaborators:
    """Everything outside of this story."""

    operator: Callable[[], Callable[[str], Bucket]]
    """Buckets by name as the virtual machine's account sees them."""
    model_reader: Callable[[settings.Settings], Callable[[str], Bucket]]
    """Buckets by name as the model's reader sees them: raises unless the model is released."""
    decoders: Callable[[], AbstractContextManager[Callable[[manifest.Input], Decoders]]]
    """Starts what decodes; gives what tells it for which input."""
    load: Callable[[Path, manifest.Manifest], Model]
    on_generation: Callable[[str], None] = lambda _: None
    """Called with the generation of the results that are this run's, whenever it changes."""
    on_end: Callable[[], None] = lambda: None
    """Called once the result bucket holds how the run ended."""


def run(environment: Mapping[str, str], collaborators: Collaborators) -> Summary:
    """One run; any failure is told in the result bucket, too, if that can be written."""
    bucket = settings.result_bucket(environment)
    # They start before there is a model or a credential, and while both are asked for.
    with tempfile.TemporaryDirectory() as private, collaborators.decoders() as decoders_for:
        as_operator = collaborators.operator()
        results = Results(
            as_operator(bucket), Path(private), on_generation=collaborators.on_generation
        )
        results.begin()
        try:
            launch = settings.parse(environment)
            unpacked, model_manifest = receive(launch, collaborators, Path(private))
            origin = Origin(
                model_sha256=launch.model_sha256,
                engine=model_manifest.format,
                image_digest=claims.image_digest(launch.token_file),
            )
            decoders = decoders_for(model_manifest.input)
            model = collaborators.load(unpacked, model_manifest)
            checkpoints = results.checkpoints(origin)
            classify(as_operator(launch.input_bucket), decoders, model, checkpoints)
            summary = results.finish(checkpoints)
        except Exception as error:
            results.fail(error)
            collaborators.on_end()
            raise
        collaborators.on_end()
        # Only now: a run that is killed before is told to have been, and can still be continued.
        checkpoints.remove()
    return summary


def receive(
    launch: settings.Settings, collaborators: Collaborators, private: Path
) -> tuple[Path, manifest.Manifest]:
    """The model's files, if its owner releases them. Its reader's credentials end with this."""
    bucket = collaborators.model_reader(launch)(launch.model_bucket)
    packed, unpacked = private / "model.tar.gz", private / "model"
    try:
        sha256 = bucket.fetch(launch.model_object, packed, MAX_ARCHIVE)
    except BucketError as error:
        raise WorkloadError(Failure.MODEL_NOT_READABLE) from error
    except TooLargeError as error:
        raise WorkloadError(Failure.MODEL_TOO_LARGE) from error
    # Before anything looks inside.
    if sha256 != launch.model_sha256:
        raise WorkloadError(Failure.MODEL_HASH_MISMATCH)
    archive.unpack(packed, unpacked)
    return unpacked, manifest.read(unpacked / "manifest.json")


def classify(bucket: Bucket, decoders: Decoders, model: Model, checkpoints: Checkpoints) -> None:
    """Every picture that has no record yet through the model, in the order of the listing.

    A picture that can't be used is noted with its code and the run goes on; raises NO_PICTURES.
    Each keeps its place in a batch that is always full, so that its scores depend neither on its
    neighbours' failures nor on where a run that was cut short is continued.
    """
    pictures = decoders.decode(_downloads(bucket, checkpoints.unclassified(_listing(bucket))))
    threads = os.cpu_count() or 1
    pending: deque[tuple[_Batch, Future[Sequence[Outcome]]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        while batch := list(islice(pictures, BATCH)):
            pending.append((batch, pool.submit(_outcomes, model, batch)))
            # One more than can be computed, so that no thread waits for this one.
            if len(pending) > threads:
                _record(checkpoints, *pending.popleft())
        for each in pending:
            _record(checkpoints, *each)
    if not checkpoints.listed:
        raise WorkloadError(Failure.NO_PICTURES)


def _outcomes(model: Model, batch: _Batch) -> Sequence[Outcome]:
    """What comes of each picture of a batch."""
    usable = [pixels for _, pixels in batch if not isinstance(pixels, PictureFailure)]
    scores: Sequence[Sequence[Score]] = [()] * len(batch)
    if usable:
        # Where a picture can't be used, and behind the last one, another stands in its place.
        full = [usable[0] if isinstance(pixels, PictureFailure) else pixels for _, pixels in batch]
        scores = model.classify(full + [usable[0]] * (BATCH - len(batch)))
    return [
        pixels if isinstance(pixels, PictureFailure) else best
        for (_, pixels), best in zip(batch, scores, strict=False)
    ]


def _record(checkpoints: Checkpoints, batch: _Batch, answer: Future[Sequence[Outcome]]) -> None:
    outcomes = zip(batch, answer.result(), strict=True)
    checkpoints.add((picture, outcome) for (picture, _), outcome in outcomes)


def _downloads(
    bucket: Bucket, pictures: Iterable[Picture]
) -> Iterator[tuple[Picture, bytes | PictureFailure]]:
    """Each picture's bytes or its failure, in order; others are on their way meanwhile."""
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


def _listing(bucket: Bucket) -> Iterator[Picture]:
    try:
        yield from bucket.pictures()
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
