"""One HTTP/1.1 connection: httptools parses it, requests are answered in order, each answer is one write.

A connection's memory is bounded: a request's head and body by the server's limits, the requests and unread answers of all
connections together by the budget. While a client does not read its answers, nothing more is read or started.

The last answer of a connection arrives, even if the client is still sending: to close a connection with unread bytes makes
the kernel reset it and discard the answer. So the writing side is shut down first, and what the client still sends is read
and dropped, for a bounded time and number of bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from serving.http.handler import Answer
from serving.http.reader import RequestReader
from serving.http.request import Request
from serving.http.shared import Shared

_JOIN_BELOW_BYTES: Final = 64 * 1024


class Connection(asyncio.Protocol):
    """The protocol of one connection.

    Args:
        shared: What all connections share.
        loop: The event loop.
    """

    __slots__ = (
        "_busy",
        "_dropped",
        "_ended",
        "_handle",
        "_last",
        "_limits",
        "_lingers_until",
        "_loop",
        "_over",
        "_paused",
        "_reader",
        "_shared",
        "_task",
        "_transport",
        "_unread",
        "_unsent",
        "_unsent_since",
        "_waiting",
    )

    def __init__(self, shared: Shared, loop: asyncio.AbstractEventLoop) -> None:
        self._shared = shared
        self._limits = shared.limits
        self._handle = shared.handler.handle
        self._loop = loop
        self._reader = RequestReader(self, shared.limits, shared.budget, loop.time)
        self._transport: asyncio.Transport | None = None
        # Requests, and last perhaps the refusal of what came after them.
        self._waiting: deque[Request | Answer] = deque()
        self._busy = self._over = self._ended = self._paused = False
        self._task: asyncio.Task[None] | None = None
        self._dropped = 0
        # What the client has not read: as counted in the budget, and as seen last by the sweep.
        self._unread = self._unsent = 0
        self._unsent_since = self._lingers_until = 0.0
        self._last = loop.time()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Stores the transport; refuses a connection too many."""
        self._transport = transport  # type: ignore[assignment]
        self._shared.connections.add(self)
        most = self._limits.connections
        if most is not None and len(self._shared.connections) > most:
            self.refuse(503, f"The server has {most} connections already; try again later")

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancels the pending answer: nobody waits for it, and a run that has not started is skipped."""
        self._shared.connections.discard(self)
        self._over = True
        self._transport = None
        self._let_go()
        self._note_unread(0)
        if self._task is not None and self._busy:
            self._task.add_done_callback(self._forget)
            self._task.cancel()

    def _forget(self, _: asyncio.Task[None]) -> None:
        """Drops the cancelled task: its error's frames hold the request, and this connection, in a circle."""
        self._task = None

    def data_received(self, data: bytes) -> None:
        """Feeds the parser, or drops what follows the last request."""
        if self._over:
            self._drop(len(data))
            return
        self._reader.feed(data)
        # Keep reading while a client waits, to notice if it leaves; further data from others stays in the kernel.
        if self._busy and (self._waiting or self._reader.reading) and not self._over:
            self._pause()

    def eof_received(self) -> bool:
        """Notes that the client sends no more; it may still be reading, so it gets a moment."""
        self._ended = True
        if not self._busy and not self._waiting:
            return False
        self._loop.call_later(self._limits.half_closed_seconds, self._give_up_half_closed)
        return True

    def pause_writing(self) -> None:
        """Starts no further request: the client does not read its answers."""
        assert self._transport is not None
        self._note_unread(self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Continues: the client reads again."""
        self._note_unread(0)
        if not self._lingers_until:
            self._next()

    # The reader's calls.

    def took(self, request: Request) -> None:
        """Queues a request."""
        self._waiting.append(request)
        self._next()

    def refuse(self, status: int, text: str) -> None:
        """Refuses what is being read, once the requests before it are answered, and closes."""
        if self._transport is not None and not self._over:
            self._over = True
            self._waiting.append(self._shared.handler.refusal(status, text))
            self._next()

    def say_continue(self) -> None:
        """Lets the client send its body, if it is its turn; others send it after a moment."""
        if self._transport is not None and not self._waiting and not self._busy:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._reader.restart_clock()
            self._transport.resume_reading()

    def _let_go(self) -> None:
        """Gives back what the requests hold that will not be answered."""
        self._reader.close()
        for request in self._waiting:
            if isinstance(request, Request):
                request.share.give_back()
        self._waiting.clear()

    # Answers.

    def _next(self) -> None:
        if self._busy or self._unread or self._transport is None:
            return
        if not self._waiting:
            self._resume()
            return
        first = self._waiting.popleft()
        if isinstance(first, Answer):
            self._write(first, "1.1", keep_alive=False)
            self._finish()
            return
        self._busy = True
        # The loop holds its tasks only weakly.
        self._task = self._loop.create_task(self._answer(first))

    async def _answer(self, request: Request) -> None:
        with request.share:
            answer = await self._handle(
                request.method, request.target(), request.headers, request.take_body()
            )
        self._busy, self._task = False, None
        self._last = self._loop.time()
        if self._transport is None:
            return
        ends = self._shared.draining or (self._ended and not self._waiting)
        keep_alive = request.keep_alive and not ends
        self._write(answer, request.version, keep_alive=keep_alive, with_body=request.method != "HEAD")
        if keep_alive:
            self._next()
        else:
            self._finish()

    def _write(self, answer: Answer, version: str, *, keep_alive: bool, with_body: bool = True) -> None:
        assert self._transport is not None
        head = self._shared.head(answer, version=version, keep_alive=keep_alive)
        if not with_body:
            self._transport.write(head)
        elif len(answer.body) < _JOIN_BELOW_BYTES:
            self._transport.write(head + answer.body)
        else:
            self._transport.writelines((head, answer.body))

    def _note_unread(self, size: int) -> None:
        """Counts the bytes of answers that wait for the client to read."""
        self._shared.budget.overdraw(size - self._unread)
        self._unread = size

    # The end.

    def _finish(self) -> None:
        """Closes in two steps: shuts down the writing side, then drops what the client still sends."""
        assert self._transport is not None
        self._over = True
        self._let_go()
        if self._ended:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume()
        self._last = self._loop.time()
        self._lingers_until = self._last + self._limits.linger_seconds
        self._loop.call_later(self._limits.linger_silence_seconds, self._linger)

    def _drop(self, size: int) -> None:
        """Drops data that follows the last request; a client that sends too much of it is cut off."""
        if self._lingers_until:
            self._last = self._loop.time()
        self._dropped += size
        if self._dropped > self._limits.linger_bytes:
            self.abort()

    def _linger(self) -> None:
        """Closes once the client is silent or its time is up; the answer itself has the time of any answer."""
        if self._transport is None:
            return
        now = self._loop.time()
        if self._transport.get_write_buffer_size():
            self._lingers_until = now + self._limits.linger_seconds
        elif now >= self._lingers_until or now - self._last >= self._limits.linger_silence_seconds:
            self._transport.close()
            return
        self._loop.call_later(self._limits.linger_silence_seconds, self._linger)

    def _give_up_half_closed(self) -> None:
        if self._busy or self._waiting:
            self.abort()

    # The server's calls.

    def close_if_idle(self, now: float) -> None:
        """Closes the connection if it has timed out."""
        if self._transport is None:
            return
        left = self._transport.get_write_buffer_size()
        if left:
            self._watch_client(left, now)
        elif self._busy or self._over:
            return
        elif self._reader.reading:
            self._reader.check_time(now)
        elif now - self._last > self._limits.idle_seconds:
            self._transport.close()

    def _watch_client(self, left: int, now: float) -> None:
        """Drops a client that reads nothing of its answer for too long."""
        if left != self._unsent:
            self._unsent, self._unsent_since = left, now
            if self._unread:
                self._note_unread(left)
        elif now - self._unsent_since > self._limits.stalled_seconds:
            self.abort()

    def close_unless_busy(self) -> None:
        """Closes the connection if it is idle, otherwise after its answer (the server is draining)."""
        if self._transport is not None and not (
            self._busy or self._waiting or self._reader.reading or self._lingers_until or self._unread
        ):
            self._transport.close()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()
