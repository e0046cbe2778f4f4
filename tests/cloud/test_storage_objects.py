"""Objects, through Google's own client: what goes in comes out, under the same conditions."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
from typing import TYPE_CHECKING

import google_crc32c
import pytest
import requests
from google.api_core import exceptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.storage import Blob, Bucket, Client

    from rehearsal.cloud.state import Cloud

CHUNK = 256 * 1024
BYTES = random.Random(7).randbytes(3 * CHUNK + 17)  # noqa: S311  any bytes will do


@pytest.fixture
def bucket(owner: Client) -> Bucket:
    """A bucket to put objects into."""
    return owner.create_bucket("a-bucket", location="us-west1")


def _multipart(blob: Blob, data: bytes) -> None:
    blob.upload_from_string(data, content_type="text/plain")


def _resumable(blob: Blob, data: bytes) -> None:
    blob.chunk_size = CHUNK
    blob.upload_from_file(io.BytesIO(data), size=len(data), content_type="text/plain")


def _streamed(blob: Blob, data: bytes) -> None:
    with blob.open("wb", chunk_size=CHUNK, content_type="text/plain") as stream:
        stream.write(data)


@pytest.mark.parametrize("upload", [_multipart, _resumable, _streamed])
@pytest.mark.parametrize("size", [0, 1, CHUNK, len(BYTES)])
def test_every_upload_protocol_delivers_the_same_object(
    bucket: Bucket, upload: Callable[[Blob, bytes], None], size: int
) -> None:
    """Bytes, content type and both checksums are those of what was sent."""
    data = BYTES[:size]
    upload(bucket.blob("folder/object"), data)
    stored = bucket.get_blob("folder/object")
    assert stored.download_as_bytes() == data
    assert stored.content_type == "text/plain"
    assert stored.md5_hash == base64.b64encode(hashlib.md5(data).digest()).decode()  # noqa: S324  as Google
    assert stored.crc32c == base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def test_what_the_server_decides_cannot_be_sent(bucket: Bucket) -> None:
    """A writer chooses neither generation, nor time, nor owner of an object."""
    blob = bucket.blob("o")
    forged = {"generation": "7", "timeCreated": "1970-01-01T00:00:00Z", "owner": {"entity": "me"}}
    blob._get_writable_metadata = lambda: {"name": "o"} | forged
    blob.upload_from_string(b"data")
    stored = bucket.get_blob("o")._properties
    assert [key for key in forged if stored.get(key) == forged[key]] == []


def test_a_download_in_chunks_is_whole(bucket: Bucket) -> None:
    """Ranges of a large object join without gap or overlap."""
    bucket.blob("large").upload_from_string(BYTES)
    sink = io.BytesIO()
    bucket.blob("large", chunk_size=CHUNK).download_to_file(sink)
    assert sink.getvalue() == BYTES


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(2, 4, b"234"), (7, None, b"789"), (8, 99, b"89")]
)
def test_a_range_is_inclusive(bucket: Bucket, start: int, end: int | None, expected: bytes) -> None:
    """A range holds both of its ends, and stops where the object does."""
    bucket.blob("digits").upload_from_string(b"0123456789")
    assert bucket.blob("digits").download_as_bytes(start=start, end=end) == expected


def test_a_range_beyond_the_end_is_416(bucket: Bucket) -> None:
    """A range that starts after the last byte cannot be satisfied."""
    bucket.blob("digits").upload_from_string(b"0123456789")
    with pytest.raises(exceptions.RequestRangeNotSatisfiable, match="cannot be satisfied"):
        bucket.blob("digits").download_as_bytes(start=10)


@pytest.mark.parametrize(("checksum", "title"), [("md5_hash", "MD5 hash"), ("crc32c", "CRC32C")])
def test_an_upload_that_arrives_changed_is_refused(
    bucket: Bucket, checksum: str, title: str
) -> None:
    """A checksum that does not fit the bytes is 400, and nothing is stored."""
    blob = bucket.blob("damaged")
    setattr(blob, checksum, base64.b64encode(b"0" * 16).decode())
    with pytest.raises(exceptions.BadRequest, match=f"{title}.*doesn't match calculated"):
        blob.upload_from_string(b"data", checksum=None)
    assert not bucket.blob("damaged").exists()


@pytest.mark.parametrize("name", ["dir with space/ü✓.png", "a%2Fb", "q?x=1&y#z", "+plus", "..."])
def test_a_name_is_any_text(bucket: Bucket, name: str) -> None:
    """Names survive the way there, back, and through a listing."""
    bucket.blob(name).upload_from_string(name)
    assert bucket.blob(name).download_as_text() == name
    assert [blob.name for blob in bucket.list_blobs()] == [name]


@pytest.mark.parametrize("name", ["n" * 1025, "line\nbreak", "."])
def test_some_names_are_none(bucket: Bucket, name: str) -> None:
    """More than 1,024 bytes, a line break, or a name for folders only, is 400."""
    with pytest.raises(exceptions.BadRequest, match="Invalid object name"):
        bucket.blob(name).upload_from_string(b"")


@pytest.fixture
def tree(bucket: Bucket) -> Bucket:
    """A bucket with two folders."""
    for name in ("l/1", "l/2", "l/s/3", "l/s/4", "l/z", "m/1"):
        bucket.blob(name).upload_from_string(name)
    return bucket


@pytest.mark.parametrize("page_size", [1, 2, 3, None])
def test_pages_of_a_listing_join(tree: Bucket, page_size: int | None) -> None:
    """Whatever the page size, every object comes once, in order."""
    listing = tree.list_blobs(prefix="l/", page_size=page_size)
    assert [blob.name for blob in listing] == ["l/1", "l/2", "l/s/3", "l/s/4", "l/z"]


@pytest.mark.parametrize("page_size", [1, 2, 3, None])
def test_a_delimiter_folds_folders(tree: Bucket, page_size: int | None) -> None:
    """What lies beyond the delimiter is named once, as a prefix."""
    listing = tree.list_blobs(prefix="l/", delimiter="/", page_size=page_size)
    assert [blob.name for blob in listing] == ["l/1", "l/2", "l/z"]
    assert listing.prefixes == {"l/s/"}


def _generation_0(bucket: Bucket) -> None:
    bucket.blob("o").upload_from_string(b"new", if_generation_match=0)


def _generation_0_resumable(bucket: Bucket) -> None:
    bucket.blob("o").create_resumable_upload_session(if_generation_match=0)


def _old_generation(bucket: Bucket) -> None:
    bucket.blob("o").delete(if_generation_match=1)


def _metageneration(bucket: Bucket) -> None:
    blob = bucket.get_blob("o")
    blob.metadata = {"k": "v"}
    blob.patch(if_metageneration_match=2)


@pytest.mark.parametrize(
    "write",
    [
        _generation_0,
        _generation_0_resumable,
        _old_generation,
        _metageneration,
    ],
)
def test_a_precondition_that_fails_is_412_and_changes_nothing(
    bucket: Bucket, write: Callable[[Bucket], None]
) -> None:
    """Who asks for another state than there is gets neither."""
    bucket.blob("o").upload_from_string(b"old")
    before = bucket.get_blob("o")._properties
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions"):
        write(bucket)
    assert bucket.get_blob("o")._properties == before
    assert bucket.get_blob("o").download_as_bytes() == b"old"


def test_an_overwritten_generation_cannot_be_read(bucket: Bucket) -> None:
    """A write changes the generation, and only the live one exists."""
    bucket.blob("o").upload_from_string(b"old")
    old = bucket.get_blob("o").generation
    bucket.blob("o").upload_from_string(b"new", if_generation_match=old)
    assert bucket.get_blob("o").generation > old
    with pytest.raises(exceptions.NotFound, match="No such object: a-bucket/o"):
        bucket.blob("o", generation=old).download_as_bytes()


def test_settings_of_an_object_change_without_its_content(bucket: Bucket) -> None:
    """A patch raises the metageneration and leaves the generation."""
    blob = bucket.blob("o")
    blob.cache_control, blob.metadata = "no-store", {"k": "v", "gone": "1"}
    blob.upload_from_string(b"data")
    blob.metadata = {"k": "w", "gone": None}
    blob.patch()
    changed = bucket.get_blob("o")
    assert (changed.metadata, changed.cache_control) == ({"k": "w"}, "no-store")
    assert (changed.metageneration, changed.generation) == (2, blob.generation)


def test_a_deleted_object_is_gone(bucket: Bucket) -> None:
    """It cannot be read, nor deleted twice."""
    bucket.blob("o").upload_from_string(b"data")
    bucket.blob("o").delete()
    assert not bucket.blob("o").exists()
    with pytest.raises(exceptions.NotFound, match="No such object: a-bucket/o"):
        bucket.blob("o").delete()


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_gzip_is_unpacked_only_for_who_does_not_accept_it(
    bucket: Bucket, cloud: Cloud, accepted: str
) -> None:
    """Stored as gzip, an object is served as such, or unpacked by the server."""
    blob = bucket.blob("z")
    blob.content_encoding = "gzip"
    blob.upload_from_string(gzip.compress(b"plain"), content_type="text/plain")
    answer = requests.get(
        blob.media_link,
        headers={
            "Authorization": f"Bearer {cloud.mint('user:deployer@primus.example')}",
            "Accept-Encoding": accepted,
        },
        timeout=10,
    )
    assert answer.content == b"plain"
    assert answer.headers.get("content-encoding", "identity") == accepted
    assert answer.headers["content-type"] == "text/plain"
    assert f"crc32c={blob.crc32c}" in answer.headers["x-goog-hash"]


def compressed(bucket: Bucket, cloud: Cloud, cache_control: str | None = None) -> requests.Response:
    """What a reader gets of a compressed object who accepts none, and asks for a part of it."""
    blob = bucket.blob("z")
    blob.content_encoding, blob.cache_control = "gzip", cache_control
    blob.upload_from_string(gzip.compress(b"plain"), content_type="text/plain")
    headers = {
        "Authorization": f"Bearer {cloud.mint('user:deployer@primus.example')}",
        "Accept-Encoding": "identity",
        "Range": "bytes=1-3",
    }
    return requests.get(blob.media_link, headers=headers, timeout=10, stream=True)


def test_what_is_unpacked_on_the_way_has_neither_range_nor_length(
    bucket: Bucket, cloud: Cloud
) -> None:
    """All of it comes, whatever range was asked for; how it is stored is told."""
    answer = compressed(bucket, cloud)
    assert (answer.status_code, answer.content) == (200, b"plain")
    assert not {"content-length", "content-encoding"} & answer.headers.keys()
    assert answer.headers["x-goog-stored-content-encoding"] == "gzip"


def test_what_may_not_be_transformed_is_served_as_stored(bucket: Bucket, cloud: Cloud) -> None:
    """Cache-Control forbids to unpack it; a range is one of the stored bytes."""
    answer = compressed(bucket, cloud, "public, no-transform")
    assert (answer.status_code, answer.headers["content-encoding"]) == (206, "gzip")


def test_an_upload_is_resumed_where_it_broke_off(bucket: Bucket, cloud: Cloud) -> None:
    """Asked how much arrived, the session tells; the rest completes the object."""
    session = bucket.blob("o").create_resumable_upload_session()
    first = {"Content-Range": "bytes 0-3/10"}
    assert requests.put(session, b"0123", headers=first, timeout=10).status_code == 308
    asked = requests.put(session, headers={"Content-Range": "bytes */10"}, timeout=10)
    assert asked.headers["range"] == "bytes=0-3"
    rest = {"Content-Range": "bytes 4-9/10"}
    assert requests.put(session, b"456789", headers=rest, timeout=10).status_code == 200
    assert cloud.buckets["a-bucket"].objects["o"].data == b"0123456789"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("multipart/related", b"{}"), ("multipart/related; boundary=x", b"--x\r\n\r\n{}\r\n--x--")],
)
def test_a_malformed_multipart_body_is_400(
    bucket: Bucket, cloud: Cloud, content_type: str, body: bytes
) -> None:
    """Neither a missing boundary nor a missing part brings the service down."""
    answer = requests.post(
        f"https://storage.googleapis.com/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart",
        body,
        headers={
            "Authorization": f"Bearer {cloud.mint('user:deployer@primus.example')}",
            "Content-Type": content_type,
        },
        timeout=10,
    )
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "Malformed multipart body.",
    )
