"""The floor for gRPC on our own HTTP/2: no message, no model; answers with fixed bytes."""

import asyncio
import socket
import sys

import uvloop

from serving.http2.server import Server

METHOD = b"/tensorflow.serving.PredictionService/Predict"
ANSWERS = {int(key): bytes(int(size)) for key, size in (pair.split(":") for pair in sys.argv[2:])}


async def main() -> None:
    server = Server({METHOD: lambda call: ANSWERS.get(len(call.message), b"")})
    await server.start([socket.create_server(("127.0.0.1", int(sys.argv[1])))])
    await asyncio.Event().wait()


uvloop.install()
asyncio.run(main())
