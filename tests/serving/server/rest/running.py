"""The HTTP front end on a real socket with a fake model: testing HTTP does not need TensorFlow."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np

from serving.http.budget import Budget
from serving.http.front import HttpServer
from serving.http.handler import Limits
from serving.server.config.options import Options
from serving.server.engine.signature import ModelSpec, Signature, TensorInfo
from serving.server.metrics import Metrics
from serving.server.models.harness import State, VersionStatus
from serving.server.request_log import RequestLog
from serving.server.rest.api import RestApi
from serving.server.rest.front import build_http_server
from serving.server.status import Code, ServingError

DTYPES = {
    "float": 1,
    "double": 2,
    "int32": 3,
    "uint8": 4,
    "int8": 6,
    "string": 7,
    "int64": 9,
    "bool": 10,
    "half": 19,
}


def signature(
    inputs: dict[str, str], outputs: dict[str, str] | None = None, key: str = "serving_default"
) -> Signature:
    """A signature from input and output names with their types."""

    def infos(names: dict[str, str]) -> dict[str, TensorInfo]:
        return {
            name: TensorInfo(name, f"{name}:0", DTYPES[dtype], None) for name, dtype in sorted(names.items())
        }

    return Signature(key, "tensorflow/serving/predict", infos(inputs), infos(outputs or {"y": "float"}))


class FakeModel:
    """A double of a loaded model, without TensorFlow: it answers with its inputs, or as a test tells it."""

    def __init__(self) -> None:
        self.signatures = {
            "serving_default": signature({"x": "float"}),
            "pair": signature({"a": "float", "b": "int64"}, {"a": "float", "b": "int64"}, "pair"),
            "text": signature({"s": "string"}, {"s": "string"}, "text"),
            "half": signature({"h": "half"}, key="half"),
        }
        self.metadata = b""
        self.seen: list[Any] = []
        self.outputs: dict[str, np.ndarray] | None = None
        self.error: BaseException | None = None


class FakeInference:
    """A double of the engine; only the HTTP side is tested here."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.hold: threading.Event | None = None

    async def predict(
        self,
        lease: Any,
        name: str,
        inputs: dict[str, np.ndarray],
        output_filter: tuple[str, ...],
        timeout_ms: int,
    ) -> Any:
        model = lease.servable
        self.entered.set()
        if self.hold is not None:
            await asyncio.to_thread(self.hold.wait, 5)
        model.seen.append((name, inputs, timeout_ms))
        if model.error is not None:
            raise model.error
        return SimpleNamespace(signature=model.signatures[name], outputs=model.outputs or inputs)

    async def classify(self, lease: Any, name: str, examples: list[bytes], timeout_ms: int) -> Any:
        lease.servable.seen.append((name, examples, timeout_ms))
        return [[(b"cat", 0.75), (b"dog", 0.25)] for _ in examples]

    async def regress(self, lease: Any, name: str, examples: list[bytes], timeout_ms: int) -> Any:
        lease.servable.seen.append((name, examples, timeout_ms))
        return [2.5 for _ in examples]


class FakeLease:
    """A lease that counts its releases."""

    def __init__(self, model: FakeModel, version: int) -> None:
        self.servable, self.version, self.released = model, version, 0

    def release(self) -> None:
        self.released += 1

    def __enter__(self) -> FakeLease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class FakeManager:
    """Knows one model ``m`` with version 2, labelled ``best``."""

    def __init__(self, model: FakeModel) -> None:
        self.model = model
        self.leases: list[FakeLease] = []
        self.known = {"m": [VersionStatus(2, State.AVAILABLE), VersionStatus(1, State.END)]}

    def acquire(self, spec: ModelSpec) -> FakeLease:
        if spec.label not in (None, "best"):
            raise ServingError(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.label}")
        if spec.name != "m" or spec.version not in (None, 2):
            wanted = (
                f"Latest({spec.name})" if spec.version is None else f"Specific({spec.name}, {spec.version})"
            )
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
        self.leases.append(FakeLease(self.model, 2))
        return self.leases[-1]

    def statuses(self, name: str, version: int | None = None) -> list[VersionStatus]:
        if name not in self.known:
            raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        return self.known[name]

    def model_names(self) -> list[str]:
        return list(self.known)


class RunningServer:
    """The HTTP front end in its own thread, with a client."""

    def __init__(self, options: Options, limits: Limits | None = None) -> None:
        self.model = FakeModel()
        self.manager = FakeManager(self.model)
        self.inference = FakeInference()
        self.metrics = Metrics()
        self.request_log = RequestLog(options, self.metrics)
        self._loop = asyncio.new_event_loop()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._started = threading.Event()
        self._options, self._listener, self._limits = options, listener, limits
        self._server: HttpServer | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(10)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()
        self._loop.close()

    async def _start(self) -> None:
        parts: Any = (self.inference, self.manager, self._options, self.metrics, self.request_log)
        self._server = (
            HttpServer(RestApi(*parts), self._limits) if self._limits else build_http_server(*parts)
        )
        await self._server.start([self._listener])
        self._started.set()

    def predict(self, document: Any, path: str = "/v1/models/m:predict", **options: Any) -> httpx.Response:
        if isinstance(document, str):
            document = document.encode()
        if isinstance(document, bytes):
            return self.client.post(path, content=document, **options)
        return self.client.post(path, json=document, **options)

    def sweep(self) -> None:
        """Closes idle connections now, not at the next sweep."""
        assert self._server is not None
        self._loop.call_soon_threadsafe(self._server._shared.close_idle, self._loop.time())

    def budget(self) -> Budget:
        """The budget that its requests share."""
        assert self._server is not None
        return self._server._shared.budget

    def stop(self) -> None:
        assert self._server is not None
        asyncio.run_coroutine_threadsafe(self._server.stop(2.0), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self.client.close()
        self.request_log.close()
