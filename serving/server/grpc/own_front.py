"""The gRPC front end on our own HTTP/2."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from typing import TYPE_CHECKING, Any

from serving.http import sockets
from serving.http.budget import Budget, default_bytes
from serving.http2.call import CallFault, Reply
from serving.http2.server import Server
from serving.server.config import tls
from serving.server.grpc import arguments
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serving.http2.call import Call, Handler
    from serving.server.config.options import Options
    from serving.server.grpc.health import Health
    from serving.server.grpc.methods import Front, Method

log = logging.getLogger(__name__)


class OwnServer:
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
        handlers: dict[bytes, Handler] = {
            f"/{method.service}/{method.name}".encode(): _handler(front, method) for method in methods
        }
        if health is not None:
            handlers.update(health.own_handlers())
        settings = arguments.read(options)
        for name in settings.ignored:
            log.warning(
                "--grpc_channel_arguments: %s has no effect here; --grpc_front=aio passes it to gRPC", name
            )
        self._server = Server(
            handlers,
            settings.limits,
            Budget(options.grpc_max_bytes_in_flight or default_bytes()),
            most_received=settings.most_received,
            most_sent=settings.most_sent,
            compress=settings.compress,
        )

    async def start(self) -> None:
        """Binds the ports and answers.

        Raises:
            ServingError: A port cannot be bound.
        """
        options = self._options
        context = None if options.ssl is None else tls.context(options.ssl)
        listeners: Sequence[Any] = ()
        path = options.grpc_socket_path
        try:
            if options.port:
                shared = options.worker_processes > 1
                listeners = sockets.bind(
                    options.host or "0.0.0.0", options.port, shared=shared, protocol="gRPC"
                )
            if path:
                _clear(path)
            await self._server.start(listeners, [path] if path else [], context)
        except (OSError, sockets.BindError) as error:
            for listener in listeners:
                listener.close()
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Failed to BuildAndStart gRPC server at {path or options.grpc_address}: {error}",
            ) from error

    async def stop(self, seconds: float) -> None:
        """Takes no new calls and finishes those in flight, within so many seconds."""
        await self._server.stop(seconds)


def _clear(path: str) -> None:
    """Removes the socket that an earlier server has left; nothing else of that name."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)


def _handler(front: Front, method: Method) -> Handler:
    answer = front.answer

    async def handle(call: Call) -> bytes | Reply:
        remaining = call.remaining()
        answered = await answer(method, call.take_message(), remaining, call.metadata)
        message, trailing = answered.message, answered.trailing
        if message is None:
            raise CallFault(answered.code, answered.text, trailing)
        return Reply(message, trailing) if trailing else message

    return handle
