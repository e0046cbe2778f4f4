"""The steps of a run (`workload.job`), with all collaborators in memory."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import tarfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.fixtures.result_bucket import ResultBucket
from tests.fixtures.tokens import unsigned
from workload import batches, checkpoints, job, settings
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
from workload.records import Picture, Score
from workload.results import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from workload.manifest import Input, Manifest
    from workload.records import Outcome
    from workload.settings import Settings

MANIFEST = {
    "schema": "confidential-inference/model/v2",
    "name": "surface-inspection",
    "format": "tensorflow-saved-model",
    "signature": "serving_default",
    "input": {
        "width": 2,
        "height": 2,
        "channels": "RGB",
        "range": [0, 1],
        "resize": "bilinear",
    },
    "output": {"scores": "probabilities"},
    "topK": 1,
    "classes": ["clean", "scratch"],
}


def archive(**files: str) -> bytes:
    """A model's archive with a manifest and these files instead or besides."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as writer:
        for name, content in {"manifest.json": json.dumps(MANIFEST), **files}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content.encode())
            writer.addfile(info, io.BytesIO(content.encode()))
    return gzip.compress(tar.getvalue())


ARCHIVE = archive(**{"saved_model/graph": "dark"})
MODEL = "models/x/model.tar.gz"


class MemoryBucket(ResultBucket):
    """Also holds contents to read; a content that is an exception is raised instead."""

    def __init__(
        self,
        contents: dict[str, bytes | Exception] | None = None,
        objects: dict[str, str] | None = None,
    ) -> None:
        super().__init__(objects)
        self.contents: dict[str, bytes | Exception] = dict(contents or {})
        self.listed_size = 0
        self.not_listable = False
        self.reading = 0
        self.read_at_most = 0
        self.lock = threading.Lock()

    def pictures(self, first: str = "") -> Iterator[Picture]:
        """All contents from a name on, by name."""
        for name in sorted(each for each in self.contents if each >= first):
            yield Picture(name=name, generation="1", size=self.listed_size)
        if self.not_listable:
            raise BucketError

    def read(self, picture: Picture, limit: int) -> bytes:
        """Content up to a limit; counts how many are read and not yet decoded."""
        with self.lock:
            self.reading += 1
            self.read_at_most = max(self.read_at_most, self.reading)
        return self._content(picture.name, limit)

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Content up to a limit into a file."""
        content = self._content(name, limit)
        to.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def _content(self, name: str, limit: int) -> bytes:
        content = self.contents.get(name, BucketError())
        if isinstance(content, Exception):
            raise content
        if len(content) > limit:
            raise TooLargeError
        return content


class Brightness:
    """A model that predicts "scratch" for bright pictures."""

    def __init__(self, setup: RunSetup) -> None:
        self._setup = setup

    def classify(self, batch: Sequence[job.Pixels]) -> list[Outcome]:
        """One answer a picture."""
        self._setup.batches.append(len(batch))
        return [[Score(int(p.max() > 127), "scratch", 1.0)] for p in batch]


class OneByte:
    """Decoders of pictures of one colour, which are one byte each."""

    def __init__(self, setup: RunSetup) -> None:
        self._setup = setup

    def decode(
        self, downloads: Iterable[tuple[Picture, bytes | PictureFailure]]
    ) -> Iterator[tuple[Picture, job.Pixels | PictureFailure]]:
        """One after the other; damaged if there is not exactly one byte."""
        for picture, data in downloads:
            with self._setup.input.lock:
                self._setup.input.reading -= 1
            if isinstance(data, PictureFailure):
                yield picture, data
            elif len(data) != 1:
                yield picture, PictureFailure.DAMAGED
            else:
                yield picture, np.full((2, 2, 3), data[0], np.float32)


class RunSetup:
    """The collaborators of a run; a test changes some of them."""

    def __init__(self, pictures: dict[str, bytes | Exception] | None = None) -> None:
        two: dict[str, bytes | Exception] = {"bright": b"\xff", "dark": b"\x00"}
        self.model = MemoryBucket({MODEL: ARCHIVE})
        self.input = MemoryBucket(two if pictures is None else pictures)
        self.result = MemoryBucket(objects={"result": "old", "results.jsonl": "old"})
        self.environment = {
            "MODEL_URI": f"gs://model/{MODEL}",
            "MODEL_SHA256": hashlib.sha256(ARCHIVE).hexdigest(),
            "MODEL_AUDIENCE": (
                "//iam.googleapis.com/projects/1/locations/global"
                "/workloadIdentityPools/primus-wip/providers/primus-wip-provider"
            ),
            "MODEL_READER": "primus-sa@primus-models.iam.gserviceaccount.com",
            "INPUT_URI": "gs://input",
            "RESULT_URI": "gs://result",
        }
        self.refusal: Exception | None = None
        self.happened: list[str] = []
        self.batches: list[int] = []
        self.load: Callable[[Path, Manifest], job.Model] = self._load
        self.ended: Callable[[], None] = lambda: None

    def run(self) -> Summary:
        """One run in this world."""
        own = {"input": self.input, "result": self.result}
        collaborators = job.Collaborators(
            operator=lambda: own.__getitem__,
            model_reader=self._release,
            decoders=self._decoders,
            load=self.load,
            on_end=self.ended,
        )
        return job.run(self.environment, collaborators)

    def releases(self, content: bytes) -> None:
        """Primus admits this archive."""
        self.model.contents[MODEL] = content
        self.environment["MODEL_SHA256"] = hashlib.sha256(content).hexdigest()

    def fails(self, code: str) -> None:
        """Runs, and expects this failure in both objects."""
        with pytest.raises(WorkloadError, match=f"^{code}: "):
            self.run()
        assert self.result.objects["result"].startswith(f"Error: {code}: ")
        assert json.loads(self.result.objects["results.jsonl"])["error"] == code

    def records(self) -> list[dict[str, Any]]:
        """The records that were left."""
        return [json.loads(line) for line in self.result.objects["results.jsonl"].splitlines()]

    def _release(self, settings: Settings) -> Callable[[str], MemoryBucket]:
        self.happened.append("asked for the model")
        if self.refusal:
            raise self.refusal
        assert settings.model_bucket == "model"
        return {"model": self.model}.__getitem__

    @contextmanager
    def _decoders(self) -> Iterator[Callable[[Input], OneByte]]:
        def decoders_for(model_input: Input) -> OneByte:
            assert (model_input.width, model_input.height) == (2, 2)
            return OneByte(self)

        self.happened.append("started decoders")
        yield decoders_for
        self.happened.append("ended decoders")

    def _load(self, folder: Path, manifest: Manifest) -> Brightness:
        self.happened.append("loaded the model")
        assert (folder / "saved_model/graph").read_text() == "dark"
        assert manifest.classes == ("clean", "scratch")
        return Brightness(self)


def test_pictures_are_classified() -> None:
    """Each picture gets the model's answer, in the order of the listing."""
    setup = RunSetup()
    assert setup.run() == Summary(classified=2, failed=0)
    assert [(r["name"], r["predictedClass"]) for r in setup.records()] == [
        ("bright", 1),
        ("dark", 0),
    ]
    assert setup.result.objects["result"].count("Image: ") == 2


def test_a_picture_that_cannot_be_used_does_not_end_the_run() -> None:
    """Missing, changed, too large or damaged: a code in its record; the others are classified."""
    setup = RunSetup(
        {
            "a": BucketError(),
            "b": b"\xff",
            "c": TooLargeError(),
            "d": b"no",
            "e": VanishedError(),
            "f": ChangedError(),
            "g": EncodingError(),
        }
    )
    assert setup.run() == Summary(classified=1, failed=6)
    assert [r.get("error", r.get("predictedClass")) for r in setup.records()] == [
        "picture_not_readable",
        1,
        "picture_too_large",
        "picture_damaged",
        "picture_vanished",
        "picture_changed",
        "picture_damaged",
    ]


def test_a_bucket_that_stays_busy_ends_the_run() -> None:
    """Instead of failing each picture; the next start continues with the existing parts."""
    setup = RunSetup(
        {f"{number:04}": b"\xff" for number in range(checkpoints.PICTURES_PER_PART + 200)}
    )
    setup.input.contents["0711"] = BusyError()
    setup.fails("input_not_readable")
    assert "Cloud Storage stays busy" in setup.result.objects["result"]
    assert "parts/00000.jsonl" in setup.result.objects


def test_the_end_is_reported_before_parts_are_deleted() -> None:
    """A run that is killed between its end and the last part's removal leaves its own results.

    Deleting the parts of a million pictures takes a minute. If the run died meanwhile without a
    report, the first process would overwrite the results.
    """
    setup = RunSetup()
    there: list[set[str]] = []
    setup.ended = lambda: there.append(set(setup.result.objects))
    setup.run()
    assert there == [{"result", "results.jsonl", "summary.json", "parts/00000.jsonl"}]
    assert setup.result.objects.keys() == {"result", "results.jsonl", "summary.json"}


def test_parts_that_cannot_be_deleted_do_not_fail_the_run() -> None:
    """Even if this process has no file descriptors left."""
    setup = RunSetup()

    def lost(*_: object) -> None:
        raise OSError(errno.EMFILE, "no descriptor left")

    setup.ended = lambda: setattr(setup.result, "remove", lost)
    assert setup.run() == Summary(classified=2, failed=0)
    assert setup.result.objects["result"].count("Image: ") == 2


def test_a_run_without_usable_pictures_succeeds() -> None:
    """If every picture is damaged, each has its record; the model is not called."""
    setup = RunSetup({"a": b"no", "b": b"no"})
    assert setup.run() == Summary(classified=0, failed=2)
    assert setup.batches == []


def test_many_pictures_go_in_batches() -> None:
    """70 pictures in batches of 16; each picture gets its own answer."""
    setup = RunSetup({f"{number:03}": bytes([number * 3]) for number in range(70)})
    setup.run()
    assert setup.batches == [16, 16, 16, 16, 16]
    assert [r["predictedClass"] for r in setup.records()] == [int(n * 3 > 127) for n in range(70)]


def test_memory_is_bounded() -> None:
    """Only a limited number of pictures is downloaded ahead."""
    setup = RunSetup({f"{number:03}": b"\xff" for number in range(200)})
    setup.run()
    assert setup.input.read_at_most <= job.READ_AHEAD


def test_fewer_large_pictures_are_downloaded_ahead() -> None:
    """The bytes ahead are limited, too, but one picture is always allowed."""
    setup = RunSetup({f"{number:03}": b"\xff" for number in range(20)})
    setup.input.listed_size = job.BYTES_AHEAD // 3
    assert setup.run() == Summary(classified=20, failed=0)
    assert setup.input.read_at_most <= 3
    setup.input.listed_size = 2 * job.BYTES_AHEAD
    assert setup.run() == Summary(classified=20, failed=0)


def test_a_refusal_is_in_the_result() -> None:
    """The result has the known sentence of the token service."""
    setup = RunSetup()
    setup.refusal = WorkloadError(Failure.RELEASE_REFUSED, Detail.CONDITION)
    setup.fails("release_refused")
    assert setup.result.objects["result"] == (
        "Error: release_refused: The given credential is rejected by the attribute condition.\n"
    )


def test_a_refusal_loads_nothing() -> None:
    """The engine is not started unless the model is there."""
    setup = RunSetup()
    setup.refusal = WorkloadError(Failure.RELEASE_REFUSED)
    setup.fails("release_refused")
    assert "loaded the model" not in setup.happened


def test_the_model_is_not_requested_if_results_are_not_writable() -> None:
    """The result bucket is checked first."""
    setup = RunSetup()
    setup.result.refuses = "result"
    with pytest.raises(WorkloadError, match=r"^results_not_writable: "):
        setup.run()
    assert "asked for the model" not in setup.happened


def test_an_empty_input_bucket_is_a_failure() -> None:
    """A run without pictures fails with its own code."""
    RunSetup({}).fails("no_pictures")


def test_an_input_bucket_that_cannot_be_listed_is_a_failure() -> None:
    """If listing fails, even in the middle, the run fails without partial results."""
    setup = RunSetup()
    setup.input.not_listable = True
    setup.fails("input_not_readable")
    assert "bright" not in setup.result.objects["result"]


def test_an_archive_with_another_hash_is_not_unpacked() -> None:
    """The hash is checked before the archive is opened."""
    setup = RunSetup()
    setup.model.contents[MODEL] = b"not an archive"
    setup.fails("model_hash_mismatch")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BucketError(), "model_not_readable"),
        (TooLargeError(), "model_too_large"),
        (b"not an archive", "model_archive_rejected"),
        (archive(**{"../x": ""}), "model_archive_rejected"),
        (archive(**{"manifest.json": "{}"}), "model_manifest_invalid"),
    ],
    ids=["not readable", "too large", "no archive", "hostile archive", "bad manifest"],
)
def test_an_unusable_model_is_a_failure(content: bytes | Exception, code: str) -> None:
    """Each kind of unusable archive has its own code."""
    setup = RunSetup()
    setup.model.contents[MODEL] = content
    if isinstance(content, bytes):
        setup.releases(content)
    setup.fails(code)


def test_a_model_that_fails_in_the_middle_leaves_no_partial_results() -> None:
    """If the second batch fails, results of the first batch are not written."""
    setup = RunSetup({f"{number:03}": b"\xff" for number in range(40)})

    class Fragile(Brightness):
        def classify(self, batch: Sequence[job.Pixels]) -> list[Outcome]:
            if setup.batches:
                raise WorkloadError(Failure.MODEL_UNUSABLE)
            return super().classify(batch)

    setup.load = lambda _folder, _manifest: Fragile(setup)
    setup.fails("model_unusable")
    assert len(setup.records()) == 1


class Doubtful(Brightness):
    """A model that gives no valid scores for dark pictures."""

    def classify(self, batch: Sequence[job.Pixels]) -> list[Outcome]:
        """A failure in place of some answers."""
        answers = super().classify(batch)
        return [
            answer if pixels.max() > 127 else PictureFailure.SCORES_INVALID
            for answer, pixels in zip(answers, batch, strict=True)
        ]


def test_a_picture_without_valid_scores_does_not_end_the_run() -> None:
    """It gets a code; the others are classified."""
    setup = RunSetup()
    setup.load = lambda _folder, _manifest: Doubtful(setup)
    assert setup.run() == Summary(classified=1, failed=1)
    assert [r.get("error") for r in setup.records()] == [None, "picture_scores_invalid"]


def test_a_model_without_valid_scores_for_any_picture_ends_the_run() -> None:
    """Pictures that could not be decoded say nothing about the model."""
    setup = RunSetup({"a": b"\x00", "b": b"no", "c": b"\x01"})
    setup.load = lambda _folder, _manifest: Doubtful(setup)
    setup.fails("model_scores_invalid")


def test_pictures_that_cannot_be_decoded_say_nothing_about_the_model() -> None:
    """A run in which every picture is damaged is a run."""
    assert RunSetup({"a": b"no"}).run() == Summary(classified=0, failed=1)


def test_a_model_that_does_not_answer_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread still computes: nothing waits for it."""
    answered = threading.Event()

    class Endless(Brightness):
        def classify(self, batch: Sequence[job.Pixels]) -> list[Outcome]:
            answered.wait()
            return super().classify(batch)

    monkeypatch.setattr(settings, "MODEL_SECONDS", 0)
    setup = RunSetup()
    setup.load = lambda _folder, _manifest: Endless(setup)
    try:
        setup.fails("model_too_slow")
    finally:
        answered.set()


def test_a_model_is_used_on_the_same_threads_again_and_again() -> None:
    """TensorFlow keeps memory of each thread that ever computed, and a worker runs for weeks."""
    threads: set[int | None] = set()

    class Noting(Brightness):
        def classify(self, batch: Sequence[job.Pixels]) -> list[Outcome]:
            threads.add(threading.current_thread().native_id)
            return super().classify(batch)

    setup = RunSetup()
    classifier = job.Classifier(
        origin=checkpoints.Origin(
            model_sha256="c3" * 32, engine="litert", scores="logits", image_digest=None
        ),
        decoders=OneByte(setup),
        model=Noting(setup),
        batch=1,
    )
    for _ in range(batches.THREADS + 1):
        assert len(list(classifier.outcomes(setup.input, setup.input.pictures()))) == 2
    assert len(threads) <= batches.THREADS


@pytest.mark.parametrize("batch", [1, 4])
def test_the_manifest_chooses_the_size_of_a_batch(batch: int) -> None:
    """A batch is always full."""
    setup = RunSetup({f"{number}": b"\xff" for number in range(6)})
    content = archive(
        **{"manifest.json": json.dumps({**MANIFEST, "batch": batch}), "saved_model/graph": "dark"}
    )
    setup.releases(content)
    setup.run()
    assert setup.batches == [batch] * -(-6 // batch)


def golden(score: float = 1.0, index: int = 1, content: str = "\x7e", file: str = "00") -> bytes:
    """An archive with one golden picture, whose answer its owner declares."""
    picture = {
        "file": f"golden/{file}.png",
        "topK": [{"classIndex": index, "score": score}],
        "tolerance": 0.01,
    }
    return archive(
        **{
            "manifest.json": json.dumps({**MANIFEST, "golden": [picture]}),
            "saved_model/graph": "dark",
            "golden/00.png": content,
        }
    )


@pytest.mark.parametrize("score", [1.0, 0.991, 1.009])
def test_a_model_that_gives_its_owners_answers_may_run(score: float) -> None:
    """Up to the tolerance; the golden picture is none of the results."""
    setup = RunSetup()
    setup.releases(golden(score, index=0))
    assert setup.run() == Summary(classified=2, failed=0)


@pytest.mark.parametrize(
    "content",
    [golden(0.98, index=0), golden(1.02, index=0), golden(index=1), golden(content="no")],
    ids=["lower score", "higher score", "another class", "damaged"],
)
def test_a_model_with_other_answers_than_its_owners_classifies_nothing(content: bytes) -> None:
    """A wrong range, engine or processor shows before the operator gets any answer."""
    setup = RunSetup()
    setup.releases(content)
    setup.fails("model_golden_mismatch")


def test_a_golden_picture_must_be_in_the_archive() -> None:
    """A manifest that names another file is not valid."""
    setup = RunSetup()
    setup.releases(golden(file="01"))
    setup.fails("model_manifest_invalid")


def test_the_summary_names_model_engine_and_image(tmp_path: Path) -> None:
    """The model that was agreed on, its engine, and the image that the attestation token names."""
    digest = "sha256:" + "a1" * 32
    token = unsigned({"submods": {"container": {"image_digest": digest}}})
    (tmp_path / "token").write_text(token)
    setup = RunSetup()
    setup.environment["ATTESTATION_TOKEN_FILE"] = str(tmp_path / "token")
    setup.run()
    summary = json.loads(setup.result.objects["summary.json"])
    assert (summary["modelSha256"], summary["engine"], summary["imageDigest"]) == (
        hashlib.sha256(ARCHIVE).hexdigest(),
        "tensorflow-saved-model",
        digest,
    )


def test_an_unexpected_error_becomes_a_code() -> None:
    """The exception is raised further; its text does not reach the operator."""

    def load(_folder: Path, _manifest: Manifest) -> job.Model:
        raise RuntimeError("secret")

    setup = RunSetup()
    setup.load = load
    with pytest.raises(RuntimeError, match="secret"):
        setup.run()
    assert setup.result.objects["result"].startswith("Error: internal_error: ")
    assert "secret" not in setup.result.objects["result"] + setup.result.objects["results.jsonl"]


def test_invalid_settings_are_reported_in_the_result() -> None:
    """If RESULT_URI is valid, the result lists the problems of the other settings."""
    setup = RunSetup()
    setup.environment["MODEL_SHA256"] = "latest"
    setup.fails("settings_invalid")
    assert "MODEL_SHA256 must be" in setup.result.objects["result"]


def test_nothing_private_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model and all temporary files are deleted."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    RunSetup().run()
    assert list(tmp_path.iterdir()) == []
