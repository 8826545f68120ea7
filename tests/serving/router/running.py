"""A router in a thread of its own, experiments that a test scripts, and a cheap HTTP backend that records what it got."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from serving.experiments.contract import Choice, Outcome, Target
from serving.router.backends import Backend, Backends
from serving.router.options import RouterOptions
from serving.router.router import Router

SECONDS = 30.0
HTTP = httpx.Client(
    trust_env=False, verify=False, timeout=SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
)
"""A client that keeps no connection; to make one for each request costs more than the request."""
CONTROL = Target("m", version=1)


class ScriptedRoute:
    """A test double of the experiments on one model: gives every request the choice that the test sets.

    Args:
        choice: Returns the choice for a unit; None takes no part.
        **more: Attributes of the route.
    """

    def __init__(self, choice: Callable[[str | None], Choice | None], **more: Any) -> None:
        self.unit_header: bytes | None = b"penstock-unit"
        self.unit_feature: str | None = None
        self.reads_body = False
        self.features: tuple[str, ...] | None = None
        self.control = CONTROL
        self.hang: float | None = None
        self.__dict__.update(more)
        self._choice = choice
        self.units: list[str | None] = []
        self.bodies: list[Mapping[str, object]] = []
        self.outcomes: list[tuple[Choice, Outcome]] = []
        self.shadows: list[tuple[str, Outcome]] = []

    def choose(
        self, unit: str | None, request_id: str, body: Callable[[], Mapping[str, object]] | None = None
    ) -> Choice | None:
        self.units.append(unit)
        if body is not None:
            self.bodies.append(body())
        return self._choice(unit)

    def answered(self, choice: Choice, outcome: Outcome) -> None:
        self.outcomes.append((choice, outcome))

    def shadowed(self, choice: Choice, arm: str, outcome: Outcome) -> None:
        self.shadows.append((arm, outcome))


@dataclass
class ScriptedTraffic:
    """The routes by public model name."""

    routes: dict[str, ScriptedRoute] = field(default_factory=dict)

    def route(self, model: str) -> ScriptedRoute | None:
        return self.routes.get(model)


def to(target: Target, **more: Any) -> Choice:
    """A choice of this target."""
    return Choice("e", "new", target, 0.5, b"u" * 16, "abc", 1, **more)


def experiment(target: Target, **more: Any) -> ScriptedRoute:
    """A route that sends everything to one target; ``more`` are fields of the choice."""
    return ScriptedRoute(lambda _: to(target, **more))


def front(backend: RestBackend, **routes: ScriptedRoute) -> RunningRouter:
    """A router in front of one REST backend, with experiments by public model name."""
    return RunningRouter({"main": {"rest": backend.address}}, routes)


def _backends(given: Mapping[str, Mapping[str, Any]]) -> Backends:
    return Backends({name: Backend(name, **fields) for name, fields in given.items()})


class RunningRouter:
    """A router in its own thread; a context manager.

    Args:
        backends: Name → addresses, such as ``{"rest": "127.0.0.1:1"}``.
        routes: The experiments by public model name.
        options: Its options; the ports are free ones.
        own: The experiments' endpoints.
    """

    def __init__(
        self,
        backends: Mapping[str, Mapping[str, Any]],
        routes: Mapping[str, ScriptedRoute] | None = None,
        options: RouterOptions | None = None,
        own: Any = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        options = options or RouterOptions(port=0, rest_port=0, drain_seconds=1.0)
        self.router = Router(options, _backends(backends), ScriptedTraffic(dict(routes or {})), own)

    def __enter__(self) -> RunningRouter:
        self._thread.start()
        self.run(self.router.start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self.router.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def run(self, work: Any) -> Any:
        """Runs a coroutine on the router's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(SECONDS)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Calls a function on the router's loop."""

        async def run() -> Any:
            return function(*args)

        return self.run(run())

    def use(self, backends: Mapping[str, Mapping[str, Any]]) -> None:
        """Gives the router other backends."""

        async def change() -> None:
            self.router.use(_backends(backends))

        self.run(change())

    @property
    def rest_port(self) -> int:
        assert self.router.rest_port is not None
        return self.router.rest_port

    @property
    def address(self) -> str:
        """Of its gRPC port."""
        return f"127.0.0.1:{self.router.port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rest_port}"


@dataclass
class Got:
    """A request as the backend got it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class RestBackend:
    """A cheap HTTP/1.1 backend: answers what ``answer`` says and records requests; a context manager.

    Args:
        answer: Writes the answer with the handler's methods; by default JSON with the path.
    """

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler, Got], None] | None = None) -> None:
        self.got: list[Got] = []
        self.connections = 0
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # Head and body are two writes: the second would wait 40 ms.

            def setup(self) -> None:
                backend.connections += 1
                super().setup()

            def _any(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                got = Got(self.command, self.path, list(self.headers.items()), self.rfile.read(size))
                backend.got.append(got)
                (answer or _echo)(self, got)

            do_GET = do_POST = do_PUT = do_HEAD = do_OPTIONS = do_DELETE = _any

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> RestBackend:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _echo(handler: BaseHTTPRequestHandler, got: Got) -> None:
    answer(handler, 200, f'{{"path": "{got.path}"}}'.encode())


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Writes one answer."""
    handler.send_response(status)
    for name, value in {"Content_Type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body)
