"""A proxy between a client and a database on loopback: it delays, counts round trips, and cuts connections.

It is a process of its own: ML Metadata keeps Python's lock while it waits, so no thread beside it could answer.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_MOST = 1 << 16


class Proxy:
    """Hands on what a client and a server say; a stand-in for the network between them.

    Args:
        server: Port of the server.
        delay: Seconds by which each request is delayed.

    Attributes:
        port: Port of the proxy.
    """

    def __init__(self, server: int, delay: float = 0.0) -> None:
        from tests.side_by_side import free_port  # the process itself needs none of the tests

        self.port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(self.port), str(server), str(delay)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ask("")  # it listens

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            process.kill()

    def cut_at(self, word: str, what: str) -> None:
        """Cuts the connection once, at the next request that has a word.

        Args:
            word: What the request contains.
            what: ``request``: the server never sees it. ``answer``: the server does it, its answer is lost.
        """
        self._ask(f"{word} {what}")

    def requests(self) -> int:
        """Returns how often clients have spoken: round trips, since they wait for each answer."""
        return int(self._ask(""))

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class _Between:
    """The proxy's own process."""

    def __init__(self, port: int, server: int, delay: float) -> None:
        self._server, self._delay, self.requests = server, delay, 0
        self._word, self._what = b"", ""
        self._listening = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def obey(self, line: str) -> None:
        """Prepares a cut: a word and what is lost."""
        if line:
            word, self._what = line.split()
            self._word = word.encode()

    def _cut(self, data: bytes) -> str:
        if not self._word or self._word not in data.upper():
            return ""
        self._word = b""
        return self._what

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._server), 10)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
        with suppress(OSError):
            while data := client.recv(_MOST):
                self.requests += 1
                time.sleep(self._delay)
                cut = self._cut(data)
                if cut == "answer":
                    _close(client)
                    server.sendall(data)
                    time.sleep(0.2)  # until the server has done it
                if cut:
                    break
                server.sendall(data)
        _close(client)
        _close(server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(_MOST):
                client.sendall(data)
        _close(client)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)  # closing alone would wait for the thread that reads


if __name__ == "__main__":
    between = _Between(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    for asked in sys.stdin:
        between.obey(asked.strip())
        print(between.requests, flush=True)
