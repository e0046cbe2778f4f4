"""Buckets and the objects that a program puts into them.

https://docs.cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sandbox.plugins.gcp_kind import at, put
from sandbox.plugins.gcp_resource import GcpResource
from sandbox.plugins.provider import UNKNOWN, ProviderError

if TYPE_CHECKING:
    from sandbox.plugins.provider import Json

STORAGE = "https://storage.googleapis.com/storage/v1/b"
UPLOAD = "https://storage.googleapis.com/upload/storage/v1/b"
MAGIC = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"\x1f\x8b": "application/x-gzip"}


class Bucket(GcpResource):
    """A bucket; its id is its name."""

    def insert(self, inputs: Json) -> str:
        """POST."""
        params = {"project": self.api.place("project", inputs)}
        body = self.body(inputs)
        self.api.call("POST", STORAGE, "creating bucket", params=params, json=body)
        return str(inputs["name"])

    def find(self, identity: str, state: Json) -> Json | None:
        """GET."""
        del state
        return self.api.unless_gone("GET", f"{STORAGE}/{identity}", "reading bucket")

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs."""
        found = super().outputs(identity, live, given) | {"url": f"gs://{identity}"}
        return found | {"projectNumber": int(live["projectNumber"])}

    def patch(self, identity: str, state: Json, inputs: Json, fields: list[str]) -> None:
        """PATCH with what changed only; null removes a setting or a label."""
        wanted = self.body(inputs)
        body: Json = {}
        for rest in fields:
            put(body, rest, at(wanted, rest))
        if "labels" in body:
            gone = dict.fromkeys(state.get("pulumiLabels", {}).keys() - wanted["labels"].keys())
            body["labels"] = gone | wanted["labels"]
        self.api.call("PATCH", f"{STORAGE}/{identity}", "updating bucket", json=body)

    def remove(self, identity: str, state: Json) -> None:
        """DELETE, and with forceDestroy first everything that is in it."""
        url = f"{STORAGE}/{identity}"
        if self.api.unless_gone("GET", f"{url}/anywhereCaches/", "listing caches") is None:
            return
        while found := self._objects(url):
            if not state.get("forceDestroy"):
                raise ProviderError(
                    f"Error trying to delete bucket {identity} containing objects without "
                    "`force_destroy` set to true"
                )
            for each in found:
                params = {"generation": each["generation"]}
                self.api.unless_gone(
                    "DELETE", _object(url, each["name"]), "deleting object", params=params
                )
        self.api.unless_gone("DELETE", url, "deleting bucket")

    def _objects(self, url: str) -> list[Json]:
        listed = self.api.unless_gone(
            "GET", f"{url}/o", "listing objects", params={"versions": "true"}
        )
        found: list[Json] = (listed or {}).get("items", [])
        return found


class BucketObject(GcpResource):
    """An object whose content the program gives, as text or as a file; its id is bucket-name."""

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """Another content has hashes and a generation that are not known yet."""
        found = super().plan(inputs, state)
        if state is not None:
            found |= dict.fromkeys(("crc32c", "generation", "md5hash", "md5hexhash"), UNKNOWN)
        return found

    def insert(self, inputs: Json) -> str:
        """Upload in two parts: the metadata, the content."""
        content = _content(inputs)
        if content is None:
            raise ProviderError(f"got {inputs.get('source')}, expected a file or text to upload")
        meta = self.body(inputs)
        meta.setdefault("contentType", _content_type(content))
        boundary = secrets.token_hex(16)
        parts = [
            b"Content-Type: application/json; charset=UTF-8\r\n\r\n" + json.dumps(meta).encode(),
            f"Content-Type: {meta['contentType']}\r\n\r\n".encode() + content,
        ]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
        self.api.call(
            "POST",
            f"{UPLOAD}/{inputs['bucket']}/o",
            f"uploading object {inputs['name']}",
            params={"uploadType": "multipart", "name": inputs["name"]},
            headers={"Content-Type": f"multipart/related; boundary={boundary}"},
            data=body + b"--%s--\r\n" % boundary.encode(),
        )
        return f"{inputs['bucket']}-{inputs['name']}"

    def find(self, identity: str, state: Json) -> Json | None:
        """GET."""
        if not state:
            raise ProviderError(f"got the id {identity} alone: where bucket ends is not in it")
        return self.api.unless_gone(
            "GET", _object(f"{STORAGE}/{state['bucket']}", state["name"]), "reading object"
        )

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs."""
        found = super().outputs(identity, live, given)
        hexadecimal = base64.b64decode(live["md5Hash"]).hex()
        return found | {"generation": int(live["generation"]), "md5hexhash": hexadecimal}

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """Read; content that is no longer what was uploaded is reported as not there."""
        found = super().read(identity, state, inputs)
        if found is not None and state["md5hash"] != found[0]["md5hash"]:
            for each in found:
                for key in ("content", "source"):
                    each.pop(key, None)
        return found

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Upload again: an object never changes, it is replaced under its name."""
        del identity, state
        return self.create(inputs)[1]

    def remove(self, identity: str, state: Json) -> None:
        """DELETE."""
        del identity
        self.api.unless_gone(
            "DELETE", _object(f"{STORAGE}/{state['bucket']}", state["name"]), "deleting object"
        )


def _object(bucket_url: str, name: str) -> str:
    return f"{bucket_url}/o/{quote(name, safe='')}"


def _content(inputs: Json) -> bytes | None:
    """The bytes to upload; None if they are not known yet, or the file is not there."""
    source = inputs.get("source")
    if isinstance(source, dict) and "path" in source:
        path = Path(source["path"])
        return path.read_bytes() if path.is_file() else None
    text = source.get("text") if isinstance(source, dict) else inputs.get("content")
    return None if text in {None, UNKNOWN} else str(text).encode()


def _content_type(content: bytes) -> str:
    """What Google's client library for Go makes of the first bytes, for the types used here."""
    for magic, content_type in MAGIC.items():
        if content.startswith(magic):
            return content_type
    return "application/octet-stream" if b"\0" in content[:512] else "text/plain; charset=utf-8"
