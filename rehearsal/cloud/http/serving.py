"""An HTTP server on a loopback port: for the local cloud, and for each machine's metadata."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import ssl

    from starlette.types import ASGIApp


def bound(port: int = 0) -> socket.socket:
    """A loopback socket on the port, or on a free one for 0; OSError if the port is taken."""
    # asyncio sets TCP_NODELAY only on sockets that say IPPROTO_TCP; without it answers take 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
    except OSError:
        sock.close()
        raise
    return sock


def server(app: ASGIApp, context: ssl.SSLContext | None = None) -> uvicorn.Server:
    """A server for an application, with TLS if there is a context."""
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off", ws="none")
    config.load()
    config.ssl = context
    return uvicorn.Server(config)
