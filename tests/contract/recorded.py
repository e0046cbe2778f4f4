"""What given callers ask of Google's REST APIs, as it comes over the wire to the local cloud.

It answers nothing, and changes neither a request nor its answer. Bodies of JSON are kept; what is
uploaded is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import Headers

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from rehearsal.cloud.state import Cloud


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it was sent."""

    verb: str
    host: str
    path: str
    """still percent-encoded: a slash in a name is no slash in the path"""
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""


class Recorder:
    """Keeps what some members ask, in the order in which it was answered."""

    def __init__(self, cloud: Cloud, members: AbstractSet[str]) -> None:
        self.requests: list[Request] = []
        self._cloud = cloud
        self._members = members

    def around(self, services: ASGIApp) -> ASGIApp:
        """The services, overheard."""

        async def overheard(scope: Scope, receive: Receive, send: Send) -> None:
            headers, body = Headers(scope=scope), bytearray()
            json = headers.get("content-type", "").startswith("application/json")

            async def received() -> Message:
                message = await receive()
                if json:
                    body.extend(message.get("body", b""))
                return message

            if not self._is_theirs(headers):
                await services(scope, receive, send)
                return
            await services(scope, received, send)
            query = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
            self.requests.append(
                Request(
                    verb=scope["method"],
                    host=_host(headers),
                    path=scope["raw_path"].decode(),
                    query=tuple(query),
                    body=body.decode(),
                )
            )

        return overheard

    def _is_theirs(self, headers: Headers) -> bool:
        """Whether one of the members asks a REST API; the image registry is none of Google's."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        known = self._cloud.tokens.get(token)
        theirs = known is not None and known.member in self._members
        return theirs and _host(headers).endswith(".googleapis.com")


def _host(headers: Headers) -> str:
    return headers.get("host", "").partition(":")[0]
