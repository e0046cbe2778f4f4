"""`docker push` without docker: an image to Artifact Registry, over HTTPS.

It knows no local cloud: proxy and certificates come from the session's environment, so it would
push to Google just the same.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import requests

from sandbox.oci import ACCESS_TOKEN_USER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.oci import Image, Reference

TIMEOUT_SECONDS = 60


class PushError(Exception):
    """The registry refused, or could not be reached; the message is what docker would print."""


def push(image: Image, reference: Reference, token: str, session: requests.Session) -> str:
    """Upload what is missing, then the manifest under the reference's tag; gives the digest.

    `token` is a Google access token; an empty one pushes as nobody. PushError.
    """
    base = f"https://{reference.host}/v2/{reference.path}"
    try:
        login = {"Authorization": f"Bearer {_bearer(reference, token, session)}"}
        for digest, data in image.blobs.items():
            _upload(session, login, f"{base}/blobs/", digest, data)
        answer = session.put(
            f"{base}/manifests/{reference.selector}",
            data=image.manifest,
            headers={**login, "Content-Type": json.loads(image.manifest)["mediaType"]},
            timeout=TIMEOUT_SECONDS,
        )
    except requests.RequestException as error:
        raise PushError(f"{reference.host}: {error}") from error
    _check(answer)
    return image.digest


def _bearer(reference: Reference, token: str, session: requests.Session) -> str:
    scope = f"repository:{reference.path}:push,pull"
    answer = session.get(
        f"https://{reference.host}/v2/token",
        params={"service": reference.host, "scope": scope},
        auth=(ACCESS_TOKEN_USER, token) if token else None,
        timeout=TIMEOUT_SECONDS,
    )
    _check(answer)
    return str(answer.json()["token"])


def _upload(
    session: requests.Session, login: Mapping[str, str], blobs: str, digest: str, data: bytes
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
    """PushError in docker's words for a refusal."""
    if answer.ok:
        return
    try:
        error = answer.json()["errors"][0]
        reason = f"{error['code'].lower().replace('_', ' ')}: {error['message']}"
    except (ValueError, KeyError, IndexError):
        reason = f"unexpected status from {answer.request.method} request: {answer.status_code}"
    raise PushError(reason)
