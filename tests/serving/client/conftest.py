"""Small real servers on the loopback, whose answers the test provides."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest

METADATA = b"""{"model_spec": {"name": "m", "signature_name": "", "version": "7"}, "metadata": {"signature_def":
 {"signature_def": {"serving_default": {"inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1",
 "name": ""}], "unknown_rank": false}, "name": "x:0"}}, "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape":
 {"dim": [{"size": "-1", "name": ""}], "unknown_rank": false}, "name": "y:0"}}, "method_name":
 "tensorflow/serving/predict", "defaults": {}}, "__saved_model_init_op": {"inputs": {}, "outputs":
 {"__saved_model_init_op": {"dtype": "DT_INVALID", "tensor_shape": {"dim": [], "unknown_rank": true}, "name":
 "NoOp"}}, "method_name": "", "defaults": {}}}}}}"""
"""Metadata of a model with one float input ``x`` and one float output ``y``."""


class Clock:
    """Time that passes in pauses only."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The client's only clock: however long a busy machine takes for a call, its deadline stays as far away."""
    made = Clock()
    for module in ("retry", "ready"):
        monkeypatch.setattr(f"serving.client.{module}.time", made)
    return made


@dataclass
class HttpServer:
    """A real HTTP server; ``answer`` gets each request's handler and writes any answer."""

    answer: Callable[[Any], None]
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    connections: int = 0
    url: str = ""


def reply(handler: Any, body: bytes, status: int = 200) -> None:
    """Sends a JSON answer."""
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def http_server() -> Iterator[HttpServer]:
    state = HttpServer(lambda handler: reply(handler, b"{}"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            state.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.requests.append((self.command, self.path, body))
            state.answer(self)

        do_GET = do_POST

        def log_message(self, *said: object) -> None:
            """Logs nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class GrpcServer:
    """A real gRPC server on raw bytes; ``answer`` gets the method's name, the request and the context."""

    answer: Callable[[str, bytes, Any], bytes]
    requests: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""


class _Anything(grpc.GenericRpcHandler):
    def __init__(self, state: GrpcServer) -> None:
        self._state = state

    def service(self, details: Any) -> Any:
        name = details.method.rpartition("/")[2]

        def run(request: bytes, context: Any) -> bytes:
            self._state.requests.append((name, request))
            return self._state.answer(name, request, context)

        return grpc.unary_unary_rpc_method_handler(run)


def serve_grpc(state: GrpcServer, port: int) -> tuple[Any, int]:
    """Starts a server on a port, 0 for a free one; returns it and the port."""
    options = [("grpc.max_receive_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(_Anything(state),), options=options)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


@pytest.fixture
def grpc_server() -> Iterator[GrpcServer]:
    state = GrpcServer(lambda name, request, context: b"")
    server, port = serve_grpc(state, 0)
    state.url = f"grpc://127.0.0.1:{port}"
    yield state
    server.stop(0).wait()
