"""What most would write first: a grpc.aio server that forwards bytes through a grpc.aio channel, on uvloop, one process."""

import asyncio
import sys

import grpc
import uvloop

LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Forward(grpc.GenericRpcHandler):
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.known: dict[str, tuple[grpc.RpcMethodHandler, grpc.aio.UnaryUnaryMultiCallable]] = {}

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = details.method
        if method not in self.known:
            call = self.channel.unary_unary(method)

            async def answer(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
                try:
                    return await call(request, timeout=context.time_remaining())
                except grpc.aio.AioRpcError as error:
                    await context.abort(error.code(), error.details() or "")

            self.known[method] = (grpc.unary_unary_rpc_method_handler(answer), call)
        return self.known[method][0]


async def main(port: str, backend: str) -> None:
    async with grpc.aio.insecure_channel(backend, LIMITS) as channel:
        server = grpc.aio.server(options=LIMITS)
        server.add_generic_rpc_handlers((Forward(channel),))
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


uvloop.install()
asyncio.run(main(*sys.argv[1:]))
