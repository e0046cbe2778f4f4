"""Records the requests of some callers to Google's REST APIs, as they reach the local cloud.

It changes neither requests nor responses. JSON bodies are recorded, uploaded content is not.
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
    """One recorded request."""

    verb: str
    host: str
    path: str
    """still percent-encoded: a slash in a name is no slash in the path"""
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""


class Recorder:
    """Records the requests of some members, in the order of their responses."""

    def __init__(self, cloud: Cloud, members: AbstractSet[str]) -> None:
        self.requests: list[Request] = []
        self._cloud = cloud
        self._members = members

    def middleware(self, services: ASGIApp) -> ASGIApp:
        """The services, with their requests recorded."""

        async def overheard(scope: Scope, receive: Receive, send: Send) -> None:
            headers, body = Headers(scope=scope), bytearray()
            json = headers.get("content-type", "").startswith("application/json")

            async def received() -> Message:
                message = await receive()
                if json:
                    body.extend(message.get("body", b""))
                return message

            if not self._is_recorded(headers):
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

    def _is_recorded(self, headers: Headers) -> bool:
        """Whether a member calls a REST API; the image registry has no discovery document."""
        token = headers.get("authorization", "").removeprefix("Bearer ")
        known = self._cloud.tokens.get(token)
        theirs = known is not None and known.member in self._members
        return theirs and _host(headers).endswith(".googleapis.com")


def _host(headers: Headers) -> str:
    return headers.get("host", "").partition(":")[0]
