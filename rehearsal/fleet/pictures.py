"""Many pictures of the input bucket, as a user uploads them: most are sound, some are not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from rehearsal.administrator import AdminError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rehearsal.administrator import Admin

UPLOAD: Final = "storage.googleapis.com/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
OBJECT: Final = "storage.googleapis.com/storage/v1/b/{bucket}/o/{name}"
CONNECTIONS: Final = 8
UNSOUND_EVERY: Final = 97
"""Of so many pictures, one is cut off, empty, or no picture, in turn."""


def name(number: int) -> str:
    """The name of a picture; names sort by number."""
    return f"part-{number:06}.jpg"


def upload(admin: Admin, bucket: str, drawn: Path, count: int, say: Callable[[str], None]) -> None:
    """Upload so many pictures, of which many have the same content; AdminError."""
    sound = [path.read_bytes() for path in sorted(drawn.iterdir())]

    def one(number: int) -> None:
        put(admin, bucket, name(number), _content(sound, number))

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done, _ in enumerate(pool.map(one, range(count)), 1):
            if done % 500 == 0:
                say(f"{done:,} of {count:,} pictures uploaded")


def put(admin: Admin, bucket: str, picture: str, content: bytes) -> None:
    """Upload one picture; AdminError."""
    url = UPLOAD.format(bucket=bucket, name=quote(picture, safe=""))
    answer = admin.session.post(
        f"https://{url}",
        data=content,
        headers={"Authorization": f"Bearer {admin.token}", "Content-Type": "image/jpeg"},
        timeout=60,
    )
    if not answer.ok:
        raise AdminError(f"upload of {picture}: {answer.status_code}")


def set_encoding(admin: Admin, bucket: str, picture: str, encoding: str | None) -> None:
    """Change the metadata of one picture; AdminError."""
    url = OBJECT.format(bucket=bucket, name=quote(picture, safe=""))
    admin.call("PATCH", url, {"contentEncoding": encoding})


def remove(admin: Admin, bucket: str, picture: str) -> None:
    """Delete one picture; AdminError."""
    admin.call("DELETE", OBJECT.format(bucket=bucket, name=quote(picture, safe="")))


def _content(sound: list[bytes], number: int) -> bytes:
    whole = sound[number % len(sound)]
    rounds, at = divmod(number, UNSOUND_EVERY)
    if at:
        return whole
    return (whole[: len(whole) // 2], b"", b"no picture")[rounds % 3]
