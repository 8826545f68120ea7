"""Runs the suites' service on ``serving.http2``: ``serve.py PORT TLS_PORT TABLE_PORT CERTIFICATES``; prints ``ready``."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from serving.http2.call import Call, CallFault, Reply
from serving.http2.limits import Limits
from serving.http2.server import Server
from tests.integration.http2 import service

LIMITS = Limits(streams=100)
WITH_TABLE = Limits(streams=100, table_bytes=4096)
GRACE_SECONDS = 20
METHODS = [f"/suite.Echo/{name}" for name in ("Echo", "Sleep", "Cancelled", "Fail", "Drain")]
METHODS += [
    f"/grpc.testing.TestService/{name}"
    for name in ("EmptyCall", "UnaryCall", "FullDuplexCall", "StreamingInputCall")
]


class Front:
    """Three servers, one with TLS, one with a dynamic table, that can be replaced by fresh ones on the same ports.

    Args:
        plain: The port without TLS.
        secure: The port with TLS.
        table: The port whose clients may use a dynamic table.
        folder: The folder of the certificate.
    """

    def __init__(self, plain: int, secure: int, table: int, folder: Path) -> None:
        self._ports = (plain, secure, table)
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self._tls.set_alpn_protocols(["h2"])
        self._service = service.Service(self.replace)
        self._running: list[Server] = []

    async def start(self) -> None:
        """Listens with fresh servers."""
        started = []
        forms = ((None, LIMITS), (self._tls, LIMITS), (None, WITH_TABLE))
        for port, (tls, limits) in zip(self._ports, forms, strict=True):
            server = Server({method.encode(): self._answer for method in METHODS}, limits)
            await server.start([_listener(port)], tls=tls)
            started.append(server)
        self._running = started

    async def replace(self) -> None:
        """Starts fresh servers, and drains the old ones."""
        old = self._running
        await self.start()
        await asyncio.gather(*(server.stop(GRACE_SECONDS) for server in old))

    async def _answer(self, call: Call) -> Reply:
        metadata = [(name.decode(), value) for name, value in call.metadata]
        reply = await self._service.answer(call.path.decode(), metadata, call.message, call.compressed)
        first, last = (tuple((name.encode(), value) for name, value in part) for part in reply.echoed)
        if reply.code:
            raise CallFault(reply.code, reply.text, last)
        return Reply(reply.message, last, compress=reply.compress, initial=first)


def _listener(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


async def main(plain: str, secure: str, table: str, folder: str) -> None:
    await Front(int(plain), int(secure), int(table), Path(folder)).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
