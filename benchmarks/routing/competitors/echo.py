"""A backend for the data planes' own cost: our HTTP/2 library and httptools on uvloop, no model; fixed answers from two files."""

import asyncio
import socket
import sys
from pathlib import Path

import httptools
import uvloop

from serving.http2.server import Server

METHOD = b"/tensorflow.serving.PredictionService/Predict"
GRPC, REST = Path("grpc").read_bytes(), Path("rest").read_bytes()
HEAD = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(REST)}\r\n\r\n".encode()


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(HEAD + REST)


async def main(grpc: str, rest: str) -> None:
    listener = socket.create_server(("127.0.0.1", int(grpc)))
    await Server({METHOD: lambda call: GRPC}).start([listener])
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", int(rest))
    await server.serve_forever()


uvloop.install()
asyncio.run(main(*sys.argv[1:]))
