"""The gRPC front end on grpc.aio, as it was before our own HTTP/2; to compare, and as a way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc

from serving.server.config.tls import credentials
from serving.server.grpc.methods import Front, Method, addresses
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.server.config.options import Options
    from serving.server.grpc.health import Health

_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class AioServer:
    """The server.

    Args:
        front: What every call gets.
        methods: The methods.
        options: The server's options.
        health: The health service, if there is to be one.
    """

    def __init__(
        self, front: Front, methods: Sequence[Method], options: Options, health: Health | None
    ) -> None:
        self._options = options
        self._server = grpc.aio.server(options=_arguments(options))
        for service in {method.service for method in methods}:
            handlers = {one.name: _handler(front, one) for one in methods if one.service == service}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        if health is not None:
            self._server.add_generic_rpc_handlers((health.handlers(),))

    async def start(self) -> None:
        """Binds the ports and answers.

        Raises:
            ServingError: A port cannot be bound.
        """
        for address in addresses(self._options):
            self._add_port(address)
        await self._server.start()

    async def stop(self, seconds: float) -> None:
        """Takes no new calls and finishes those in flight, within so many seconds."""
        await self._server.stop(seconds)

    def _add_port(self, address: str) -> None:
        try:
            if self._options.ssl is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, credentials(self._options.ssl))
        except RuntimeError as error:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Failed to BuildAndStart gRPC server at {address}: {error}"
            ) from error
        if port == 0 and not address.startswith("unix:"):
            raise ServingError(Code.INVALID_ARGUMENT, f"Failed to BuildAndStart gRPC server at {address}")


def _arguments(options: Options) -> list[tuple[str, int | str]]:
    limit = options.grpc_message_limit
    return [
        ("grpc.max_receive_message_length", limit),
        ("grpc.max_send_message_length", limit),
        *options.grpc_arguments,
    ]


def _handler(front: Front, method: Method) -> grpc.RpcMethodHandler:
    async def handle(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
        given = tuple(
            (name.encode(), value if isinstance(value, bytes) else value.encode())
            for name, value in context.invocation_metadata() or ()
        )
        answered = await front.answer(method, data, context.time_remaining(), given)
        # To abort raises an error that gRPC keeps beside the call: a cycle with this frame. The frame may not know the
        # message then, or it would stay until the garbage collector comes.
        del data
        if answered.trailing:
            context.set_trailing_metadata(tuple((name.decode(), value) for name, value in answered.trailing))
        message = answered.message
        if message is None:
            await context.abort(_CODES[int(answered.code)], answered.text)
            raise AssertionError("abort raises")
        return message

    return grpc.unary_unary_rpc_method_handler(handle)
