"""`docker push` without Docker: pushes an image to Artifact Registry, over HTTPS.

Proxy and certificates come from the environment, so it could push to Google in the same way.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests

if TYPE_CHECKING:
    from rehearsal.image_builder.oci import Image, Reference

TIMEOUT_SECONDS = 60


class PushError(Exception):
    """The registry refused, or could not be reached; the message is the one that Docker prints."""


def push(image: Image, reference: Reference, token: str, session: requests.Session) -> str:
    """Upload missing blobs, then the manifest under the reference's tag; returns the digest.

    `token` is a Google access token; with an empty one, the push is anonymous. Raises PushError.
    """
    base = f"https://{reference.host}/v2/{reference.path}"
    login = {"Authorization": f"Bearer {token}"} if token else {}
    typed = login | {"Content-Type": json.loads(image.manifest)["mediaType"]}
    selected = f"{base}/manifests/{reference.selector}"
    try:
        for digest, data in image.blobs.items():
            _upload(session, login, f"{base}/blobs/", digest, data)
        _check(session.put(selected, data=image.manifest, headers=typed, timeout=TIMEOUT_SECONDS))
    except requests.RequestException as error:
        raise PushError(f"{reference.host}: {error}") from error
    return image.digest


def _upload(
    session: requests.Session, login: dict[str, str], blobs: str, digest: str, data: bytes
) -> None:
    if session.head(blobs + digest, headers=login, timeout=TIMEOUT_SECONDS).ok:
        return
    begun = session.post(blobs + "uploads/", headers=login, timeout=TIMEOUT_SECONDS)
    _check(begun)
    answer = session.put(
        urljoin(begun.url, begun.headers["Location"]),
        params={"digest": digest},
        data=data,
        headers={**login, "Content-Type": "application/octet-stream"},
        timeout=TIMEOUT_SECONDS,
    )
    _check(answer)


def _check(answer: requests.Response) -> None:
    """Raise PushError with Docker's message for a refusal."""
    if answer.ok:
        return
    try:
        error = answer.json()["errors"][0]
        reason = f"{error['code'].lower().replace('_', ' ')}: {error['message']}"
    except (ValueError, KeyError, IndexError):
        reason = f"unexpected status from {answer.request.method} request: {answer.status_code}"
    raise PushError(reason)
