"""The HTTP front end with a handler other than the model server's, as in a router."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref

import httpx

from serving.http.front import HttpServer
from serving.http.handler import Answer, Limits


class Echo:
    """Echoes the request."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        names = b",".join(name for name, _ in headers if name.startswith(b"x-"))
        return Answer(
            200, f"{method} {target} ".encode() + names + b" " + body, b"text/plain", cors=method == "GET"
        )

    def refusal(self, status: int, text: str) -> Answer:
        return Answer(status, f"no: {text}".encode(), b"text/plain")

    def drain(self) -> None:
        self.events.append("drain")

    def close(self) -> None:
        self.events.append("close")


async def _talk(handler: Echo) -> list[httpx.Response]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(handler, Limits(body_bytes=10))
    await server.start([listener])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
        answers = [
            await client.post("/a?b=c", content=b"hello", headers={"X-Trace": "1"}),
            await client.get("/"),
            await client.post("/", content=b"more than ten bytes"),
        ]
    await server.stop()
    return answers


def test_a_custom_handler_answers_refuses_and_is_closed() -> None:
    handler = Echo()
    posted, got, refused = asyncio.run(_talk(handler))
    assert posted.text == "POST /a?b=c x-trace hello"
    assert "access-control-allow-origin" not in posted.headers
    assert got.headers["access-control-allow-origin"] == "*"
    assert got.headers["content-type"] == "text/plain"
    assert (refused.status_code, refused.text) == (413, "no: The request's body is larger than 10 bytes")
    assert handler.events == ["drain", "close"]


class Held(Echo):
    """Never answers, and knows what it holds for a request."""

    def __init__(self) -> None:
        super().__init__()
        self.held: weakref.ref[Echo] | None = None

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        large = Echo()
        self.held = weakref.ref(large)
        await asyncio.Event().wait()
        return await large.handle(method, target, headers, body)


async def _leave(handler: Held) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(handler, Limits(body_bytes=10))
    await server.start([listener])
    _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    while handler.held is None:
        await asyncio.sleep(0.01)
    writer.transport.abort()
    while handler.held() is not None:
        await asyncio.sleep(0.01)
    await server.stop()


def test_what_a_client_leaves_behind_is_freed_without_a_collection() -> None:
    gc.disable()
    try:
        asyncio.run(asyncio.wait_for(_leave(Held()), 30))
    finally:
        gc.enable()
