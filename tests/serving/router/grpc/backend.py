"""A cheap gRPC backend (grpcio's own server, answering bytes) that records what it got, and messages for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import grpc

from serving.wire import client_pb2
from tests.serving.router.running import RunningRouter, ScriptedRoute

PREDICT = "/tensorflow.serving.PredictionService/Predict"
CLASSIFY = "/tensorflow.serving.PredictionService/Classify"
MULTI = "/tensorflow.serving.PredictionService/MultiInference"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
HEAD = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", PREDICT.encode()), (b"te", b"trailers")]
SECONDS = 20.0
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclass
class Got:
    """A call as the backend got it."""

    method: str
    metadata: dict[str, Any]
    message: bytes
    remaining: float | None

    @property
    def spec(self) -> Any:
        """The request's model_spec."""
        return client_pb2.PredictRequest.FromString(self.message).model_spec


Answer = Callable[[Got, Any], bytes]


def predict(model: str = "m", version: int | None = None, label: str = "", size: int = 0) -> bytes:
    """A PredictRequest."""
    request = client_pb2.PredictRequest()
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    request.model_spec.version_label = label
    request.inputs["x"].dtype = 1
    request.inputs["x"].tensor_content.append(bytes(size))
    return request.SerializeToString()


def echo(got: Got, context: Any) -> bytes:
    """Answers with a PredictResponse that names the version that was asked for."""
    response = client_pb2.PredictResponse()
    response.model_spec.name = got.spec.name
    response.model_spec.version.value = got.spec.version.value
    return response.SerializeToString()


class GrpcBackend(grpc.GenericRpcHandler):
    """The backend; a context manager.

    Args:
        answer: Answers unary calls; methods whose name begins with Stream echo each message.
        port: Its port; 0 takes a free one.
        **options: Further arguments of ``grpc.server``.
    """

    def __init__(self, answer: Answer = echo, port: int = 0, credentials: Any = None, **options: Any) -> None:
        self.got: list[Got] = []
        self.cancelled = threading.Event()
        self._answer = answer
        own = [*UNLIMITED, *options.pop("options", ())]
        self._server = grpc.server(ThreadPoolExecutor(16), handlers=[self], options=own, **options)
        address = f"127.0.0.1:{port}"
        add = self._server.add_secure_port if credentials else self._server.add_insecure_port
        self.port = add(*((address, credentials) if credentials else (address,)))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def service(self, details: Any) -> Any:
        method = details.method
        metadata = dict(details.invocation_metadata)
        if method.rpartition("/")[2].startswith("Unknown"):
            return None

        def unary(message: bytes, context: Any) -> bytes:
            got = Got(method, metadata, message, context.time_remaining())
            self.got.append(got)
            context.add_callback(lambda: None if context.is_active() else self.cancelled.set())
            return self._answer(got, context)

        def stream(messages: Iterator[bytes], context: Any) -> Iterator[bytes]:
            context.send_initial_metadata((("first", "yes"),))
            yield from messages
            context.set_trailing_metadata((("last", "yes"),))

        if method.rpartition("/")[2].startswith("Stream"):
            return grpc.stream_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)

    def __enter__(self) -> GrpcBackend:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait(5)

    def stop(self, grace: float) -> Any:
        """Says goodbye to its clients and stops after a while."""
        return self._server.stop(grace)


class Client:
    """A client over grpcio's C core, of bytes; a context manager.

    Args:
        address: The router's.
        credentials: For TLS.
        **options: Further arguments of the channel.
    """

    def __init__(self, address: str, credentials: Any = None, **options: Any) -> None:
        own = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
        self.channel = (
            grpc.secure_channel(address, credentials, own, **options)
            if credentials
            else grpc.insecure_channel(address, own, **options)
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(
        self, message: bytes, method: str = PREDICT, seconds: float = SECONDS, **metadata: str
    ) -> tuple[bytes, dict[str, Any]]:
        """One unary call: the answer and its trailing metadata."""
        pairs = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        answer, call = self.channel.unary_unary(method).with_call(message, timeout=seconds, metadata=pairs)
        return answer, dict(call.trailing_metadata())

    def error(self, message: bytes, method: str = PREDICT, seconds: float = SECONDS) -> Any:
        """The error of one unary call that fails."""
        try:
            self.call(message, method, seconds)
        except grpc.RpcError as error:
            return error
        raise AssertionError("the call did not fail")


def front(backend: GrpcBackend, **routes: ScriptedRoute) -> RunningRouter:
    """A router in front of one gRPC backend, with experiments by public model name."""
    return RunningRouter({"main": {"grpc": backend.address}}, routes)
