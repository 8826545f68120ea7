"""The floor for gRPC: grpc.aio on uvloop, no message, no model; answers with fixed bytes."""

import asyncio
import sys

import grpc
import uvloop

ANSWERS = {int(key): bytes(int(size)) for key, size in (pair.split(":") for pair in sys.argv[2:])}


class Anything(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return grpc.unary_unary_rpc_method_handler(self.answer)

    async def answer(self, request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        return ANSWERS.get(len(request), b"")


async def main() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Anything(),))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    await server.start()
    await server.wait_for_termination()


uvloop.install()
asyncio.run(main())
