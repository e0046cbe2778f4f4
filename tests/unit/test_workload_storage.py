"""Buckets as the job sees them: Google's own client against the local cloud's storage."""

from __future__ import annotations

import hashlib
import random
import warnings
from typing import TYPE_CHECKING

import pytest
from google.oauth2.credentials import Credentials

from sandbox.server import running
from workload.errors import BucketError, ChangedError, TooLargeError, VanishedError
from workload.records import Picture

with warnings.catch_warnings():
    # google-api-core tells everybody about a package that only gRPC users want.
    warnings.simplefilter("ignore", ImportWarning)
    from google.cloud.storage import Client

    from workload import storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.state import Cloud

ADMIN = "user:deployer@secundus.example"
ACCOUNT = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
INPUT, RESULT = "secundus-vision-input-bucket", "secundus-vision-result-bucket"


def identity(cloud: Cloud, member: str) -> Credentials:
    """Credentials that speak for a member."""
    return Credentials(cloud.mint(member))  # type: ignore[no-untyped-call]  # google-auth is typed in part


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A local cloud with both buckets, in which the workload's account holds its real roles."""
    with pytest.MonkeyPatch.context() as patch, running() as local:
        patch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        for name, value in local.environment().items():
            patch.setenv(name, value)
        project = local.cloud.add_project("secundus-vision", "222222222222")
        project.policy.bindings = [{"role": "roles/storage.admin", "members": [ADMIN]}]
        admin = Client("secundus-vision", identity(local.cloud, ADMIN))
        for bucket, role in ((INPUT, "objectViewer"), (RESULT, "objectUser")):
            admin.create_bucket(bucket, location="us-west1")
            local.cloud.buckets[bucket].policy.bindings.append(
                {"role": f"roles/storage.{role}", "members": [ACCOUNT]}
            )
        for name in ("b.png", "a ü/c.png", "folder/"):
            admin.bucket(INPUT).blob(name).upload_from_string(f"content of {name}")
        yield local.cloud


@pytest.fixture
def pictures(cloud: Cloud) -> storage.Bucket:
    """The input bucket as the workload's account sees it."""
    return storage.seen_by(identity(cloud, ACCOUNT))(INPUT)


@pytest.fixture
def results(cloud: Cloud) -> storage.Bucket:
    """The result bucket as the workload's account sees it."""
    return storage.seen_by(identity(cloud, ACCOUNT))(RESULT)


def test_pictures_are_listed_by_name_without_folders(pictures: storage.Bucket) -> None:
    """Every object in the order of names; the place-holder of a folder is no picture."""
    listed = list(pictures.pictures())
    assert [picture.name for picture in listed] == ["a ü/c.png", "b.png"]
    assert [picture.size for picture in listed] == [
        len(pictures.read(picture, 100)) for picture in listed
    ]


def test_a_picture_is_read(pictures: storage.Bucket) -> None:
    """The bytes of the listed generation."""
    first, _ = pictures.pictures()
    assert pictures.read(first, 100) == "content of a ü/c.png".encode()


def test_another_generation_is_not_read(pictures: storage.Bucket) -> None:
    """A picture that was replaced after the listing is not taken for the listed one."""
    with pytest.raises(ChangedError):
        pictures.read(Picture(name="b.png", generation="1"), 100)


def test_a_picture_that_vanished_is_told_from_one_that_changed(pictures: storage.Bucket) -> None:
    """Of a name that has no generation any more, the listed one has vanished."""
    with pytest.raises(VanishedError):
        pictures.read(Picture(name="gone.png", generation="1"), 100)


def test_a_picture_that_is_not_granted_has_not_vanished(cloud: Cloud) -> None:
    """403 is neither: whoever may not look does not know."""
    stranger = storage.seen_by(identity(cloud, "user:stranger@example.com"))(INPUT)
    with pytest.raises(BucketError) as caught:
        stranger.read(Picture(name="gone.png", generation="1"), 100)
    assert caught.type is BucketError


def test_a_picture_is_read_up_to_the_limit(pictures: storage.Bucket) -> None:
    """Exactly the limit is read, a byte more is not."""
    *_, last = pictures.pictures()
    size = len(b"content of b.png")
    assert len(pictures.read(last, size)) == size
    with pytest.raises(TooLargeError):
        pictures.read(last, size - 1)


def test_an_object_is_fetched_and_hashed(pictures: storage.Bucket, tmp_path: Path) -> None:
    """The file holds the object, and the hash is that of its bytes."""
    digest = pictures.fetch("b.png", tmp_path / "b", 100)
    assert (tmp_path / "b").read_bytes() == b"content of b.png"
    assert digest == hashlib.sha256(b"content of b.png").hexdigest()


def test_an_object_is_fetched_up_to_the_limit(pictures: storage.Bucket, tmp_path: Path) -> None:
    """A larger object is not fetched, whatever its metadata says."""
    with pytest.raises(TooLargeError):
        pictures.fetch("b.png", tmp_path / "b", 3)


def test_a_missing_object_is_not_fetched(pictures: storage.Bucket, tmp_path: Path) -> None:
    """404 is a BucketError."""
    with pytest.raises(BucketError):
        pictures.fetch("none", tmp_path / "none", 100)


def test_results_are_written_replaced_and_removed(
    cloud: Cloud, results: storage.Bucket, tmp_path: Path
) -> None:
    """The role of the workload's account is enough for all that is done to a result."""
    (tmp_path / "new").write_text("new")
    for _ in range(2):
        results.write("result", tmp_path / "new", "text/plain")
    assert cloud.buckets[RESULT].objects["result"].data == b"new"
    for _ in range(2):
        results.remove("result")
    assert "result" not in cloud.buckets[RESULT].objects


@pytest.mark.parametrize("more", [-1, 0, 1, storage.PIECE, storage.PIECE + 1])
def test_objects_of_any_size_are_written_whole(
    more: int, cloud: Cloud, results: storage.Bucket, tmp_path: Path
) -> None:
    """At once or in pieces, the last of which may be full, or of one byte."""
    content = random.Random(more).randbytes(storage.PIECE + more)  # noqa: S311  no secret
    (tmp_path / "new").write_bytes(content)
    results.write("result", tmp_path / "new", "text/plain")
    assert cloud.buckets[RESULT].objects["result"].data == content


def test_names_are_listed_by_what_they_begin_with(results: storage.Bucket, tmp_path: Path) -> None:
    """What is in the folder, in order; not what is beside it."""
    (tmp_path / "part").write_text("part")
    for name in ("parts/00001.jsonl", "parts/00000.jsonl", "parts.txt"):
        results.write(name, tmp_path / "part", "application/jsonl")
    assert list(results.names("parts/")) == ["parts/00000.jsonl", "parts/00001.jsonl"]


def test_what_is_not_granted_is_a_bucket_error(
    cloud: Cloud, pictures: storage.Bucket, tmp_path: Path
) -> None:
    """403 is a BucketError in each of the six methods."""
    (tmp_path / "new").write_text("new")
    stranger = storage.seen_by(identity(cloud, "user:stranger@example.com"))(INPUT)
    with pytest.raises(BucketError):
        list(stranger.pictures())
    with pytest.raises(BucketError):
        list(stranger.names("parts/"))
    with pytest.raises(BucketError):
        stranger.read(next(pictures.pictures()), 100)
    with pytest.raises(BucketError):
        stranger.fetch("b.png", tmp_path / "b", 100)
    with pytest.raises(BucketError):
        stranger.write("b.png", tmp_path / "new", "text/plain")
    with pytest.raises(BucketError):
        stranger.remove("b.png")


def test_google_is_asked_for_nothing_else(cloud: Cloud, pictures: storage.Bucket) -> None:
    """The image's environment keeps the client library from reading buckets' metadata."""
    cloud.audit.clear()
    list(pictures.pictures())
    assert {entry.permission for entry in cloud.audit} == {"storage.objects.list"}
