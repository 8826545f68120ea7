"""Doubles at the network's edge: a Docker engine and a Kubernetes API that know one container each and run none."""

from __future__ import annotations

import contextlib
import datetime
import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlparse


class Server(ThreadingHTTPServer):
    """A server on loopback that remembers what it was asked.

    Attributes:
        output: What the container prints.
        code: How it ends.
        asked: Method, path and body of each request, or its query where it has none.
        over: Set when the container has ended.
    """

    daemon_threads = True

    def __init__(self, answers: type[BaseHTTPRequestHandler], output: str, code: int) -> None:
        super().__init__(("127.0.0.1", 0), answers)
        self.output, self.code = output, code
        self.asked: list[tuple[str, str, Any]] = []
        self.started, self.over = threading.Event(), threading.Event()

    def bodies(self, ending: str) -> list[Any]:
        """Returns the bodies that were posted to a path."""
        return [body for method, path, body in self.asked if method == "POST" and path.endswith(ending)]


class _Answers(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def answer(self, method: str, path: str, body: Any) -> Any:
        raise NotImplementedError

    def do_GET(self) -> None:
        self._do("GET")

    def do_POST(self) -> None:
        self._do("POST")

    def do_PATCH(self) -> None:
        self._do("PATCH")

    def do_DELETE(self) -> None:
        self._do("DELETE")

    def _do(self, method: str) -> None:
        path, query = urlparse(self.path).path, dict(parse_qsl(urlparse(self.path).query))
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(data) if data else query
        self.server.asked.append((method, path, body))
        told = self.answer(method, path, body)
        content = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if isinstance(told, bytes) else "application/json")
        if not path.endswith("/attach"):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if path.endswith("/attach"):
            self.server.started.wait(60)  # a container prints once it runs
            self.server.over.wait(60)
        self.wfile.write(content)


class _Docker(_Answers):
    def answer(self, method: str, path: str, body: Any) -> Any:
        last = path.rpartition("/")[2]
        if last == "attach":
            self.close_connection = True
            lines = self.server.output.encode().splitlines(keepends=True)
            return b"".join(struct.pack(">BxxxL", 1, len(line)) + line for line in lines)
        known = {
            "version": {"ApiVersion": "1.47", "Version": "27.0", "Os": "linux", "Arch": "amd64"},
            "create": {"Id": "c1", "Warnings": []},
            "wait": {"StatusCode": self.server.code, "Error": None},
        }
        if last == "start":
            self.server.started.set()
        if last == "stop":
            self.server.over.set()
        if last == "wait":
            self.server.over.wait(60)
        if last == "_ping":
            return b"OK"
        if path.endswith("/images/json"):
            return [{"Id": "i1"}]
        return known.get(last, {"Config": {"Tty": False}, "Id": "c1"})


class _Kubernetes(_Answers):
    def answer(self, method: str, path: str, body: Any) -> Any:
        if method == "DELETE":
            self.server.over.set()
        if path.endswith("/log"):
            self.server.over.wait(60)
            stamped = (f"2026-01-01T00:00:00.000000000Z {line}" for line in self.server.output.splitlines())
            return "\n".join(stamped).encode() + b"\n"
        pods = [body for method, path, body in self.server.asked if method == "POST"]
        if path.endswith("/pods"):
            listed = {"kind": "PodList", "apiVersion": "v1", "metadata": {}}
            return self._pod(body) if method == "POST" else {**listed, "items": [self._pod(p) for p in pods]}
        if path.endswith("/events"):
            return {"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": []}
        return self._pod(pods[-1]) if pods else {"kind": "Status", "status": "Success"}

    def _pod(self, asked: Any) -> Any:
        code = self.server.code
        now = datetime.datetime.now(datetime.UTC).isoformat()  # an old log is not read
        ended = {
            "exitCode": code,
            "startedAt": now,
            "finishedAt": now,
            "reason": "Error" if code else "Completed",
        }
        base = {"name": "base", "ready": False, "restartCount": 0, "image": "i", "imageID": "i"}
        over = self.server.over.is_set()
        phase = ("Failed" if code else "Succeeded") if over else "Running"
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {**asked["metadata"], "namespace": "default", "uid": "u1"},
            "spec": asked["spec"],
            "status": {
                "phase": phase,
                "containerStatuses": [
                    {**base, "state": {"terminated": ended} if over else {"running": {"startedAt": now}}}
                ],
            },
        }


@contextlib.contextmanager
def docker(output: str, code: int, until_told: bool = False) -> Iterator[Server]:
    """Runs a double of a Docker engine, whose container ends at once or when it is told to."""
    with _serving(Server(_Docker, output, code), until_told) as server:
        yield server


@contextlib.contextmanager
def kubernetes(output: str, code: int, until_told: bool = False) -> Iterator[Server]:
    """Runs a double of a Kubernetes API, whose pod ends at once or when it is told to."""
    with _serving(Server(_Kubernetes, output, code), until_told) as server:
        yield server


@contextlib.contextmanager
def _serving(server: Server, until_told: bool) -> Iterator[Server]:
    if not until_told:
        server.over.set()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
