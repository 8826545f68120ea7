"""HTTP/1.1 connections that threads share and reuse, with one deadline per exchange.

Built on the standard library's client, which imports quickly. Its timeouts apply to each read, so a server that sends a
byte now and then would never time out; here every read gets what is left of the caller's time.

A server may close an idle connection at any moment, also while a request is on its way to it. That is no failure of the
server: the request is sent once more, on a new connection (RFC 9112, section 9.3.1).
"""

from __future__ import annotations

import http.client
import io
import selectors
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.client.address import Address, Tls
from serving.client.errors import DeadlineError, InputError, UnavailableError
from serving.client.retry import Deadline
from serving.codes import Code

KEPT = 64
"""The most idle connections to keep."""
IDLE_SECONDS = 50.0
"""How long an idle connection is kept: less than servers and balancers keep theirs, mostly 60 or 75 seconds."""
_STALE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""How a connection ends that the server has closed; no answer at all is http.client's ``RemoteDisconnected``."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class HttpPool:
    """Connections to one server.

    Args:
        address: Where the server is.
        tls: Files for ``https``.
    """

    def __init__(self, address: Address, tls: Tls) -> None:
        self._address = address
        self._tls = _context(tls) if address.tls else None
        self._server_name = tls.server_name
        self._idle: deque[_Connection] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def request(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> Reply:
        """Sends a request and reads the whole answer.

        The request must be one that a server may get twice, as all of TF Serving's REST calls are: it is sent again if
        a kept connection ends before the first byte of an answer.

        Raises:
            DeadlineError: It took longer than ``timeout`` seconds.
            UnavailableError: The connection could not be made, or broke.
        """
        deadline = Deadline(None if timeout == float("inf") else timeout)
        try:
            return self._exchange(self._take(), deadline, method, path, body, headers)
        except _StaleError:
            return self._exchange(self._new(), deadline, method, path, body, headers)

    def _exchange(
        self,
        connection: _Connection,
        deadline: Deadline,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Reply:
        try:
            connection.deadline = deadline
            reply = connection.exchange(method, self._address.prefix + path, body, headers)
        except TimeoutError as error:
            connection.close()
            raise DeadlineError(
                Code.DEADLINE_EXCEEDED, f"no answer from {self._address} within {deadline.seconds or 0:.3g} s"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if connection.exchanges and not connection.answered and isinstance(error, _STALE):
                raise _StaleError from error
            reason = str(error) or type(error).__name__
            raise UnavailableError(Code.UNAVAILABLE, f"{self._address}: {reason}") from error
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return reply

    def close(self) -> None:
        """Closes idle connections now and busy ones once they are done."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
        for connection in idle:
            connection.close()

    def _take(self) -> _Connection:
        while True:
            with self._lock:
                if self._closed:
                    raise InputError("client", expected="an open client", seen="a closed one")
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._new()
            if connection.is_usable():
                return connection
            connection.close()

    def _new(self) -> _Connection:
        return _Connection(self._address, self._tls, self._server_name)

    def _give_back(self, connection: _Connection) -> None:
        if connection.sock is not None:
            with self._lock:
                if not self._closed and len(self._idle) < KEPT:
                    self._idle.append(connection)
                    return
        connection.close()


class _StaleError(Exception):
    """A kept connection that the server had closed."""


class _Connection(http.client.HTTPConnection):
    """A connection whose socket waits no longer than the current request's deadline.

    Attributes:
        deadline: Of the current request.
        exchanges: Number of answers it has carried.
        answered: Whether a byte of the current answer has arrived.
    """

    deadline: Deadline
    sock: Any
    exchanges = 0
    answered = False
    _last = 0.0

    def __init__(self, address: Address, context: ssl.SSLContext | None, server_name: str | None) -> None:
        super().__init__(address.host, address.port)
        self._context, self._server_name = context, server_name or address.host

    def connect(self) -> None:
        """Opens the connection within the time that is left."""
        plain = socket.create_connection((self.host, self.port), _left(self.deadline))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(_left(self.deadline))
            wrap = self._context and self._context.wrap_socket(plain, server_hostname=self._server_name)
            self.sock = _DeadlineSocket(wrap or plain, self)
        except BaseException:
            plain.close()
            raise

    def exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Sends one request and reads its answer."""
        self.answered = False
        self.request(method, path, body, dict(headers))
        response = self.getresponse()
        content = response.read()
        if response.will_close:
            self.close()
        self.exchanges += 1
        self._last = time.monotonic()
        said = response.headers
        return Reply(response.status, said.get("Content-Type", ""), content, tuple(said.items()))

    def is_usable(self) -> bool:
        """Returns whether the connection has not been idle for long, and the server has kept it open so far."""
        if self.sock is None or time.monotonic() - self._last > IDLE_SECONDS:
            return False
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self.sock.socket, selectors.EVENT_READ)
                return not selector.select(
                    0
                )  # anything readable now is an end of file or belongs to no request
        except (OSError, ValueError):
            return False


class _DeadlineSocket:
    """The socket methods that ``http.client`` uses; each call may last until the connection's deadline."""

    def __init__(self, plain: socket.socket, owner: _Connection) -> None:
        self.socket, self._owner = plain, owner

    def sendall(self, data: Any) -> None:
        self.socket.settimeout(_left(self._owner.deadline))
        self.socket.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode
        return io.BufferedReader(_Reader(self.socket, self._owner), 64 * 1024)

    def close(self) -> None:
        self.socket.close()


class _Reader(io.RawIOBase):
    """The reading end of a socket; waits until the deadline."""

    def __init__(self, plain: socket.socket, owner: _Connection) -> None:
        self._socket, self._owner = plain, owner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(_left(self._owner.deadline))
        size = self._socket.recv_into(buffer)
        self._owner.answered |= size > 0
        return size


def _left(deadline: Deadline) -> float | None:
    left = deadline.left
    if left <= 0:
        raise TimeoutError
    return None if left == float("inf") else left


def _context(tls: Tls) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if tls.ca is None else str(tls.ca))
        if tls.certificate is not None and tls.key is not None:
            context.load_cert_chain(str(tls.certificate), str(tls.key))
    except (OSError, ssl.SSLError) as error:
        raise InputError("tls", expected="readable PEM files", seen=str(error)) from error
    return context
