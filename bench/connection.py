"""The line to the local cloud: how long it is, and every request that came along it.

Requests wait for the latency side by side: the cloud's event loop goes on with others meanwhile.
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
    """One request; its moments are of the machine's monotonic clock."""

    method: str
    path: str
    """With the object's name encoded."""
    arrived: float
    answered: float


@dataclass
class Connection:
    """All services of the local cloud, some way off."""

    latency: float = 0.0
    """Seconds, for each request."""
    requests: list[Request] = field(default_factory=list)

    def around(self, services: ASGIApp) -> ASGIApp:
        """What `rehearsal.cloud.http.server.running` takes."""

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
