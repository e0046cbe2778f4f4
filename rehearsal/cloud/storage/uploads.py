"""How an object is written: by one multipart request, by a resumable upload, or as a copy.

https://docs.cloud.google.com/storage/docs/uploads-downloads
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import google_crc32c
from starlette.responses import Response

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.routing import json_object
from rehearsal.cloud.state import StoredObject
from rehearsal.cloud.storage import notifications, versions
from rehearsal.cloud.storage.bucket_iam import authorize
from rehearsal.cloud.storage.buckets import timestamp
from rehearsal.cloud.storage.objects import WRITABLE, check_preconditions, live

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Bucket, Cloud, Json

HOST = "https://storage.googleapis.com"
NAME_BYTES = 1024
"""https://docs.cloud.google.com/storage/docs/objects#naming"""
CHECKSUMS = {"crc32c": "CRC32C", "md5Hash": "MD5 hash"}
"""The field of an object's metadata -> its name in errors."""


@dataclass
class Upload:
    """An upload: its caller, its target, its preconditions, and the bytes that have arrived."""

    who: Caller
    bucket: str
    meta: Json
    query: Mapping[str, str]
    data: bytearray = field(default_factory=bytearray)

    @property
    def name(self) -> str:
        """The object's name; ApiError 400 if it is not valid."""
        name: str = self.meta.get("name") or self.query.get("name", "")
        if not 0 < len(name.encode()) <= NAME_BYTES or re.search(r"[\r\n]|^\.\.?$", name):
            raise ApiError(400, f"Invalid object name: {name!r}")
        return name


def _admit(cloud: Cloud, upload: Upload) -> Bucket:
    bucket = authorize(cloud, upload.who, "storage.objects.create", upload.bucket, upload.name)
    old = bucket.objects.get(upload.name)
    if old is not None:
        # Overwriting needs this, too: roles/storage.objectCreator cannot replace a result.
        authorize(cloud, upload.who, "storage.objects.delete", upload.bucket, upload.name)
    check_preconditions(upload.query, old)
    return bucket


def _write(request: Request, upload: Upload) -> Json:
    cloud = request.cloud
    bucket, name, data = _admit(cloud, upload), upload.name, bytes(upload.data)
    sums = {
        "crc32c": base64.b64encode(google_crc32c.value(data).to_bytes(4, "big")).decode(),
        "md5Hash": base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode(),
    }
    sent = dict(re.findall(r"(crc32c|md5)=([\w+/=]+)", request.headers.get("x-goog-hash", "")))
    given = {"crc32c": sent.get("crc32c"), "md5Hash": sent.get("md5")} | upload.meta
    for key, title in CHECKSUMS.items():
        if given.get(key) not in (None, sums[key]):
            raise ApiError(
                400,
                f'Provided {title} "{given[key]}" doesn\'t match calculated {title} "{sums[key]}".',
            )
    cloud.generation = max(cloud.generation + 1, int(cloud.now() * 1e6))
    generation, now = str(cloud.generation), timestamp(cloud)
    path = f"storage/v1/b/{bucket.name}/o/{quote(name, safe='')}"
    defaults = {
        "contentType": "application/octet-stream",
        "storageClass": bucket.meta["storageClass"],
    }
    meta = defaults | {k: v for k, v in upload.meta.items() if k in WRITABLE} | sums
    meta |= {
        "kind": "storage#object",
        "id": f"{bucket.name}/{name}/{generation}",
        "name": name,
        "bucket": bucket.name,
        "generation": generation,
        "metageneration": "1",
        "size": str(len(data)),
        "etag": f"C{generation}=",
        "timeCreated": now,
        "updated": now,
        "selfLink": f"https://www.googleapis.com/{path}",
        "mediaLink": f"{HOST}/download/{path}?generation={generation}&alt=media",
    }
    old = bucket.objects.get(name)
    versions.retire(cloud, bucket, name)
    bucket.objects[name] = StoredObject(meta, data)
    notifications.publish(cloud, bucket, meta, old.meta["generation"] if old else None)
    return meta


def insert(request: Request) -> Json | Response:
    """POST /upload/b/BUCKET/o?uploadType=: media, multipart, or the start of a resumable upload."""
    query = dict(request.query)
    upload = Upload(request.caller, request.path["bucket"], {}, query)
    match query.get("uploadType"):
        case "media":
            upload.meta = {"contentType": request.headers.get("content-type", "")}
            upload.data = bytearray(request.content)
        case "multipart":
            content_type = request.headers.get("content-type", "")
            upload.meta, upload.data = _parts(content_type, request.content)
        case "resumable":
            upload.meta = request.body
            if "x-upload-content-type" in request.headers:
                upload.meta.setdefault("contentType", request.headers["x-upload-content-type"])
            _admit(request.cloud, upload)
            session = secrets.token_urlsafe(24)
            request.cloud.uploads[session] = upload
            location = f"{HOST}{request.url_path}?uploadType=resumable&upload_id={session}"
            return Response(headers={"location": location, "x-guploader-uploadid": session})
        case other:
            raise ApiError(400, f"Unknown uploadType: {other!r}")
    return _write(request, upload)


def copy(request: Request) -> Json:
    """POST /b/BUCKET/o/OBJECT/rewriteTo/b/BUCKET/o/OBJECT: a copy, always in one step; ApiError.

    https://docs.cloud.google.com/storage/docs/json_api/v1/objects/rewrite
    """
    _, source = live(request, "storage.objects.get", request.query.get("sourceGeneration"))
    # The settings of the request, or else those of the source; never some of both.
    settings = next(
        {key: given[key] for key in WRITABLE & given.keys()}
        for given in (request.body, source.meta)
        if WRITABLE & given.keys()
    )
    upload = Upload(
        request.caller,
        request.path["to_bucket"],
        settings | {"name": request.path["to_object"]},
        request.query,
        bytearray(source.data),
    )
    written = _write(request, upload)
    return {
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": written["size"],
        "objectSize": written["size"],
        "done": True,
        "resource": written,
    }


def _parts(content_type: str, body: bytes) -> tuple[Json, bytearray]:
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode()) if boundary else []
    try:
        _, first, second, _ = parts
    except ValueError:
        raise ApiError(400, "Malformed multipart body.") from None
    meta = json_object(first.partition(b"\r\n\r\n")[2])
    head, _, data = second.partition(b"\r\n\r\n")
    if own_type := re.search(rb"(?i)content-type: *([^\r\n]+)", head):
        meta.setdefault("contentType", own_type[1].decode())
    return meta, bytearray(data)


def resume(request: Request) -> Json | Response:
    """PUT to a session: the next bytes of a resumable upload, or the query how many have arrived.

    As at Google, the secret session URI is the only credential here. The permissions of the caller
    who started the session are checked again before the object is written.
    """
    uploads, session = request.cloud.uploads, request.query.get("upload_id", "")
    if session not in uploads:
        raise ApiError(404, "Upload session not found.")
    upload, body = uploads[session], request.content
    whole = f"bytes 0-{len(body) - 1}/{len(body)}" if body else "bytes */0"
    sent = request.headers.get("content-range", whole)
    part = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", sent)
    if part is None or int(part[1] or 0) > len(upload.data):
        raise ApiError(400, f"Invalid Content-Range: {sent}")
    if part[1]:
        upload.data[int(part[1]) :] = body
    if part[2] == str(len(upload.data)):
        meta = _write(request, upload)
        del uploads[session]
        return meta
    arrived = {"range": f"bytes=0-{len(upload.data) - 1}"} if upload.data else {}
    return Response(status_code=308, headers=arrived)
