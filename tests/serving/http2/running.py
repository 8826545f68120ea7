"""Servers and clients on real sockets, for the tests of HTTP/2."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

from serving.http2 import frames
from serving.http2.client import connect
from serving.http2.server import Server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from serving.http2.call import Call, Handler
    from serving.http2.client import ClientConnection


def listener() -> socket.socket:
    """Returns a listening socket on a free loopback port."""
    found = socket.socket()
    found.bind(("127.0.0.1", 0))
    found.listen(100)
    found.setblocking(False)
    return found


def echo(call: Call) -> bytes:
    """Answers the message."""
    return call.message


ECHO = b"/test.Echo/Say"


@contextlib.asynccontextmanager
async def running(
    methods: Mapping[bytes, Handler] | None = None, **options: Any
) -> AsyncIterator[tuple[Server, int]]:
    """Runs a server; yields it and its port."""
    server = Server(methods or {ECHO: echo}, **options)
    server.sweep_seconds = 0.1
    own = listener()
    port = own.getsockname()[1]
    await server.start([own])
    try:
        yield server, port
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def client_of(port: int, **options: Any) -> AsyncIterator[ClientConnection]:
    """Connects our client."""
    connection = await connect("127.0.0.1", port, **options)
    try:
        yield connection
    finally:
        connection.abort()


class Raw:
    """A peer that sends what it is told, byte by byte if need be, and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int, *, greet: bool = True) -> Raw:
        """Connects; greeting means to exchange SETTINGS, with the acknowledgement of the server's."""
        raw = cls(*await asyncio.open_connection("127.0.0.1", port))
        if greet:
            raw.send(frames.PREFACE + frames.settings({}) + frames.SETTINGS_ACK)
            await raw.until(frames.SETTINGS, frames.ACK)
        return raw

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> tuple[int, int, int, bytes]:
        """Returns type, flags, stream and payload of the next frame; raises at the end."""
        upper, lower, kind, flags, number = frames.read_head(await self.reader.readexactly(9))
        return kind, flags, number, await self.reader.readexactly(upper << 8 | lower)

    async def until(self, kind: int, flags: int = 0) -> tuple[int, int, int, bytes]:
        """Returns the next frame of a type that has these flags."""
        while True:
            frame = await self.frame()
            if frame[0] == kind and frame[1] & flags == flags:
                return frame

    async def goodbye(self) -> int:
        """Returns the code of the GOAWAY that ends the connection."""
        code = int.from_bytes((await self.until(frames.GOAWAY))[3][4:8], "big")
        while await self.reader.read(65536):
            pass
        return code

    def close(self) -> None:
        self.writer.close()
