"""Reads, lists, changes and deletes objects; `uploads` creates them.

An object has one version, the live one; its generation changes with each write.
https://docs.cloud.google.com/storage/docs/json_api/v1/objects
"""

from __future__ import annotations

import base64
import gzip
import re
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.storage import bucket_iam, versions
from rehearsal.cloud.storage.bucket_iam import NOT_MET, authorize
from rehearsal.cloud.storage.buckets import merge, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.state import Bucket, Json, StoredObject

WRITABLE = frozenset({"contentType", "contentEncoding", "cacheControl", "metadata", "storageClass"})
"""The settings of an object that its writer chooses."""

NOT_MODELLED = frozenset({"endOffset", "filter", "matchGlob", "softDeleted"})
"""Parameters of a listing: https://docs.cloud.google.com/storage/docs/json_api/v1/objects/list"""
PAGE = 1000
"""The JSON API's largest page of a listing."""


def check_preconditions(query: Mapping[str, str], stored: StoredObject | None) -> None:
    """ApiError 412 unless the object has the generations in the query; 0 means no object.

    https://docs.cloud.google.com/storage/docs/request-preconditions
    """
    for name in ("Generation", "Metageneration"):
        current = int(stored.meta[name.lower()]) if stored else 0
        if int(query.get(f"if{name}Match", current)) != current:
            raise ApiError(412, NOT_MET)


def requested(request: Request, permission: str) -> tuple[Bucket, StoredObject]:
    """The bucket and the object of a request, in the generation that it names; ApiError."""
    bucket, stored = live(request, permission, request.query.get("generation"))
    check_preconditions(request.query, stored)
    return bucket, stored


def live(request: Request, permission: str, generation: str | None) -> tuple[Bucket, StoredObject]:
    """The bucket and the object of a request, if it has this generation or none is named; ApiError.

    404 for a generation that no longer exists.
    """
    name = request.path["object"]
    bucket = authorize(request.cloud, request.caller, permission, request.path["bucket"], name)
    stored = versions.find(bucket, name, generation)
    if stored is None:
        raise ApiError(404, f"No such object: {bucket.name}/{name}")
    return bucket, stored


def get(request: Request) -> Json | Response:
    """GET /b/BUCKET/o/OBJECT: its settings, or with alt=media its content."""
    if request.query.get("alt") == "media":
        return content(request)
    return requested(request, "storage.objects.get")[1].meta


def content(request: Request) -> Response:
    """The bytes of an object, or of a part of it, with their checksums; ApiError."""
    _, stored = requested(request, "storage.objects.get")
    return _media(stored, request.headers)


def _media(stored: StoredObject, request_headers: Mapping[str, str]) -> Response:
    data, meta = stored.data, stored.meta
    headers = {
        # As a header, because Starlette adds a charset to a text `media_type`.
        "content-type": meta["contentType"],
        "accept-ranges": "bytes",
        "etag": meta["etag"],
        "x-goog-generation": meta["generation"],
        "x-goog-metageneration": meta["metageneration"],
        "x-goog-hash": f"crc32c={meta['crc32c']},md5={meta['md5Hash']}",
        "x-goog-storage-class": meta["storageClass"],
        "x-goog-stored-content-encoding": meta.get("contentEncoding", "identity"),
        "x-goog-stored-content-length": meta["size"],
    }
    if _transcoded(meta, request_headers):
        # The whole object without its length, also for a range.
        return StreamingResponse(iter([gzip.decompress(data)]), 200, headers)
    if "contentEncoding" in meta:
        headers["content-encoding"] = meta["contentEncoding"]
    span = re.fullmatch(r"bytes=(\d*)-(\d*)", request_headers.get("range", ""))
    if span is None or span.groups() == ("", ""):
        return Response(data, 200, headers)
    first, last = span.groups()
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last), len(data) - 1) if first and last else len(data) - 1
    if start > end:
        beyond = {"content-range": f"bytes */{len(data)}"}
        return Response("The requested range cannot be satisfied.", 416, beyond)
    headers["content-range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(data[start : end + 1], 206, headers)


def _transcoded(meta: Json, headers: Mapping[str, str]) -> bool:
    """Whether a compressed object is served decompressed.

    https://cloud.google.com/storage/docs/transcoding
    """
    accepted = "gzip" in headers.get("accept-encoding", "")
    unchanged = "no-transform" in (meta.get("cacheControl") or "")
    return meta.get("contentEncoding") == "gzip" and not accepted and not unchanged


def list_objects(request: Request) -> Json:
    """GET /b/BUCKET/o: a page of the listing, in order of name.

    ApiError 400 for a filter that is not modelled: without it, the listing would be too long.
    """
    bucket = bucket_iam.requested(request, "storage.objects.list")
    query = request.query
    # Go's client names some of them in each request, and gives them no value.
    if others := sorted(name for name in NOT_MODELLED if query.get(name)):
        raise ApiError(400, f"Not modelled in a listing: {', '.join(others)}.")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = min(int(query.get("maxResults", PAGE)), PAGE)
    if query.get("versions", "").lower() == "true":  # Google's client for Python sends True
        return _versions(bucket, prefix, limit, query.get("pageToken", ""))
    after = base64.urlsafe_b64decode(query.get("pageToken", "")).decode()
    page: dict[str, StoredObject | None] = {}
    answer: Json = {"kind": "storage#objects"}
    start = query.get("startOffset", "")
    for name in sorted(bucket.objects):
        if not name.startswith(prefix) or name < start:
            continue
        head, cut, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
        entry = prefix + head + cut if cut else name
        if entry <= after:
            continue
        if entry not in page and len(page) == limit:
            last = next(reversed(page))
            answer["nextPageToken"] = base64.urlsafe_b64encode(last.encode()).decode()
            break
        page[entry] = None if cut else bucket.objects[name]
    items = [stored.meta for stored in page.values() if stored]
    prefixes = [entry for entry, stored in page.items() if not stored]
    return answer | {"items": items, "prefixes": prefixes}


def _versions(bucket: Bucket, prefix: str, limit: int, token: str) -> Json:
    """A page of the listing of all versions; the token names the last one before it."""
    name, _, generation = base64.urlsafe_b64decode(token).decode().rpartition("/")
    after = (name, int(generation or 0))
    found = [
        each.meta
        for each in versions.every(bucket)
        if each.meta["name"].startswith(prefix)
        and (each.meta["name"], int(each.meta["generation"])) > after
    ]
    answer: Json = {"kind": "storage#objects", "items": found[:limit]}
    if len(found) > limit:
        last = f"{found[limit - 1]['name']}/{found[limit - 1]['generation']}"
        answer["nextPageToken"] = base64.urlsafe_b64encode(last.encode()).decode()
    return answer


def patch(request: Request) -> Json:
    """PATCH /b/BUCKET/o/OBJECT: changed settings of an object; its content stays."""
    _, stored = requested(request, "storage.objects.update")
    settings = {key: value for key, value in request.body.items() if key in WRITABLE}
    stored.meta = merge(stored.meta, settings) | {
        "metageneration": str(int(stored.meta["metageneration"]) + 1),
        "updated": timestamp(request.cloud),
    }
    return stored.meta


def delete(request: Request) -> Response:
    """DELETE /b/BUCKET/o/OBJECT: gone; in a versioned bucket only a generation is for good."""
    bucket, _ = requested(request, "storage.objects.delete")
    name, generation = request.path["object"], request.query.get("generation")
    if generation is None:
        versions.retire(request.cloud, bucket, name)
    else:
        versions.remove(bucket, name, generation)
    return Response(status_code=204)
