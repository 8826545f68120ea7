"""A real HTTP server with the endpoints, on a real SQLite file."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from serving.experiments.control.access import Access
from serving.experiments.control.handler import Control
from serving.experiments.document.models import ExperimentsDocument
from serving.experiments.document.reader import parse_document
from serving.experiments.rewards.writer import RewardWriter
from serving.experiments.state.open import rules_of
from serving.experiments.state.sqlite import SqliteStore
from serving.experiments.state.store import Exposure
from serving.http.front import HttpServer
from serving.http.handler import Answer, Limits
from serving.http.sockets import bind

DOCUMENT = """
experiments:
  e:
    model: m
    control: old
    arms: {old: {version: 1, weight: 70%}, new: {version: 2, weight: 20%}, far: {version: 3, weight: 10%}}
    reward: {metric: retained, window: 100s}
  numbers:
    model: n
    layer: second
    control: old
    arms: {old: {version: 1, weight: 1}, new: {version: 2, weight: 1}}
    reward: {metric: minutes, type: number, window: 100s, repeated: last}
layers: {second: {salt: pepper}}
limits: {rewards: 100, body: 20000, waiting: 150}
"""


@dataclass
class Running:
    """A running server."""

    port: int
    store: SqliteStore
    control: Control
    document: ExperimentsDocument
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Returns status, JSON and headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **self.headers, **(headers or {})}
        connection.request(method, path, raw, {key: value for key, value in given.items() if value})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text), {k.lower(): v for k, v in answer.getheaders()}

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Returns status and JSON of a POST under /v1/experiments."""
        return self.call("POST", f"/v1/experiments{path}", body, headers)[:2]

    def get(self, path: str = "") -> tuple[int, dict[str, Any]]:
        """Returns status and JSON of a GET under /v1/experiments."""
        return self.call("GET", f"/v1/experiments{path}")[:2]


class _Only:
    """Answers the endpoints and nothing else."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        if self._control.matches(target):
            return await self._control.handle(method, target, headers, body)
        return Answer(404, b'{"error": "not an endpoint of experiments"}')

    def refusal(self, status: int, text: str) -> Answer:
        return Answer(status, json.dumps({"error": text}).encode())

    def drain(self) -> None:
        pass

    def close(self) -> None:
        self._control.close()


Starter = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    """Starts servers: ``start(text=..., tokens={...})``."""
    ended: list[Callable[[], None]] = []

    def make(
        text: str = DOCUMENT,
        environment: dict[str, str] | None = None,
        pauses: tuple[float, ...] = (),
        **more: Any,
    ) -> Running:
        document = parse_document(text, "experiments.yaml")
        store = SqliteStore(tmp_path / "experiments.db", more.pop("clock", None))
        for name, experiment in document.experiments.items():
            store.declare(name, rules_of(experiment.reward))
        access = Access(document.tokens, ["127.0.0.1"], environment or {})
        writer = RewardWriter(store, document.limits.waiting, pauses)
        control = Control(store, lambda: document, access, writer=writer, **more)
        loop, started = asyncio.new_event_loop(), threading.Event()
        (socket,) = bind("127.0.0.1", 0)
        server = HttpServer(_Only(control), Limits(body_bytes=10**6))

        async def serve() -> None:
            await server.start([socket])
            started.set()

        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(serve(), loop)
        started.wait(10)

        def end() -> None:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            store.close()

        ended.append(end)
        return Running(socket.getsockname()[1], store, control, document)

    yield make
    for end in ended:
        end()


def exposed(running: Running, unit: str, request: str, experiment: str = "e", arm: str = "new") -> None:
    """Records that a unit was exposed, as the data plane does."""
    from serving.experiments.assignment.units import hashed, layer_key

    layer = running.document.experiments[experiment].layer
    key = hashed(layer_key(running.document.salt(layer)), unit).hex()
    running.store.expose([Exposure(experiment, key, request, arm, 0.5)])
