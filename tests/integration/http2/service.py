"""The service that the suites call: gRPC's interop ``TestService`` as far as it is unary, and a few methods on plain bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Pairs = list[tuple[str, bytes]]
OK, UNKNOWN, INVALID_ARGUMENT, UNIMPLEMENTED = 0, 2, 3, 12


@dataclass
class Reply:
    """What a method answers.

    Attributes:
        message: The answer's bytes.
        code: The status.
        text: The status's text.
        echoed: Metadata to send back, first and last.
        compress: Whether to compress the answer.
    """

    message: bytes = b""
    code: int = OK
    text: str = ""
    echoed: tuple[Pairs, Pairs] = ((), ())  # type: ignore[assignment]
    compress: bool = False


def _messages() -> dict[str, Any]:
    """Builds the part of ``grpc/testing/messages.proto`` that unary calls need; its bytes are the same."""
    kinds = descriptor_pb2.FieldDescriptorProto
    scalar = {
        "bool": kinds.TYPE_BOOL,
        "int32": kinds.TYPE_INT32,
        "string": kinds.TYPE_STRING,
        "bytes": kinds.TYPE_BYTES,
    }
    shapes = {
        "Empty": {},
        "BoolValue": {"value": (1, "bool")},
        "EchoStatus": {"code": (1, "int32"), "message": (2, "string")},
        "Payload": {"type": (1, "int32"), "body": (2, "bytes")},
        "SimpleRequest": {
            "response_size": (2, "int32"), "payload": (3, "Payload"), "response_compressed": (6, "BoolValue"),
            "response_status": (7, "EchoStatus"), "expect_compressed": (8, "BoolValue"),
        },
        "SimpleResponse": {"payload": (1, "Payload")},
    }  # fmt: skip
    file = descriptor_pb2.FileDescriptorProto(name="interop.proto", package="grpc.testing", syntax="proto3")
    for name, fields in shapes.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            one = message.field.add(name=field, number=number, label=kinds.LABEL_OPTIONAL)
            if kind in scalar:
                one.type = scalar[kind]
            else:
                one.type, one.type_name = kinds.TYPE_MESSAGE, f".grpc.testing.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"grpc.testing.{name}"))
        for name in shapes
    }


MESSAGES = _messages()


class Service:
    """The methods of ``/suite.Echo/`` and ``/grpc.testing.TestService/``.

    Args:
        drain: Starts a new front on the same port and closes the old one gently, with GOAWAY.
    """

    def __init__(self, drain: Callable[[], Awaitable[None]]) -> None:
        self._drain = drain
        self._cancelled = 0
        self._later: set[asyncio.Task[None]] = set()

    async def answer(self, path: str, metadata: Pairs, message: bytes, compressed: bool) -> Reply:
        """Answers one call.

        Args:
            path: The full method name.
            metadata: The client's metadata; values of ``-bin`` names decoded.
            message: The message, inflated.
            compressed: Whether the message came compressed.
        """
        service, _, name = path.rpartition("/")
        if service == "/suite.Echo":
            return await self._suite(name, metadata, message, compressed)
        if path == "/grpc.testing.TestService/EmptyCall":
            return Reply()
        if path == "/grpc.testing.TestService/UnaryCall":
            return self._unary(metadata, MESSAGES["SimpleRequest"].FromString(message), compressed)
        return Reply(code=UNIMPLEMENTED, text=f"{path} is not implemented")

    async def _suite(self, name: str, metadata: Pairs, message: bytes, compressed: bool) -> Reply:
        if name == "Echo":
            kept = [(key, value) for key, value in metadata if key.startswith("x-echo-")]
            return Reply(message, echoed=(kept, kept), compress=compressed)
        if name == "Sleep":
            try:
                await asyncio.sleep(int(message) / 1000)
            except asyncio.CancelledError:
                self._cancelled += 1
                raise
            return Reply()
        if name == "Cancelled":
            return Reply(str(self._cancelled).encode())
        if name == "Fail":
            code, _, text = message.decode().partition(" ")
            return Reply(code=int(code), text=text)
        if name == "Drain":
            task = asyncio.ensure_future(self._drain())
            self._later.add(task)
            task.add_done_callback(self._later.discard)
            return Reply()
        return Reply(code=UNIMPLEMENTED, text=f"{name} is not implemented")

    def _unary(self, metadata: Pairs, request: Any, compressed: bool) -> Reply:
        first = [pair for pair in metadata if pair[0] == "x-grpc-test-echo-initial"]
        last = [pair for pair in metadata if pair[0] == "x-grpc-test-echo-trailing-bin"]
        if request.HasField("expect_compressed") and request.expect_compressed.value != compressed:
            return Reply(
                code=INVALID_ARGUMENT, text="the message is compressed" if compressed else "it is not"
            )
        if request.response_status.code:
            status = request.response_status
            return Reply(code=status.code, text=status.message, echoed=(first, last))
        answer = MESSAGES["SimpleResponse"]()
        answer.payload.body = bytes(request.response_size)
        return Reply(
            answer.SerializeToString(), echoed=(first, last), compress=request.response_compressed.value
        )
