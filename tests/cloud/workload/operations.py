"""What the workload does with the local cloud: hosts, buckets, and single requests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from google.oauth2.credentials import Credentials

from tests.cloud.faults import Faults
from workload import storage
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rehearsal.cloud.state import Binding, Cloud

    Operation = Callable[[storage.Bucket, Path], None]


STS, IAM, STORAGE = (f"{name}.googleapis.com" for name in ("sts", "iamcredentials", "storage"))
LEND = ":generateAccessToken"
ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{ACCOUNT}"
INPUT, RESULT = "secundus-vision-input-bucket", "secundus-vision-result-bucket"
MODEL = "primus-models-model-bucket"
CONTENT = bytes(range(256)) * 1000
TRANSIENT: dict[str, Callable[..., None]] = {
    "429": lambda faults, *at, **times: faults.answer(429, *at, **times),
    "500": lambda faults, *at, **times: faults.answer(500, *at, **times),
    "503": lambda faults, *at, **times: faults.answer(503, *at, **times),
    "dropped": Faults.drop,
}
ROLES = {INPUT: "objectViewer", RESULT: "objectUser"}


def decisions(cloud: Cloud, permission: str) -> list[bool]:
    """The decisions about a permission in the audit log, in order."""
    return [entry.allowed for entry in cloud.audit if entry.permission == permission]


def granted(role: str) -> Binding:
    """A role of the workload's account."""
    return {"role": f"roles/storage.{role}", "members": [MEMBER]}


def opened(cloud: Cloud, name: str, grant_seconds: float = 0) -> storage.Bucket:
    """A bucket as the workload's account sees it."""
    identity = Credentials(cloud.mint(MEMBER))  # type: ignore[no-untyped-call]  # has no types
    return storage.buckets_as(identity, grant_seconds)(name)


def list_pictures(bucket: storage.Bucket, _: Path) -> None:
    """Lists the one picture."""
    assert [picture.name for picture in bucket.pictures()] == ["a.png"]


def fetch_picture(bucket: storage.Bucket, folder: Path) -> None:
    """Downloads it, whole."""
    assert bucket.fetch("a.png", folder / "a", 10**6) == hashlib.sha256(CONTENT).hexdigest()
    assert (folder / "a").read_bytes() == CONTENT


def read_picture(bucket: storage.Bucket, _: Path) -> None:
    """Reads it by the generation that is there."""
    generation = f"{bucket.generation('a.png')}"
    assert bucket.read(Picture(name="a.png", generation=generation), 10**6) == CONTENT


def write_result(bucket: storage.Bucket, folder: Path) -> None:
    """Overwrites it."""
    (folder / "new").write_bytes(CONTENT)
    bucket.write("a.png", folder / "new", "image/png")


def delete_result(bucket: storage.Bucket, _: Path) -> None:
    """Deletes it."""
    bucket.remove("a.png")


OPERATIONS: dict[Operation, tuple[str, str, str]] = {
    list_pictures: (INPUT, "/o", "storage.objects.list"),
    fetch_picture: (INPUT, "/o/a.png", "storage.objects.get"),
    write_result: (RESULT, "/upload/", "storage.objects.create"),
    delete_result: (RESULT, "/o/a.png", "storage.objects.delete"),
}
"""What the job does with a bucket: in which bucket, at which path, with which permission."""
