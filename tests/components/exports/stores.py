"""Object stores on the loopback for tests, and a proxy in front of them that simulates a failing store."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your request rate</Message></Error>'
)
ERROR_503 = b'<?xml version="1.0"?><Error><Code>ServiceUnavailable</Code><Message>x</Message></Error>'
DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>secret-key-id</Message></Error>'


class FaultyProxy:
    """Forwards to a store; the next answers come from ``faults``, one for each request for a range of an object.

    A fault is ``503``, ``slow``, ``denied``, ``drop`` (half of the body, then the connection is cut) or ``refuse``
    (the connection is closed without an answer).
    """

    def __init__(self, port: int) -> None:
        self.faults: list[str] = []
        self.forever = ""
        self.seen: list[str] = []
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fault = proxy.forever
                if self.headers.get("Range") and proxy.faults:
                    fault = proxy.faults.pop(0)
                proxy.seen.append(fault or "forwarded")
                proxy.answer(self, fault, port)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, request: BaseHTTPRequestHandler, fault: str, port: int) -> None:
        if fault == "refuse":
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if fault in ("503", "slow", "denied"):
            body = {"503": ERROR_503, "slow": SLOW_DOWN, "denied": DENIED}[fault]
            request.send_response(403 if fault == "denied" else 503)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body if request.command == "GET" else b"")
            return
        behind = HTTPConnection("127.0.0.1", port)
        behind.request(request.command, request.path, headers=dict(request.headers.items()))
        answer = behind.getresponse()
        body = answer.read()
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                request.send_header(name, value)
        length = answer.getheader("Content-Length") if request.command == "HEAD" else str(len(body))
        request.send_header("Content-Length", length or "0")
        request.end_headers()
        if fault == "drop":
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
        elif request.command == "GET":
            request.wfile.write(body)


@contextmanager
def faulty_proxy(port: int) -> Iterator[FaultyProxy]:
    """Runs a proxy in front of the store on a port."""
    proxy = FaultyProxy(port)
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    yield proxy
    proxy.server.shutdown()
    proxy.server.server_close()
    thread.join()
