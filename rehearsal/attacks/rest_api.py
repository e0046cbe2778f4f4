"""Google's REST APIs, called in process as a company's administrator or a machine calls them."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import urllib3
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials
from requests.adapters import HTTPAdapter

from rehearsal.attacks.gates import Refused
from rehearsal.cloud.http.server import hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    import requests
    from starlette.types import ASGIApp

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Gate
    from rehearsal.cloud.state import Instance

OUTSIDER = "user:somebody@elsewhere.example"
OPERATOR = "user:deployer@secundus.example"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
OWNER = "user:deployer@primus.example"


class _Switches:
    """A power switch that starts no machine."""

    def start(self, instance: Instance) -> None:
        """Do nothing: the machine stays off."""

    def stop(self, instance: Instance) -> None:
        """Do nothing: the machine is off."""

    def begin_shutdown(self, instance: Instance) -> None:
        """Do nothing: the machine is off."""


def ask(
    target: Target, member: str | None, verb: str, url: str, gate: Gate, body: object = None
) -> None:
    """One request of a member, or of nobody; Refused, by `gate`, if the answer is an error."""
    headers = {"content-type": "application/json"}
    if member is not None:
        headers["authorization"] = f"Bearer {target.cloud.mint(member)}"
    sent = json.dumps(body).encode() if body else b""
    answer = asyncio.run(_request(_services(target), verb, "https://" + url, headers, sent))
    if answer.status >= 400:
        raise Refused(gate, str(json.loads(answer.data)["error"]["message"]))


def session(target: Target, member: str) -> AuthorizedSession:
    """The connection of a member's Google client to the target, without the network."""
    credentials = Credentials(target.cloud.mint(member))  # type: ignore[no-untyped-call]  # has no types
    connected = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # typed in part
    connected.mount("https://", _InProcess(_services(target)))
    return connected


def _services(target: Target) -> ASGIApp:
    return hosts(target.cloud, target.issuer, _Switches())


class _InProcess(HTTPAdapter):
    """Answers requests from a local cloud in this process."""

    def __init__(self, services: ASGIApp) -> None:
        super().__init__()
        self._services = services

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The answer."""
        body = request.body or b""
        answer = asyncio.run(
            _request(
                self._services,
                str(request.method),
                str(request.url),
                dict(request.headers),
                body.encode() if isinstance(body, str) else body,
            )
        )
        return self.build_response(request, answer)


async def _request(
    services: ASGIApp, verb: str, url: str, fields: Mapping[str, str | bytes], body: bytes
) -> urllib3.HTTPResponse:
    split = urlsplit(url)
    named = {"host": split.netloc, **{name.lower(): text for name, text in fields.items()}}
    headers = [
        (name.encode(), text if isinstance(text, bytes) else text.encode())
        for name, text in named.items()
    ]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": verb,
        "scheme": "https",
        "path": split.path,
        "raw_path": split.path.encode(),
        "query_string": split.query.encode(),
        "headers": headers,
    }
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await services(scope, receive, send)
    return urllib3.HTTPResponse(
        io.BytesIO(b"".join(part.get("body", b"") for part in sent[1:])),
        {name.decode(): text.decode() for name, text in sent[0].get("headers", ())},
        sent[0]["status"],
        preload_content=False,
    )
