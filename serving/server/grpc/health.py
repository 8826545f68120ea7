"""gRPC's health service, as the real server has it: ``Check`` and ``Watch``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc

SERVICE: Final = "grpc.health.v1.Health"
_HEALTHY: Final = ("", "PredictionService", "ModelService")


class Health:
    """The service. Models answer as soon as it does, so what it knows serves until the server drains."""

    def __init__(self) -> None:
        from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]

        self._messages = health_pb2
        self._draining = asyncio.Event()

    def drain(self) -> None:
        """Reports the services as not serving from now on, and ends the watches."""
        self._draining.set()

    def handlers(self) -> grpc.GenericRpcHandler:
        """Returns the service's methods."""
        arguments = {
            "request_deserializer": self._messages.HealthCheckRequest.FromString,
            "response_serializer": self._messages.HealthCheckResponse.SerializeToString,
        }
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, **arguments),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **arguments),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    async def _check(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        if request.service not in _HEALTHY:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self._answer("NOT_SERVING" if self._draining.is_set() else "SERVING")

    async def _watch(self, request: Any, _: grpc.aio.ServicerContext) -> AsyncIterator[Any]:
        """Reports the state now and when it changes; an unknown service might be added, so it is no error."""
        known = request.service in _HEALTHY
        if not self._draining.is_set():
            yield self._answer("SERVING" if known else "SERVICE_UNKNOWN")
            await self._draining.wait()
        if known:
            yield self._answer("NOT_SERVING")

    def _answer(self, status: str) -> Any:
        return self._messages.HealthCheckResponse(status=status)
