"""The gRPC front end: ``own_front`` serves it on our HTTP/2, ``aio_front`` on grpc.aio (``--grpc_front=aio``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from serving.server.grpc.calls import Calls
from serving.server.grpc.methods import Front, methods_of

if TYPE_CHECKING:
    from serving.server.arms.arms import Arms
    from serving.server.config.options import Options
    from serving.server.grpc.health import Health
    from serving.server.inference import Inference
    from serving.server.models.manager import ModelManager


class GrpcServer(Protocol):
    """A gRPC server on its ports."""

    async def start(self) -> None:
        """Binds the ports and answers; raises ServingError if a port cannot be bound."""

    async def stop(self, seconds: float) -> None:
        """Takes no new calls and finishes those in flight, within so many seconds."""


def build_grpc_server(
    inference: Inference,
    manager: ModelManager,
    options: Options,
    metrics: Any = None,
    request_log: Any = None,
    health: Health | None = None,
    arms: Arms | None = None,
) -> GrpcServer:
    """Builds the gRPC server that the options ask for; the caller starts it on the event loop.

    Args:
        inference: Answers inference requests.
        manager: Leases versions, reports their states, applies configurations.
        options: The server's options.
        metrics: Counts requests, if given.
        request_log: Logs samples of requests, if given.
        health: The health service, if there is to be one.
        arms: The experiments, if there are any.

    Returns:
        The server, not yet started.
    """
    front = Front(metrics, request_log, arms)
    methods = methods_of(Calls(inference, manager, options, metrics))
    if options.grpc_front == "aio":
        from serving.server.grpc.aio_front import AioServer

        return AioServer(front, methods, options, health)
    from serving.server.grpc.own_front import OwnServer

    return OwnServer(front, methods, options, health)
