"""Faults of the local cloud, planned by a test: a busy service, a broken or hanging connection.

    faults = Faults()
    with running(middleware=faults.middleware) as local:
        faults.answer(503, "sts.googleapis.com", times=2)

A fault meets the next requests to its host whose path or query holds its text; then the service
answers again. Nothing of the local cloud is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Happens = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]

FOREVER = 10**6


@dataclass
class _Fault:
    host: str
    path: str
    happens: Happens
    left: int


@dataclass
class Faults:
    """What is to go wrong, and what was asked: host and path of every request."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    _planned: list[_Fault] = field(default_factory=list)

    def middleware(self, services: ASGIApp) -> ASGIApp:
        """The services with the faults in front of them."""

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            host = dict(scope["headers"]).get(b"host", b"").decode().partition(":")[0]
            path = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"
            self.asked.append((host, path))
            for fault in self._planned:
                if fault.left and fault.host == host and fault.path in path:
                    fault.left -= 1
                    await fault.happens(services, scope, receive, send)
                    return
            await services(scope, receive, send)

        return served

    def clear(self) -> None:
        """All is well again, and nothing was asked."""
        self.asked.clear()
        self._planned.clear()

    def count(self, host: str, path: str = "") -> int:
        """How often something was asked for."""
        return sum(each[0] == host and path in each[1] for each in self.asked)

    def answer(
        self,
        status: int,
        host: str,
        path: str = "",
        *,
        times: int = 1,
        body: Any = None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """Another answer than the service's; `meanwhile` happens just before it."""

        async def happens(_services: ASGIApp, _scope: Scope, receive: Receive, send: Send) -> None:
            while (await receive()).get("more_body"):
                pass
            meanwhile()
            said = json.dumps(body or {"error": {"code": status, "message": "planned"}}).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(said)).encode()),
            ]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": said})

        self._plan(host, path, happens, times)

    def drop(self, host: str, path: str = "", *, times: int = 1) -> None:
        """The connection is closed without an answer, and the service has not seen the request."""

        async def happens(_services: ASGIApp, _scope: Scope, receive: Receive, send: Send) -> None:
            await _hang_up(receive, send)

        self._plan(host, path, happens, times)

    def forget(self, host: str, path: str = "", *, times: int = 1) -> None:
        """The service does what it is asked, but the connection is closed before it can say so."""

        async def happens(services: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            async def unsaid(_message: Message) -> None:
                pass

            await services(scope, receive, unsaid)
            await _hang_up(receive, send)

        self._plan(host, path, happens, times)

    def cut(self, host: str, path: str = "", *, after: int, times: int = 1) -> None:
        """The connection is closed after so many bytes of the answer's body."""

        async def happens(services: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            left = after

            async def some(message: Message) -> None:
                nonlocal left
                body = message.get("body", b"")
                await send({**message, "body": body[:left], "more_body": True} if body else message)
                left -= len(body)
                if left < 0:
                    await _hang_up(receive, send)

            await services(scope, receive, some)

        self._plan(host, path, happens, times)

    def hold(
        self, host: str, path: str = "", *, times: int = 1
    ) -> tuple[threading.Event, threading.Event]:
        """The answer hangs: the first event says that it does, the second one lets it go."""
        reached, go = threading.Event(), threading.Event()

        async def happens(services: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            reached.set()
            await asyncio.to_thread(go.wait)
            with contextlib.suppress(ClientDisconnect):  # who asked may have gone by then
                await services(scope, receive, send)

        self._plan(host, path, happens, times)
        return reached, go

    def hold_back(
        self, host: str, path: str, *, times: int = 1
    ) -> tuple[threading.Event, threading.Event]:
        """The service does what it is asked, but its answer hangs; the events are as in `hold`."""
        reached, go = threading.Event(), threading.Event()

        async def happens(services: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            said: list[Message] = []

            async def unsaid(message: Message) -> None:
                said.append(message)

            await services(scope, receive, unsaid)
            reached.set()
            await asyncio.to_thread(go.wait)
            for message in said:  # to nobody, if who asked has gone by then
                await send(message)

        self._plan(host, path, happens, times)
        return reached, go

    def before(self, host: str, path: str, does: Callable[[], None]) -> None:
        """Something happens just before the next such request is served as ever."""

        async def happens(services: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
            does()
            await services(scope, receive, send)

        self._plan(host, path, happens, 1)

    def _plan(self, host: str, path: str, happens: Happens, times: int) -> None:
        self._planned.append(_Fault(host, path, happens, times))


async def _hang_up(receive: Receive, send: Send) -> None:
    transport = send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's; ASGI knows no reset
    transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass
