"""Objects, through Google's own client: uploads, downloads, listings, preconditions."""

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
def test_each_upload_protocol_creates_the_same_object(
    bucket: Bucket, upload: Callable[[Blob, bytes], None], size: int
) -> None:
    """Bytes, content type and both checksums are those of the sent content."""
    data = BYTES[:size]
    upload(bucket.blob("folder/object"), data)
    stored = bucket.get_blob("folder/object")
    assert stored.download_as_bytes() == data
    assert stored.content_type == "text/plain"
    assert stored.md5_hash == base64.b64encode(hashlib.md5(data).digest()).decode()  # noqa: S324  as Google
    assert stored.crc32c == base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode()


def test_the_server_ignores_fields_that_it_sets_itself(bucket: Bucket) -> None:
    """A writer chooses neither generation, nor time, nor owner of an object."""
    blob = bucket.blob("o")
    forged = {"generation": "7", "timeCreated": "1970-01-01T00:00:00Z", "owner": {"entity": "me"}}
    blob._get_writable_metadata = lambda: {"name": "o"} | forged
    blob.upload_from_string(b"data")
    stored = bucket.get_blob("o")._properties
    assert [key for key in forged if stored.get(key) == forged[key]] == []


def test_a_download_in_chunks_is_complete(bucket: Bucket) -> None:
    """Ranges of a large object join without gap or overlap."""
    bucket.blob("large").upload_from_string(BYTES)
    sink = io.BytesIO()
    bucket.blob("large", chunk_size=CHUNK).download_to_file(sink)
    assert sink.getvalue() == BYTES


@pytest.mark.parametrize(
    ("start", "end", "expected"), [(2, 4, b"234"), (7, None, b"789"), (8, 99, b"89")]
)
def test_a_range_includes_both_its_ends(
    bucket: Bucket, start: int, end: int | None, expected: bytes
) -> None:
    """And stops at the object's end."""
    bucket.blob("digits").upload_from_string(b"0123456789")
    assert bucket.blob("digits").download_as_bytes(start=start, end=end) == expected


def test_a_range_beyond_the_end_is_416(bucket: Bucket) -> None:
    """A range that starts after the last byte cannot be satisfied."""
    bucket.blob("digits").upload_from_string(b"0123456789")
    with pytest.raises(exceptions.RequestRangeNotSatisfiable, match="cannot be satisfied"):
        bucket.blob("digits").download_as_bytes(start=10)


@pytest.mark.parametrize(("checksum", "title"), [("md5_hash", "MD5 hash"), ("crc32c", "CRC32C")])
def test_an_upload_with_a_wrong_checksum_is_refused(
    bucket: Bucket, checksum: str, title: str
) -> None:
    """400, and nothing is stored."""
    blob = bucket.blob("damaged")
    setattr(blob, checksum, base64.b64encode(b"0" * 16).decode())
    with pytest.raises(exceptions.BadRequest, match=f"{title}.*doesn't match calculated"):
        blob.upload_from_string(b"data", checksum=None)
    assert not bucket.blob("damaged").exists()


@pytest.mark.parametrize("name", ["dir with space/ü✓.png", "a%2Fb", "q?x=1&y#z", "+plus", "..."])
def test_an_object_name_may_be_any_text(bucket: Bucket, name: str) -> None:
    """It is the same after upload, download and listing."""
    bucket.blob(name).upload_from_string(name)
    assert bucket.blob(name).download_as_text() == name
    assert [blob.name for blob in bucket.list_blobs()] == [name]


@pytest.mark.parametrize("name", ["n" * 1025, "line\nbreak", "."])
def test_an_invalid_object_name_is_400(bucket: Bucket, name: str) -> None:
    """More than 1,024 bytes, a line break, or a name for folders only."""
    with pytest.raises(exceptions.BadRequest, match="Invalid object name"):
        bucket.blob(name).upload_from_string(b"")


@pytest.fixture
def tree(bucket: Bucket) -> Bucket:
    """A bucket with two folders."""
    for name in ("l/1", "l/2", "l/s/3", "l/s/4", "l/z", "m/1"):
        bucket.blob(name).upload_from_string(name)
    return bucket


def test_a_listing_can_begin_at_a_name(tree: Bucket) -> None:
    """At the name itself, if there is such an object; in pages, too."""
    for size in (None, 1):
        listing = tree.list_blobs(start_offset="l/s/3", page_size=size)
        assert [blob.name for blob in listing][:3] == ["l/s/3", "l/s/4", "l/z"]
    assert [blob.name for blob in tree.list_blobs(start_offset="l/s/30")][:2] == ["l/s/4", "l/z"]


def test_a_filter_that_is_not_modelled_is_refused(tree: Bucket) -> None:
    """And not ignored: the listing would be too long, and nobody would notice."""
    with pytest.raises(exceptions.BadRequest, match="Not modelled in a listing: endOffset"):
        list(tree.list_blobs(end_offset="l/s"))


@pytest.mark.parametrize("page_size", [1, 2, 3, None])
def test_the_pages_of_a_listing_hold_each_object_once(tree: Bucket, page_size: int | None) -> None:
    """In order, whatever the page size."""
    listing = tree.list_blobs(prefix="l/", page_size=page_size)
    assert [blob.name for blob in listing] == ["l/1", "l/2", "l/s/3", "l/s/4", "l/z"]


@pytest.mark.parametrize("page_size", [1, 2, 3, None])
def test_a_delimiter_groups_objects_into_prefixes(tree: Bucket, page_size: int | None) -> None:
    """Each folder is listed once."""
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
def test_a_failed_precondition_is_412_and_changes_nothing(
    bucket: Bucket, write: Callable[[Bucket], None]
) -> None:
    """The object stays as it was."""
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


def test_a_patch_changes_the_settings_and_not_the_content(bucket: Bucket) -> None:
    """It raises the metageneration and leaves the generation."""
    blob = bucket.blob("o")
    blob.cache_control, blob.metadata = "no-store", {"k": "v", "gone": "1"}
    blob.upload_from_string(b"data")
    blob.metadata = {"k": "w", "gone": None}
    blob.patch()
    changed = bucket.get_blob("o")
    assert (changed.metadata, changed.cache_control) == ({"k": "w"}, "no-store")
    assert (changed.metageneration, changed.generation) == (2, blob.generation)


def test_a_deleted_object_is_404(bucket: Bucket) -> None:
    """It can be neither read nor deleted again."""
    bucket.blob("o").upload_from_string(b"data")
    bucket.blob("o").delete()
    assert not bucket.blob("o").exists()
    with pytest.raises(exceptions.NotFound, match="No such object: a-bucket/o"):
        bucket.blob("o").delete()


@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_gzip_is_decompressed_only_for_a_client_that_does_not_accept_it(
    bucket: Bucket, cloud: Cloud, accepted: str
) -> None:
    """Other clients get the stored bytes."""
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
    """The response for a range of a compressed object to a client that accepts no compression."""
    blob = bucket.blob("z")
    blob.content_encoding, blob.cache_control = "gzip", cache_control
    blob.upload_from_string(gzip.compress(b"plain"), content_type="text/plain")
    headers = {
        "Authorization": f"Bearer {cloud.mint('user:deployer@primus.example')}",
        "Accept-Encoding": "identity",
        "Range": "bytes=1-3",
    }
    return requests.get(blob.media_link, headers=headers, timeout=10, stream=True)


def test_a_decompressed_response_has_neither_range_nor_length(bucket: Bucket, cloud: Cloud) -> None:
    """It is the whole object, whatever the range; a header names the stored encoding."""
    answer = compressed(bucket, cloud)
    assert (answer.status_code, answer.content) == (200, b"plain")
    assert not {"content-length", "content-encoding"} & answer.headers.keys()
    assert answer.headers["x-goog-stored-content-encoding"] == "gzip"


def test_an_object_with_no_transform_is_served_as_stored(bucket: Bucket, cloud: Cloud) -> None:
    """Cache-Control forbids to decompress it; a range is one of the stored bytes."""
    answer = compressed(bucket, cloud, "public, no-transform")
    assert (answer.status_code, answer.headers["content-encoding"]) == (206, "gzip")


def test_a_copy_has_the_content_and_the_settings_of_its_source(bucket: Bucket) -> None:
    """And a generation of its own; the source stays."""
    source = bucket.blob("from/a b")
    source.metadata = {"k": "v"}
    source.upload_from_string(b"data", content_type="text/plain")
    copied = bucket.blob("to/a b")
    copied.rewrite(source)
    assert copied.download_as_bytes() == source.download_as_bytes() == b"data"
    assert (copied.metadata, copied.content_type) == ({"k": "v"}, "text/plain")
    assert copied.generation > source.generation


def test_a_copy_may_have_settings_of_its_own(bucket: Bucket) -> None:
    """All of them then come from the request, and none from the source."""
    source = bucket.blob("o")
    source.metadata = {"k": "v"}
    source.upload_from_string(b"data", content_type="text/plain")
    copied = bucket.blob("c")
    copied.content_type = "text/html"
    copied.rewrite(source)
    assert (copied.metadata, copied.content_type) == (None, "text/html")


def test_a_copy_needs_its_source(bucket: Bucket) -> None:
    """404 in the words of a read, also for a generation that is no longer there."""
    copied = bucket.blob("c")
    with pytest.raises(exceptions.NotFound, match="No such object: a-bucket/o"):
        copied.rewrite(bucket.blob("o"))
    bucket.blob("o").upload_from_string(b"data")
    with pytest.raises(exceptions.NotFound, match="No such object: a-bucket/o"):
        copied.rewrite(bucket.blob("o", generation=1))
    assert not bucket.blob("c").exists()


def test_a_precondition_of_a_copy_is_on_its_target(bucket: Bucket) -> None:
    """Zero means that the target must not exist yet, whatever the source's generation."""
    bucket.blob("o").upload_from_string(b"data")
    bucket.blob("c").rewrite(bucket.blob("o"), if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed, match="pre-conditions"):
        bucket.blob("c").rewrite(bucket.blob("o"), if_generation_match=0)


def test_a_resumable_upload_continues_at_the_last_byte(bucket: Bucket, cloud: Cloud) -> None:
    """The session tells how many bytes arrived; the rest completes the object."""
    session = bucket.blob("o").create_resumable_upload_session()
    first = {"Content-Range": "bytes 0-3/10"}
    assert requests.put(session, b"0123", headers=first, timeout=10).status_code == 308
    answer = requests.put(session, headers={"Content-Range": "bytes */10"}, timeout=10)
    assert answer.headers["range"] == "bytes=0-3"
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
    """A missing boundary or part does not crash the service."""
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


def test_a_versioned_bucket_keeps_what_is_overwritten_or_deleted(
    bucket: Bucket, cloud: Cloud
) -> None:
    """Until its generation is deleted; the bucket is not empty before."""
    bucket.versioning_enabled = True
    bucket.patch()
    blob = bucket.blob("a")
    generations = []
    for content in ("one", "two"):
        blob.upload_from_string(content)
        generations.append(int(blob.generation))
    bucket.blob("a").delete()
    assert [each.name for each in bucket.list_blobs()] == []
    kept = [*bucket.list_blobs(versions=True, page_size=1)]
    assert [int(each.generation) for each in kept] == generations
    assert all(each.time_deleted for each in kept)
    first = bucket.blob("a", generation=generations[0])
    assert first.download_as_bytes() == b"one"
    with pytest.raises(exceptions.NotFound):
        bucket.blob("a").download_as_bytes()
    with pytest.raises(exceptions.Conflict, match="not empty"):
        bucket.delete()
    for each in kept:
        each.delete()
    bucket.delete()
    assert bucket.name not in cloud.buckets


@pytest.mark.parametrize("metadata", [b"{", b"", b'{"name": "\\ud800"}', b"[" * 100_000])
def test_metadata_that_is_no_json_object_is_400(
    bucket: Bucket, cloud: Cloud, metadata: bytes
) -> None:
    """Nor does that crash the service."""
    answer = requests.post(
        f"https://storage.googleapis.com/upload/storage/v1/b/{bucket.name}/o?uploadType=multipart",
        b"--x\r\n\r\n" + metadata + b"\r\n--x\r\n\r\npicture\r\n--x--",
        headers={
            "Authorization": f"Bearer {cloud.mint('user:deployer@primus.example')}",
            "Content-Type": "multipart/related; boundary=x",
        },
        timeout=10,
    )
    assert answer.status_code == 400
    assert "Invalid JSON payload" in answer.json()["error"]["message"]
