"""The HTTP front end in a thread of its own, with a handler that a test controls, and raw clients."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from serving.http.budget import Budget
from serving.http.front import HttpServer
from serving.http.handler import Answer, Limits

SECONDS = 30.0


class Echo:
    """Answers with method, target and body, once it may; ``/bytes/N`` is answered with N bytes."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked: list[str] = []

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        self.asked.append(f"{method} {target}")
        await self.may_answer.wait()
        if target.startswith("/bytes/"):
            return Answer(200, bytes(int(target[7:])))
        return Answer(200, f"{method} {target} ".encode() + body)

    def refusal(self, status: int, text: str) -> Answer:
        return Answer(status, text.encode())

    def drain(self) -> None:
        """Nothing to note."""

    def close(self) -> None:
        """Nothing to free."""


class RunningEcho:
    """A server in its own thread; a context manager.

    Args:
        limits: The limits of a connection.
        total: The bytes of the budget.
        loop: The event loop; a new one of the standard library if not given.
    """

    def __init__(
        self, limits: Limits, total: int = 2**30, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self.budget = Budget(total)
        self.handler = Echo()
        self._server = HttpServer(self.handler, limits, self.budget)
        self._loop = loop or asyncio.new_event_loop()
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.start([listener]), self._loop).result(SECONDS)

    def __enter__(self) -> RunningEcho:
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self.handler.may_answer.set)
        asyncio.run_coroutine_threadsafe(self._server.stop(0.0), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Calls a function on the loop."""

        async def run() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(SECONDS)

    def sweep(self) -> None:
        """Closes what has timed out now, not at the next sweep."""
        self.call(lambda: self._server._shared.close_idle(self._loop.time()))

    def connections(self) -> int:
        """How many connections the server knows."""
        return len(self._server._shared.connections)

    def connect(self) -> socket.socket:
        """A connection that waits for answers for a generous while."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)

    def talk(self, *pieces: bytes) -> bytes:
        """Sends pieces and reads until the server closes."""
        with self.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            return read_all(client)


def read_all(client: socket.socket) -> bytes:
    """Reads until the server closes."""
    answer = b""
    while data := client.recv(65536):
        answer += data
    return answer


def statuses(answer: bytes) -> list[int]:
    """The statuses of answers, in order."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def post(body: bytes, *headers: str, target: str = "/") -> bytes:
    """A request's bytes."""
    lines = [f"POST {target} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(body: Iterable[bytes], *headers: str) -> bytes:
    """A chunked request's bytes."""
    head = "\r\n".join(
        ["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", *headers, "", ""]
    ).encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in body) + b"0\r\n\r\n"


def until(met: Callable[[], Any]) -> None:
    """Waits until something is so."""
    end = time.monotonic() + SECONDS
    while not met():
        assert time.monotonic() < end
        time.sleep(0.01)
