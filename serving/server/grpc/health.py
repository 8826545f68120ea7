"""gRPC's health service, as the real server has it: ``Check`` and ``Watch``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from serving.codes import Code
from serving.http2.call import CallFault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from serving.http2.call import Call, Handler

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

    def handlers(self) -> Any:
        """Returns the service's methods for grpc.aio."""
        import grpc

        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check_aio),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch_aio),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def own_handlers(self) -> dict[bytes, Handler]:
        """Returns the service's methods for our own HTTP/2."""
        return {
            f"/{SERVICE}/Check".encode(): lambda call: self._check(call.message),
            f"/{SERVICE}/Watch".encode(): self._watch_own,
        }

    def _check(self, data: bytes) -> bytes:
        if self._service(data) not in _HEALTHY:
            raise CallFault(Code.NOT_FOUND, "unknown service")
        return self._answer("NOT_SERVING" if self._draining.is_set() else "SERVING")

    async def _watch(self, data: bytes) -> AsyncIterator[bytes]:
        """Reports the state now and when it changes; an unknown service might be added, so it is no error."""
        known = self._service(data) in _HEALTHY
        if not self._draining.is_set():
            yield self._answer("SERVING" if known else "SERVICE_UNKNOWN")
            await self._draining.wait()
        if known:
            yield self._answer("NOT_SERVING")

    def _watch_own(self, call: Call) -> AsyncIterator[bytes]:
        return self._watch(call.message)

    async def _check_aio(self, data: bytes, context: Any) -> bytes:
        import grpc

        try:
            return self._check(data)
        except CallFault as fault:
            code, text = fault.code, fault.message
        found = next(one for one in grpc.StatusCode if one.value[0] == code)
        await context.abort(found, text)
        raise AssertionError("abort raises")

    async def _watch_aio(self, data: bytes, _: Any) -> AsyncIterator[bytes]:
        async for answer in self._watch(data):
            yield answer

    def _service(self, data: bytes) -> str:
        from google.protobuf.message import DecodeError

        try:
            return str(self._messages.HealthCheckRequest.FromString(data).service)
        except DecodeError as error:
            raise CallFault(Code.INTERNAL, f"The request is no HealthCheckRequest: {error}") from error

    def _answer(self, status: str) -> bytes:
        return bytes(self._messages.HealthCheckResponse(status=status).SerializeToString())
