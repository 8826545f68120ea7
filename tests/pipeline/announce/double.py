"""A double of Airflow's REST API v2 on loopback: assets, their events, a DAG; it can also misbehave."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-that-nobody-may-see"


class AirflowDouble(ThreadingHTTPServer):
    """What Airflow's API answers about the pipeline ``learners``.

    Attributes:
        assets: Names of the assets; their numbers are their places.
        events: Events in the order in which they came.
        paused: Whether ``learners_retrain`` is paused; None where it is not there.
        page: The most events in an answer.
        clock: Returns the time of an event.
        instead: What to do in place of the next answers, each once: an HTTP status, a text, or ``swallow``,
            which takes an event and goes away without an answer.
        queued: So often the events of an asset cannot be listed, as while a run that one of them has started is queued.
        asked: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.assets = ["learners.export_old", "learners.export", "learners.alarm", "learners.labels"]
        self.events: list[dict[str, Any]] = []
        self.paused: bool | None = False
        self.page = 100
        self.clock: Callable[[], float] = time.time
        self.instead: list[int | str] = []
        self.queued = 0
        self.asked: list[tuple[str, str]] = []

    @property
    def address(self) -> str:
        """What stands in front of ``/api/v2``."""
        return f"http://127.0.0.1:{self.server_port}"

    def extras(self, what: str) -> list[dict[str, Any]]:
        """Returns what was sent with the events of an asset."""
        number = self.assets.index(f"learners.{what}")
        return [event["extra"] for event in self.events if event["asset_id"] == number]

    def put(self, what: str, **extra: Any) -> None:
        """Has an event that somebody else has sent."""
        self.take({"asset_id": self.assets.index(f"learners.{what}"), "extra": extra})

    def take(self, body: dict[str, Any]) -> dict[str, Any]:
        """Takes an event."""
        at = datetime.fromtimestamp(self.clock(), UTC).isoformat().replace("+00:00", "Z")
        extra = {**body["extra"], "from_rest_api": True}
        event = {"id": len(self.events) + 1, "asset_id": body["asset_id"], "timestamp": at, "extra": extra}
        self.events.append(event)
        return event

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Returns status and body of an answer to a GET."""
        if path == "/api/v2/assets":
            (pattern,) = query["name_pattern"]
            found = [{"id": n, "name": name} for n, name in enumerate(self.assets) if pattern in name]
            return 200, {"assets": found, "total_entries": len(found)}
        if path == "/api/v2/dags/learners_retrain" and self.paused is not None:
            return 200, {"dag_id": "learners_retrain", "is_paused": self.paused}
        if path == "/api/v2/assets/events":
            if self.queued:
                self.queued -= 1
                return 500, {}
            asset, offset = int(query["asset_id"][0]), int(query["offset"][0])
            mine = [event for event in reversed(self.events) if event["asset_id"] == asset]
            assert query["order_by"] == ["-timestamp"]
            return 200, {"asset_events": mine[offset : offset + self.page], "total_entries": len(mine)}
        return 404, {"detail": "Not Found"}


class _Handler(BaseHTTPRequestHandler):
    server: AirflowDouble

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._do(lambda: self.server.answer(parts.path, parse_qs(parts.query)))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.instead == ["swallow"]:
            self.server.instead.clear()
            self.server.take(body)
            self.close_connection = True
            return
        self._do(lambda: (200, self.server.take(body)))

    def _do(self, answer: Callable[[], tuple[int, Any]]) -> None:
        self.server.asked.append((self.command, urlsplit(self.path).path))
        waiting = [one for one in self.server.instead if one != "swallow"]
        if waiting:
            self.server.instead.remove(waiting[0])
        if waiting and isinstance(waiting[0], str):
            self._write(200, waiting[0].encode())
        elif waiting:
            self._write(int(waiting[0]), json.dumps({"detail": f"no, {TOKEN}"}).encode())
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._write(403, b'{"detail": "Invalid JWT token"}')
        else:
            status, told = answer()
            self._write(status, json.dumps(told).encode())

    def _write(self, status: int, content: bytes) -> None:
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"{self.server.address}/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextlib.contextmanager
def serving() -> Iterator[AirflowDouble]:
    """Runs the double."""
    with AirflowDouble() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()
