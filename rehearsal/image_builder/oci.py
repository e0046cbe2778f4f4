"""OCI images as bytes: the same content always has the same digest.

https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Json = dict[str, Any]

Tree = dict[str, tuple[int, bytes]]
"""A file system without its root's slash: path -> (mode, content); a folder's mode is FOLDER."""

FOLDER = 0o40755
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EPOCH = "1970-01-01T00:00:00Z"
ACCESS_TOKEN_USER = "oauth2accesstoken"  # noqa: S105  a user name, not a token
"""The user name with which a registry takes a Google access token as the password.
https://docs.cloud.google.com/artifact-registry/docs/docker/authentication#token"""

GZIP = 16 + zlib.MAX_WBITS

REFERENCE = re.compile(
    r"(?P<host>(?P<location>[a-z0-9-]+)-docker\.pkg\.dev)/(?P<project>[a-z0-9.:-]+)"
    r"/(?P<repository>[a-z0-9-]+)/(?P<image>[a-z0-9._/-]+)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


class ImageError(ValueError):
    """Not an image, or one with features that are not modelled."""


@dataclass(frozen=True)
class Reference:
    """A reference to an image in Artifact Registry; the digest, if there is one, wins."""

    host: str
    location: str
    project: str
    repository: str
    image: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE[:TAG][@DIGEST]`, else ImageError."""
        found = REFERENCE.fullmatch(text)
        if found is None:
            raise ImageError(
                f"invalid reference format: got {text!r}, expected "
                "REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE[:TAG][@sha256:DIGEST]"
            )
        return cls(**found.groupdict())

    @property
    def path(self) -> str:
        """The image's name in its registry."""
        return f"{self.project}/{self.repository}/{self.image}"

    @property
    def selector(self) -> str:
        """The digest, else the tag, else the default tag."""
        return self.digest or self.tag or "latest"


@dataclass(frozen=True)
class Image:
    """A manifest and its blobs."""

    manifest: bytes
    blobs: Mapping[str, bytes]
    """digest -> bytes"""

    @property
    def digest(self) -> str:
        """The manifest's digest: the `image_digest` of an attestation token."""
        return digest(self.manifest)

    @property
    def config_digest(self) -> str:
        """The configuration's digest: the `image_id` of an attestation token."""
        identity: str = json.loads(self.manifest)["config"]["digest"]
        return identity

    @property
    def config(self) -> Json:
        """Its run configuration: Env, Entrypoint, Cmd, User, WorkingDir, Labels."""
        found: Json = json.loads(self.blobs[self.config_digest]).get("config") or {}
        return found


def digest(data: bytes) -> str:
    """The content's digest, which is its address in a registry."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def assemble(
    tree: Tree, config: Json, history: list[Json], annotations: Mapping[str, str]
) -> Image:
    """A one-layer linux/amd64 image; every time stamp is the epoch, every owner is root."""
    archive = _archive(tree)
    compress = zlib.compressobj(level=6, wbits=GZIP)  # this header holds no time and no name
    layer = compress.compress(archive) + compress.flush()
    described = _canonical(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(archive)]},
            "history": [{"created": EPOCH, **entry} for entry in history],
        }
    )
    manifest = _canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(CONFIG, described),
            "layers": [_descriptor(LAYER, layer)],
            "annotations": dict(annotations),
        }
    )
    return Image(manifest, {digest(described): described, digest(layer): layer})


def unpack(image: Image, root: Path) -> None:
    """Write the image's files below a folder; ImageError for a path outside of it."""
    for layer in json.loads(image.manifest)["layers"]:
        if not layer["mediaType"].endswith("gzip"):
            raise ImageError(f"got a layer of type {layer['mediaType']}, expected {LAYER}")
        archive = zlib.decompress(image.blobs[layer["digest"]], wbits=GZIP)
        try:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                if hidden := [n for n in tar.getnames() if PurePosixPath(n).name[:4] == ".wh."]:
                    raise ImageError(f"got {hidden[0]}: a layer that deletes files is not modelled")
                tar.extractall(root, filter="data")
        except tarfile.TarError as error:
            raise ImageError(f"layer {layer['digest']}: {error}") from error


def _archive(tree: Tree) -> bytes:
    parents = {
        str(parent): (FOLDER, b"")
        for path in tree
        for parent in PurePosixPath(path).parents
        if str(parent) != "."
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, (mode, data) in sorted({**parents, **tree}.items()):
            entry = tarfile.TarInfo(path)  # mtime 0, uid 0, gid 0, no names: TarInfo's defaults
            entry.mode = mode & 0o7777
            entry.type = tarfile.DIRTYPE if mode == FOLDER else tarfile.REGTYPE
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def _descriptor(media_type: str, data: bytes) -> Json:
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def _canonical(value: Json) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
