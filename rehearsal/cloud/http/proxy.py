"""An HTTPS proxy that leads Google's host names to the local cloud and refuses all others.

So clients keep their production configuration with the real URLs: a client with `HTTPS_PROXY` asks
this proxy for `storage.googleapis.com` and reaches the local cloud.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSAL = (
    b"HTTP/1.1 403 Forbidden by the local cloud\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
CHUNK = 1 << 16


class Proxy:
    """Tunnels CONNECT requests for known hosts to one loopback port; `refused` lists the others."""

    def __init__(self, known: Callable[[str], bool], tls_port: int) -> None:
        self.known = known
        self.tls_port = tls_port
        self.refused: list[str] = []

    async def serve(self, sock: socket.socket) -> asyncio.Server:
        """Start accepting on a bound socket."""
        return await asyncio.start_server(self._client, sock=sock)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Only the end of the event loop cancels a tunnel.
        gone = (OSError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target = head.decode("latin-1").split(" ", 2)[:2]
            host, _, port = target.rpartition(":")
            if method == "CONNECT" and port == "443" and self.known(host):
                there, back = await asyncio.open_connection("127.0.0.1", self.tls_port)
                writer.write(ESTABLISHED)
                inbound = writer.get_extra_info("socket")
                await asyncio.gather(
                    self._pipe(reader, back, inbound), self._pipe(there, writer, None)
                )
            else:
                self.refused.append(target)
                writer.write(REFUSAL)
                await writer.drain()
        writer.close()

    @staticmethod
    async def _pipe(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inbound: socket.socket | None
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                if inbound is not None and hasattr(socket, "TCP_QUICKACK"):
                    # urllib3 leaves Nagle's algorithm on for proxied connections; a quick
                    # acknowledgement saves its 40 ms per upload.
                    inbound.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # one side hung up: close the other one
        finally:
            writer.close()
