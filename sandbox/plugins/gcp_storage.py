"""Buckets and the objects that a program puts into them.

https://docs.cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

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


class Bucket(GcpResource):
    """A bucket; its id is its name."""

    def insert(self, given: Json) -> str:
        """POST."""
        params, body = {"project": given["project"]}, self.body(given)
        self.api.call("POST", STORAGE, "creating bucket", params=params, json=body)
        return str(given["name"])

    def find(self, identity: str, given: Json) -> Json | None:
        """GET."""
        return super().find(f"b/{identity}", given)

    def patch(self, identity: str, state: Json, given: Json, fields: list[str]) -> None:
        """PATCH with what changed only; null removes a setting or a label."""
        wanted = self.body(given)
        body: Json = {}
        for path in fields:
            put(body, path, at(wanted, path))
        if "labels" in body:
            body["labels"] = dict.fromkeys(state.get("labels", {})) | wanted["labels"]
        self.api.call("PATCH", f"{STORAGE}/{identity}", "updating bucket", json=body)

    def delete(self, identity: str, state: Json) -> None:
        """DELETE, and with forceDestroy first everything that is in it."""
        url = f"{STORAGE}/{identity}"
        if self.api.unless_gone("GET", f"{url}/anywhereCaches/", "listing caches") is None:
            return
        versions = {"versions": "true"}
        while found := self.api.call("GET", f"{url}/o", "listing", params=versions).get("items"):
            if not state.get("forceDestroy"):
                raise ProviderError(
                    f"Error trying to delete bucket {identity} containing objects without "
                    "`force_destroy` set to true"
                )
            for each in found:
                one, params = _url(identity, each["name"]), {"generation": each["generation"]}
                self.api.unless_gone("DELETE", one, "deleting object", params=params)
        self.api.unless_gone("DELETE", url, "deleting bucket")


class BucketObject(GcpResource):
    """An object whose content the program gives, as text or as a file; its id is bucket-name."""

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """Another content has hashes and a generation that are not known yet."""
        return super().plan(inputs, state) | dict.fromkeys(self.kind.outputs, UNKNOWN)

    def insert(self, given: Json) -> str:
        """Upload in two parts: the metadata, the content."""
        if "content" in given:
            content, fallback = given["content"].encode(), "text/plain; charset=utf-8"
        else:
            content, fallback = _read(given["source"]), "application/octet-stream"
        meta = {"contentType": fallback} | self.body(given)
        boundary = secrets.token_hex(16).encode()
        parts = [
            b"Content-Type: application/json; charset=UTF-8\r\n\r\n" + json.dumps(meta).encode(),
            b"Content-Type: %s\r\n\r\n%s" % (meta["contentType"].encode(), content),
        ]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
        self.api.call(
            "POST",
            f"{UPLOAD}/{given['bucket']}/o",
            f"uploading object {given['name']}",
            params={"uploadType": "multipart", "name": given["name"]},
            headers={"Content-Type": f"multipart/related; boundary={boundary.decode()}"},
            data=body + b"--%s--\r\n" % boundary,
        )
        return f"{given['bucket']}-{given['name']}"

    def find(self, identity: str, given: Json) -> Json | None:
        """GET."""
        del identity
        return self.api.unless_gone("GET", _url(given["bucket"], given["name"]), "reading object")

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """Read; content that is no longer what was uploaded is reported as not there."""
        found = super().read(identity, state, inputs)
        if found is not None and state.get("md5hash") != found[0]["md5hash"]:
            for key in ("content", "source"):
                found[0].pop(key, None)
        return found

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Upload again: an object never changes, it is replaced under its name."""
        del identity, state
        return self.create(inputs)[1]

    def delete(self, identity: str, state: Json) -> None:
        """DELETE."""
        del identity
        url = _url(state["bucket"], state["name"])
        self.api.unless_gone("DELETE", url, "deleting object")


def _url(bucket: str, name: str) -> str:
    return f"{STORAGE}/{bucket}/o/{quote(name, safe='')}"


def _read(asset: Json) -> bytes:
    try:
        return Path(asset["path"]).read_bytes()
    except (KeyError, OSError) as error:
        raise ProviderError(f"source: got {asset}, expected a file to upload: {error}") from error
