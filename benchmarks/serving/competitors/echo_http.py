"""The floor for REST: httptools on uvloop, no JSON, no model; answers with fixed bytes."""

import asyncio
import sys

import httptools
import uvloop

ANSWERS = {int(key): bytes(int(size)) for key, size in (pair.split(":") for pair in sys.argv[2:])}


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.size = 0

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.size += len(body)

    def on_message_complete(self) -> None:
        body = ANSWERS.get(self.size, b"")
        self.size = 0
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.install()
asyncio.run(main())
