"""The connection to the local cloud: adds latency, and logs every request.

Concurrent requests wait for the latency at the same time, because the cloud's event loop continues.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; times of the machine's monotonic clock."""

    method: str
    path: str
    """With the object's name URL-encoded."""
    arrived: float
    answered: float


@dataclass
class Connection:
    """Middleware for all services of the local cloud."""

    latency: float = 0.0
    """Seconds, added to each request."""
    requests: list[Request] = field(default_factory=list)

    def around(self, services: ASGIApp) -> ASGIApp:
        """The argument `middleware` of `rehearsal.cloud.http.server.running`."""

        async def delayed(scope: Scope, receive: Receive, send: Send) -> None:
            arrived = time.monotonic()
            if self.latency:
                await asyncio.sleep(self.latency)
            await services(scope, receive, send)
            self.requests.append(
                Request(
                    method=scope["method"],
                    path=scope["raw_path"].decode("latin-1"),
                    arrived=arrived,
                    answered=time.monotonic(),
                )
            )

        return delayed
