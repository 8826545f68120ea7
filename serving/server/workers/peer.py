"""Calls in both directions between the supervisor and a worker, over a private socket pair."""

from __future__ import annotations

import asyncio
import itertools
import logging
import pickle
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serving.server.status import Code, ServingError

log = logging.getLogger(__name__)
_HEADER = struct.Struct("!Q")

Handler = Callable[[Any], Awaitable[Any]]


class PeerGoneError(ConnectionError):
    """The other process has ended."""


class Peer:
    """One end of the connection.

    Args:
        reader: The stream from the other end; pickled, because both ends are ours.
        writer: The stream to the other end.
        handlers: The functions that the other end may call, by name.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handlers: Mapping[str, Handler]
    ) -> None:
        self._reader, self._writer, self._handlers = reader, writer, handlers
        self._numbers = itertools.count()
        self._told = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
        self.closed = asyncio.Event()
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, end: socket.socket, handlers: Mapping[str, Handler]) -> Peer:
        """Starts talking over one end of a socket pair."""
        return cls(*await asyncio.open_connection(sock=end), handlers)

    async def call(self, name: str, argument: Any = None) -> Any:
        """Calls a function in the other process and returns its result.

        Raises:
            ServingError: The other process raised it.
            PeerGoneError: The other process has ended.
        """
        if self.closed.is_set():
            raise PeerGoneError(name)
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._send(("call", number, name, argument))
        try:
            return await future
        except asyncio.CancelledError:
            self._send(("cancel", number))
            raise
        finally:
            # The future knows an error, which knows this frame: neither would be freed at once.
            del self._waiting[number], future

    def tell(self, name: str, argument: Any = None) -> None:
        """Calls a function in the other process without waiting for a result."""
        self._send(("call", -1, name, argument))

    def when_closed(self, then: Callable[[], None]) -> None:
        """Registers a function to call when the other process is gone."""
        self._task.add_done_callback(lambda _: then())

    def close(self) -> None:
        """Closes the connection."""
        self._task.cancel()
        self._writer.close()

    def _send(self, message: tuple[Any, ...]) -> None:
        if not self._writer.is_closing():
            content = pickle.dumps(message)
            self._writer.write(_HEADER.pack(len(content)) + content)

    async def _read(self) -> None:
        try:
            while True:
                (size,) = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
                self._take(pickle.loads(await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, OSError):
            pass  # The other end is gone; pending calls fail below.
        finally:
            self.closed.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(PeerGoneError("the other process has ended"))
            for task in list(self._answering.values()):
                task.cancel()

    def _take(self, message: tuple[Any, ...]) -> None:
        kind, number, *rest = message
        if kind == "call":
            task = asyncio.create_task(self._answer(number, *rest))
            key = number if number >= 0 else -next(self._told)
            self._answering[key] = task
            task.add_done_callback(lambda _: self._answering.pop(key, None))
        elif kind == "cancel":
            if number in self._answering:
                self._answering[number].cancel()
        elif number in self._waiting and not self._waiting[number].done():
            value, code = rest
            if code is None:
                self._waiting[number].set_result(value)
            else:
                self._waiting[number].set_exception(ServingError(Code(code), value))

    async def _answer(self, number: int, name: str, argument: Any) -> None:
        try:
            value, code = await self._handlers[name](argument), None
        except ServingError as error:
            value, code = error.message, int(error.code)
        except Exception as error:
            log.exception("%s failed", name)
            value, code = f"{type(error).__name__}: {error}", int(Code.INTERNAL)
        if number >= 0:
            self._send(("answer", number, value, code))
