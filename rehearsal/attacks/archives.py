"""Hostile model archives, and a workload that receives one that the policy admits."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from rehearsal.attacks import gates
from rehearsal.cloud.state import StoredObject
from rehearsal.image_builder.oci import digest
from workload import manifest, storage, tar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Verdict
    from rehearsal.attacks.scenario import Attempt

    Entry = tuple[tarfile.TarInfo, bytes]

INPUT: dict[str, Any] = {
    "width": 128,
    "height": 96,
    "channels": "RGB",
    "range": [-1, 1],
    "resize": "bilinear",
}
MANIFEST: dict[str, Any] = {
    "schema": manifest.SCHEMA,
    "name": "surface-inspection",
    "format": "tensorflow-saved-model",
    "signature": "serving_default",
    "input": INPUT,
    "output": {"scores": "probabilities"},
    "topK": 1,
    "classes": ["clean", "scratch"],
}


def entry(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, to: str = "") -> Entry:
    """One entry of any kind; `to` is where a link leads."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, to, len(content)
    return info, content


def field(number: int, content: bytes) -> bytes:
    """One field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    more = b""
    while number > 127:
        more, number = more + bytes((number & 127 | 128,)), number >> 7
    return more + bytes((number,))


OBJECTS = field(7, b"")
"""A graph's object graph, which holds nothing."""


def packed(
    *entries: Entry,
    manifest: bytes = json.dumps(MANIFEST).encode(),
    graphs: bytes = field(2, OBJECTS),
) -> bytes:
    """An archive of a model, with these entries, too."""
    tar = io.BytesIO()
    model = (entry("manifest.json", manifest), entry("saved_model/saved_model.pb", graphs))
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as writer:
        for info, content in (*model, *entries):
            writer.addfile(info, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), 1)


def extended(content: bytes) -> bytes:
    """An archive that begins with an extended header with this content."""
    header, _ = entry("x", content, kind=tarfile.XHDTYPE)
    padded = content.ljust(len(content) + -len(content) % tar.BLOCK, b"\0")
    return gzip.compress(header.tobuf() + padded + gzip.decompress(packed()), 1)


def overwritten(at: int, instead: bytes, *, summed: bool = True) -> bytes:
    """An archive with this in its first header, whose checksum is right or not."""
    whole = bytearray(gzip.decompress(packed()))
    whole[at : at + len(instead)] = instead
    if summed:
        whole[148:156] = b" " * 8
        whole[148:156] = b"%06o\0 " % sum(whole[: tar.BLOCK])
    return gzip.compress(bytes(whole), 1)


def without_end() -> bytes:
    """An archive without the end mark after its last file; gzip's checksum is right."""
    whole = gzip.decompress(packed())
    return gzip.compress(whole[: len(whole.rstrip(b"\0")) // tar.BLOCK * tar.BLOCK + tar.BLOCK], 1)


def converted(change: Callable[[schema.ModelT], None]) -> bytes:
    """An archive with a changed LiteRT model."""
    model = schema.ModelT()
    model.operatorCodes = [schema.OperatorCodeT()]
    model.subgraphs = [schema.SubGraphT()]
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    manifest = json.dumps(MANIFEST | {"format": "litert"}).encode()
    return packed(entry("model.tflite", bytes(builder.Output())), manifest=manifest)


def sparse() -> Entry:
    """A file of a megabyte without any byte in the archive (GNU sparse format 0.1)."""
    info, content = entry("model.bin")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(1024**2),
    }
    return info, content


def received(content: bytes, bucket: type[storage.Bucket] = storage.Bucket) -> Attempt:
    """Let the workload receive an archive that Primus itself has deployed as the model."""

    def attempt(extensions: Target) -> Verdict:
        there = extensions.copy()
        _agree(there, content)
        return gates.run(there, environment(there), there.issuer.sign(there.claims), bucket)

    return attempt


def _agree(extensions: Target, content: bytes) -> None:
    """Replace the model's hash by the hash of this archive everywhere."""
    bucket, name = extensions.model
    old, new = extensions.handover["modelSha256"], digest(content).removeprefix("sha256:")

    def renamed(value: Any) -> Any:
        return json.loads(json.dumps(value).replace(old, new))

    extensions.handover = renamed(extensions.handover)
    extensions.provider.doc = renamed(extensions.provider.doc)
    extensions.machine.doc = renamed(extensions.machine.doc)
    extensions.claims = renamed(extensions.claims)
    bucket.policy.bindings = renamed(bucket.policy.bindings)
    extensions.presented = []  # another condition judges there
    bucket.objects[extensions.model[1]] = StoredObject(bucket.objects.pop(name).meta, content)


def environment(extensions: Target) -> Mapping[str, str]:
    """The variables of the container, as its token shows them."""
    found: Mapping[str, str] = extensions.claims["submods"]["container"]["env"]
    return found
