"""The job's buckets: Google's own client with the local cloud's storage."""

from __future__ import annotations

import gzip
import hashlib
import random
import tracemalloc
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from google.oauth2.credentials import Credentials

from rehearsal.cloud.http.server import running
from workload.decoding import image_limits
from workload.errors import (
    BucketError,
    ChangedError,
    EncodingError,
    TooLargeError,
    VanishedError,
)
from workload.records import Picture

with warnings.catch_warnings():
    # google-api-core tells everybody about a package that only gRPC users want.
    warnings.simplefilter("ignore", ImportWarning)
    from google.cloud.storage import Client

    from workload import storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.state import Cloud

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
    return storage.buckets_as(identity(cloud, ACCOUNT))(INPUT)


@pytest.fixture
def results(cloud: Cloud) -> storage.Bucket:
    """The result bucket as the workload's account sees it."""
    return storage.buckets_as(identity(cloud, ACCOUNT))(RESULT)


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
    """A picture that was replaced after the listing is not read."""
    with pytest.raises(ChangedError):
        pictures.read(Picture(name="b.png", generation="1"), 100)


def test_a_deleted_picture_and_a_changed_picture_have_different_errors(
    pictures: storage.Bucket,
) -> None:
    """Of a name that has no generation any more, the listed one has vanished."""
    with pytest.raises(VanishedError):
        pictures.read(Picture(name="gone.png", generation="1"), 100)


def test_a_picture_without_a_grant_is_not_reported_as_deleted(cloud: Cloud) -> None:
    """403 means neither."""
    stranger = storage.buckets_as(identity(cloud, "user:stranger@example.com"))(INPUT)
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


def compressed(cloud: Cloud, content: bytes, encoding: str = "gzip") -> Picture:
    """A picture with this content and encoding, as it is listed."""
    blob = Client("-", identity(cloud, ADMIN)).bucket(INPUT).blob("z/compressed.png")
    blob.content_encoding = encoding
    blob.upload_from_string(content)
    return Picture(name=blob.name, generation=str(blob.generation), size=len(content))


@pytest.fixture
def plain(cloud: Cloud) -> Iterator[bytes]:
    """A picture's bytes, which a test stores in its own way; nothing of it stays."""
    yield random.Random(3).randbytes(50_000)  # noqa: S311  no secret
    cloud.buckets[INPUT].objects.pop("z/compressed.png", None)


@pytest.mark.parametrize("members", [1, 3])
def test_a_picture_that_is_stored_compressed_is_read_decompressed(
    members: int, cloud: Cloud, pictures: storage.Bucket, plain: bytes
) -> None:
    """The bytes that everybody's client reads, in one member of gzip or in several."""
    share = -(-len(plain) // members)
    packed = b"".join(gzip.compress(plain[at : at + share]) for at in range(0, len(plain), share))
    picture = compressed(cloud, packed)
    blob = Client("-", identity(cloud, ACCOUNT)).bucket(INPUT).blob(picture.name)
    assert pictures.read(picture, 100_000) == blob.download_as_bytes() == plain


def test_a_compressed_picture_is_listed_with_the_largest_size(
    cloud: Cloud, pictures: storage.Bucket, plain: bytes
) -> None:
    """So the limit for downloads ahead includes its decompressed size."""
    picture = compressed(cloud, gzip.compress(plain))
    sizes = {each.name: each.size for each in pictures.pictures()}
    assert sizes[picture.name] == image_limits.MAX_FILE_BYTES


@pytest.mark.parametrize("listed", [0, image_limits.MAX_FILE_BYTES])
def test_the_limit_is_of_the_decompressed_bytes(
    listed: int, cloud: Cloud, pictures: storage.Bucket, plain: bytes
) -> None:
    """300 MB in a third of one are too large, and are not made; so is one byte too many."""
    picture = replace(compressed(cloud, gzip.compress(plain)), size=listed)
    assert pictures.read(picture, len(plain) + 20_000) == plain
    bomb = replace(compressed(cloud, gzip.compress(bytes(300 * 1024**2), 1)), size=listed)
    tracemalloc.start()
    try:
        with pytest.raises(TooLargeError):
            pictures.read(bomb, 20 * 1024**2)
        assert tracemalloc.get_traced_memory()[1] < 80 * 1024**2
    finally:
        tracemalloc.stop()
    one_more = replace(compressed(cloud, gzip.compress(bytes(100_001))), size=listed)
    with pytest.raises(TooLargeError):
        pictures.read(one_more, 100_000)


@pytest.mark.parametrize("spoil", ["never compressed", "cut", "damaged", "checksum"])
def test_a_picture_with_invalid_gzip_is_an_encoding_error(
    spoil: str, cloud: Cloud, pictures: storage.Bucket, plain: bytes
) -> None:
    """Google's own client fails, too."""
    packed = gzip.compress(plain)
    content = {
        "never compressed": plain,
        "cut": packed[:-100],
        "damaged": packed[:1000] + b"\xff" * 50 + packed[1050:],
        "checksum": packed[:-8] + bytes(4) + packed[-4:],
    }[spoil]
    with pytest.raises(EncodingError):
        pictures.read(compressed(cloud, content), 100_000)


def test_another_encoding_is_read_as_stored(
    cloud: Cloud, pictures: storage.Bucket, plain: bytes
) -> None:
    """Google decompresses no other."""
    assert pictures.read(compressed(cloud, plain, "br"), 100_000) == plain


def test_an_encoding_that_was_set_after_the_listing_is_used(
    cloud: Cloud, pictures: storage.Bucket, plain: bytes
) -> None:
    """Metadata may change within a generation: the download's response counts."""
    picture = compressed(cloud, gzip.compress(plain), "identity")
    blob = Client("-", identity(cloud, ADMIN)).bucket(INPUT).blob(picture.name)
    blob.content_encoding = "gzip"
    blob.patch()
    assert pictures.read(picture, 100_000) == plain


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


def test_results_are_written_replaced_and_deleted(
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


def test_only_the_given_generation_is_deleted(
    cloud: Cloud, results: storage.Bucket, tmp_path: Path
) -> None:
    """Each write creates a new generation; a later one is not deleted."""
    (tmp_path / "new").write_text("new")
    first, second = (results.write("mark", tmp_path / "new", "text/plain") for _ in range(2))
    assert first != second
    assert results.generation("mark") == second
    results.remove("mark", first)
    assert results.generation("mark") == second
    results.remove("mark", second)
    assert results.generation("mark") is None
    results.remove("mark", second)
    assert "mark" not in cloud.buckets[RESULT].objects


def test_writing_a_large_object_returns_its_generation(
    results: storage.Bucket, tmp_path: Path
) -> None:
    """A chunked upload returns it with the last chunk."""
    (tmp_path / "new").write_bytes(bytes(2 * storage.UPLOAD_BYTES + 1))
    assert results.write("mark", tmp_path / "new", "text/plain") == results.generation("mark")


@pytest.mark.parametrize("more", [-1, 0, 1, storage.UPLOAD_BYTES, storage.UPLOAD_BYTES + 1])
def test_objects_of_any_size_are_written_completely(
    more: int, cloud: Cloud, results: storage.Bucket, tmp_path: Path
) -> None:
    """At once or in pieces, the last of which may be full, or of one byte."""
    content = random.Random(more).randbytes(storage.UPLOAD_BYTES + more)  # noqa: S311  no secret
    (tmp_path / "new").write_bytes(content)
    results.write("result", tmp_path / "new", "text/plain")
    assert cloud.buckets[RESULT].objects["result"].data == content


def test_names_are_listed_by_prefix(results: storage.Bucket, tmp_path: Path) -> None:
    """In order, and only those with the prefix."""
    (tmp_path / "part").write_text("part")
    for name in ("parts/00001.jsonl", "parts/00000.jsonl", "parts.txt"):
        results.write(name, tmp_path / "part", "application/jsonl")
    assert list(results.names("parts/")) == ["parts/00000.jsonl", "parts/00001.jsonl"]


def test_a_missing_permission_is_a_bucket_error(
    cloud: Cloud, pictures: storage.Bucket, tmp_path: Path
) -> None:
    """403 is a BucketError in each of the six methods."""
    (tmp_path / "new").write_text("new")
    stranger = storage.buckets_as(identity(cloud, "user:stranger@example.com"))(INPUT)
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


def test_no_other_request_is_sent_to_google(cloud: Cloud, pictures: storage.Bucket) -> None:
    """The image's environment keeps the client library from reading buckets' metadata."""
    cloud.audit.clear()
    list(pictures.pictures())
    assert {entry.permission for entry in cloud.audit} == {"storage.objects.list"}
