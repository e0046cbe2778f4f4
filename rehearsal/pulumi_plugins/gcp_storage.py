"""Buckets, and objects with content.

https://docs.cloud.google.com/storage/docs/json_api/v1
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from rehearsal.pulumi_plugins.gcp_resource import GcpResource
from rehearsal.pulumi_plugins.gcp_resource_type import set_at, value_at
from rehearsal.pulumi_plugins.provider import UNKNOWN, Change, ProviderError

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Difference, Json

STORAGE = "https://storage.googleapis.com/storage/v1/b"
PUBSUB = "//pubsub.googleapis.com/"
UPLOAD = "https://storage.googleapis.com/upload/storage/v1/b"


class Bucket(GcpResource):
    """A bucket; its id is its name."""

    def named(self, identity: str) -> Json:
        """The importer of the genuine plugin sets forceDestroy; the project is the provider's."""
        return {"name": identity, "project": self.api.project, "forceDestroy": False}

    def insert(self, properties: Json) -> str:
        """POST."""
        params, body = {"project": properties["project"]}, self.body(properties)
        self.api.call("POST", STORAGE, "creating bucket", params=params, json=body)
        return str(properties["name"])

    def find(self, identity: str, properties: Json) -> Json | None:
        """GET."""
        return super().find(f"b/{identity}", properties)

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """PATCH with the changed settings only; null removes a setting or a label."""
        resource = self.body(properties)
        body: Json = {}
        for path in fields:
            set_at(body, path, value_at(resource, path))
        if "labels" in body:
            body["labels"] = dict.fromkeys(state.get("labels", {})) | resource["labels"]
        self.api.call("PATCH", f"{STORAGE}/{identity}", "updating bucket", json=body)

    def delete(self, identity: str, state: Json) -> None:
        """DELETE; with forceDestroy, its objects first."""
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
    """An object with a text or a file as its content; its id is bucket-name, which has no parts."""

    def check(self, name: str, news: Json) -> tuple[Json, list[str]]:
        """Also copy the file: the engine sends its path here, and not for a diff."""
        inputs, failures = super().check(name, news)
        if "source" in inputs and not failures:
            _content(inputs)
        return inputs, failures

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """Also compare the cloud's hash with the content to upload."""
        difference = super().diff(old_inputs, state, news)
        if "md5hash" not in state or UNKNOWN in (news.get("content"), news.get("source")):
            return difference
        md5 = hashlib.md5(_content(news), usedforsecurity=False).digest()
        if base64.b64encode(md5).decode() != state["md5hash"]:
            return difference._replace(
                changes={**difference.changes, "detectMd5hash": Change("UPDATE")}
            )
        return difference

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """Hashes and generation of another content are not known yet."""
        return super().plan(inputs, state) | dict.fromkeys(self.type.outputs, UNKNOWN)

    def insert(self, properties: Json) -> str:
        """Upload metadata and content in one multipart request."""
        text = "content" in properties
        fallback = "text/plain; charset=utf-8" if text else "application/octet-stream"
        content = _content(properties)
        meta = {"contentType": fallback} | self.body(properties)
        boundary = secrets.token_hex(16).encode()
        parts = [
            b"Content-Type: application/json; charset=UTF-8\r\n\r\n" + json.dumps(meta).encode(),
            b"Content-Type: %s\r\n\r\n%s" % (meta["contentType"].encode(), content),
        ]
        body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts)
        self.api.call(
            "POST",
            f"{UPLOAD}/{properties['bucket']}/o",
            f"uploading object {properties['name']}",
            params={"uploadType": "multipart", "name": properties["name"]},
            headers={"Content-Type": f"multipart/related; boundary={boundary.decode()}"},
            data=body + b"--%s--\r\n" % boundary,
        )
        return f"{properties['bucket']}-{properties['name']}"

    def find(self, identity: str, properties: Json) -> Json | None:
        """GET."""
        del identity
        return self.api.unless_gone(
            "GET", _url(properties["bucket"], properties["name"]), "reading object"
        )

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Upload again: the content of an object never changes in place."""
        del identity, state
        return self.create(inputs)[1]

    def delete(self, identity: str, state: Json) -> None:
        """DELETE."""
        del identity
        url = _url(state["bucket"], state["name"])
        self.api.unless_gone("DELETE", url, "deleting object")


class Notification(GcpResource):
    """Where a bucket sends its events; its id is BUCKET/notificationConfigs/NUMBER.

    https://docs.cloud.google.com/storage/docs/json_api/v1/notifications
    """

    def insert(self, properties: Json) -> str:
        """POST."""
        body = self.body(properties)
        if "/" not in body["topic"]:
            body["topic"] = f"projects/{self.api.project}/topics/{body['topic']}"
        body["topic"] = PUBSUB + body["topic"].removeprefix(PUBSUB)
        url = f"{STORAGE}/{properties['bucket']}/notificationConfigs"
        made = self.api.call("POST", url, f"creating {self.title}", json=body)
        return f"{properties['bucket']}/notificationConfigs/{made['id']}"

    def find(self, identity: str, properties: Json) -> Json | None:
        """GET."""
        return super().find(f"b/{identity}", properties)

    def delete(self, identity: str, state: Json) -> None:
        """DELETE.

        Danger, as in the genuine plugin: a notification that somebody deleted is an error here,
        until a refresh finds it gone.
        """
        del state
        self.api.call("DELETE", f"{STORAGE}/{identity}", f"deleting {self.title} {identity}")


def _content(properties: Json) -> bytes:
    """The content to upload; ProviderError if there is no such file."""
    if "content" in properties:
        return str(properties["content"]).encode()
    try:
        return _copy(properties["source"]).read_bytes()
    except (KeyError, OSError) as error:
        raise ProviderError(
            f"source: got {properties['source']}, expected a file to upload: {error}"
        ) from error


def _url(bucket: str, name: str) -> str:
    return f"{STORAGE}/{bucket}/o/{quote(name, safe='')}"


def _copy(asset: Json) -> Path:
    """The copy of a file in the temporary folder, created only if there is no file of its name.

    Danger, as in the genuine plugin: a file of that name is uploaded, whoever wrote it, and the
    copies stay. https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/assets.go
    """
    copy = Path(tempfile.gettempdir(), f"pulumi-asset-{asset['hash']}")
    if not copy.is_file():
        with tempfile.NamedTemporaryFile(prefix="pulumi-temp-asset", delete=False) as new:
            new.write(Path(asset["path"]).read_bytes())
        Path(new.name).rename(copy)
    return copy
