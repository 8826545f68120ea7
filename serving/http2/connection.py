"""One HTTP/2 connection, of either role: the base of our server, of our client, and of a proxy that splices the two.

A subclass overrides the hooks (``took_headers``, ``took_data``, ``took_reset``, ``sent``, ``stream_closed``, ``opened``,
``leaving``, ``lost``) and calls ``send_headers``, ``send_data``, ``send_whole``, ``reset``, ``used``, ``open``, ``go_away``.

- Header blocks are handed over as the peer sent them and need no state: they can be read with ``hpack.fields``, copied to
  another connection, and extended by appending ``hpack.field``s. (What a peer writes before it knows that we keep no
  table is rewritten.) A hook may let ``HeaderBlockError`` through: the connection then ends with COMPRESSION_ERROR.
- Data counts against the peer's window until the user says ``used``: so a proxy passes back-pressure on by saying it when
  ``sent`` tells that the other side has taken the bytes. Say it for every byte, also of a stream that was reset. Everything sent waits for the peer's windows and socket.
- Whatever is written in one turn of the loop is one write. Nothing here awaits; all of it runs on the loop.
- ``sweep`` must be called every few seconds: it pings, and ends what has stalled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from serving.http2 import frames
from serving.http2.frames import ConnectionFault, StreamFault
from serving.http2.hpack import EarlyDecoder, HeaderBlockError
from serving.http2.limits import Allowance, Limits
from serving.http2.sending import Sender
from serving.http2.stream import Stream

log = logging.getLogger(__name__)
_LINGER_SECONDS: Final = 1.0
"""How long a connection stays half open after GOAWAY for a fault, so that its peer gets to read it."""
_DEFAULT_TABLE_BYTES: Final = 4096
_CALLS_PER_RESET: Final = 2
_SMALL_UPDATE_BYTES: Final = 1024
_SMALL_UPDATES_PER_STREAM: Final = 2
"""Of stream numbers, which are given out by twos."""
_CLOSED_REMEMBERED: Final = 1024
_PING: Final = b"penstock"
_WRITE_BUFFER_BYTES: Final = 256 << 10


class Connection(Sender):
    """One connection.

    Args:
        limits: Its limits.
        loop: The event loop.
        client: Whether we are the client.

    Attributes:
        client: Whether we are the client.
        peer_settings: What the peer has announced.
        is_open: Whether the peer's first SETTINGS have arrived and it has not ended.
        departing: Whether either side has said GOAWAY: no new stream.
    """

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop, *, client: bool) -> None:
        super().__init__(limits, loop, client=client)
        self.peer_settings: dict[int, int] = {}
        self.is_open = self.departing = False
        now = loop.time()
        self._began = self._last_heard = self._last_busy = now
        self._pinged_at = 0.0
        self._rest = b""
        self._over = False
        self._preface_left = b"" if client else frames.PREFACE
        self._early: EarlyDecoder | None = EarlyDecoder(limits.header_list_bytes)
        self._receive_window = limits.connection_window
        self._owed = 0
        self._last_peer = 0
        self._next_own = 1
        self._refuses_above = frames.LARGEST
        self._ends_empty = False
        self._closed: dict[int, bool] = {}
        self._block: list[bytes] | None = None
        self._block_of = self._block_flags = self._block_bytes = 0
        self._block_since = 0.0
        self._small_updates = self._peer_resets = 0
        self._resets = Allowance(limits.resets, limits.resets_per_second, now, "resets of streams")
        self._controls = Allowance(limits.controls, limits.controls_per_second, now, "frames without data")

    # Hooks.

    def opened(self) -> None:
        """Hook: the peer's first SETTINGS have arrived."""

    def took_headers(self, stream: Stream, block: bytes, ended: bool) -> None:
        """Hook: a header block; the first of a stream at a server is a request (``stream.user`` is None)."""

    def took_data(self, stream: Stream, data: bytes, ended: bool) -> None:
        """Hook: data without its padding; say ``used(stream, len(data))`` once it is."""

    def took_reset(self, stream: Stream, code: int) -> None:
        """Hook: the stream is over before its end: reset by the peer, by us for its fault, or with the connection."""

    def leaving(self) -> None:
        """Hook: the peer has said GOAWAY."""

    def lost(self, error: Exception | None) -> None:
        """Hook: the connection is closed, and its streams were reset."""

    # What a user asks for.

    def open(self) -> Stream | None:
        """Opens a stream as a client; None if the peer allows no further one now."""
        most = self.peer_settings.get(frames.MAX_CONCURRENT_STREAMS, frames.LARGEST)
        if self.departing or self._over or not self.is_open or len(self.streams) >= most:
            return None
        number = self._next_own
        if number >= frames.LARGEST - 2:
            return None
        self._next_own = number + 2
        stream = self.streams[number] = Stream(number, self._peer_window, self.limits.window)
        return stream

    def used(self, stream: Stream, size: int) -> None:
        """Lets the peer send as many more bytes as were used."""
        if not size:
            return
        self._owed += size
        if 2 * self._owed >= self.limits.connection_window:
            self._receive_window += self._owed
            self.control(frames.window_update(0, self._owed))
            self._owed = 0
        if stream.remote_ended:
            return
        stream.owed += size
        if 2 * stream.owed >= self.limits.window:
            stream.receive_window += stream.owed
            self.control(frames.window_update(stream.number, stream.owed))
            stream.owed = 0

    def go_away(self, code: int = frames.NO_ERROR, text: str = "", *, last: int | None = None) -> None:
        """Tells the peer to open no further stream; the connection closes after the last one.

        Args:
            code: The error code.
            text: Why, for the peer's log.
            last: The last stream that will be answered; None means the last that was opened.
        """
        self._refuses_above = self._last_peer if last is None else last
        self.departing = True
        self.control(frames.go_away(self._refuses_above, code, text.encode()))
        if last is None:
            self._ends_empty = True
            self._close_if_done()

    def close(self) -> None:
        """Closes the connection once what was written has gone out."""
        self._over = True
        self.flush()
        self._shut = True
        if self.transport is not None:
            self.transport.close()

    def sweep(self, now: float, seconds: float) -> None:
        """Looks after the connection.

        Args:
            now: The loop's time.
            seconds: How long ago this was last called.
        """
        limits = self.limits
        if self._over or self.transport is None:
            return
        late = self._lateness(now)
        if late:
            self._fail(ConnectionFault(frames.SETTINGS_TIMEOUT, late))
            return
        for stream in list(self.streams.values()):
            if stream.waiting or not (stream.remote_ended or self.client):
                stream.still += seconds
                if stream.still > limits.stalled_seconds:
                    self.reset(stream, frames.ENHANCE_YOUR_CALM)
                    self.took_reset(stream, frames.ENHANCE_YOUR_CALM)
        self._keep_alive(now)
        if self.client or self.departing:
            return
        if self.streams:
            self._last_busy = now
        elif 0 < limits.idle_seconds < now - self._last_busy:
            self.go_away(text="max_idle")
            return
        if 0 < limits.age_seconds < now - self._began:
            self.go_away(text="max_age")
            if limits.age_grace_seconds:
                self.loop.call_later(limits.age_grace_seconds, self.close)

    def _lateness(self, now: float) -> str:
        """Returns what the peer has not done in time; empty if there is no such thing."""
        bound = now - self.limits.handshake_seconds
        if self._block is not None and self._block_since < bound:
            return "a header block takes too long"
        if not self.is_open and self._began < bound:
            return "there were no SETTINGS"
        if self._early is not None and not self.limits.table_bytes and self._began < bound:
            # Until then it may use a dynamic table, which costs us much.
            return "SETTINGS were not acknowledged"
        return ""

    def _keep_alive(self, now: float) -> None:
        limits = self.limits
        if self._pinged_at:
            if self._last_heard > self._pinged_at:
                self._pinged_at = 0.0
            elif now - self._pinged_at > limits.ping_timeout_seconds:
                self.abort()
        elif 0 < limits.ping_seconds < now - self._last_heard:
            self._pinged_at = now
            self.control(frames.ping(_PING))

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Sends our SETTINGS."""
        self.transport = transport  # type: ignore[assignment]
        assert self.transport is not None
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._over = True
            self.transport.abort()
            return
        self.transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        limits = self.limits
        values = {
            frames.HEADER_TABLE_SIZE: limits.table_bytes,
            frames.INITIAL_WINDOW_SIZE: limits.window,
            frames.MAX_HEADER_LIST_SIZE: limits.header_list_bytes,
        }
        if self.client:
            values[frames.ENABLE_PUSH] = 0
            self._out.append(frames.PREFACE)
        else:
            values[frames.MAX_CONCURRENT_STREAMS] = limits.streams
        self._out.append(frames.settings(values))
        if limits.connection_window > frames.DEFAULT_WINDOW:
            self._out.append(frames.window_update(0, limits.connection_window - frames.DEFAULT_WINDOW))
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends all streams."""
        self._over = True
        self.is_open = False
        self.transport = None
        self._out = []
        for stream in list(self.streams.values()):
            stream.local_ended = stream.remote_ended = True
            self.forget(stream)
            self.took_reset(stream, frames.CANCEL)
        self.lost(exc)

    def eof_received(self) -> bool:
        """Closes: a peer that sends nothing more gets no answers either."""
        return False

    def data_received(self, data: bytes) -> None:
        """Takes whole frames and keeps the rest."""
        if self._over:
            return
        self._last_heard = self.loop.time()
        self._receiving = True
        try:
            if self._rest:
                data, self._rest = self._rest + data, b""
            if self._preface_left:
                data = self._take_preface(data)
            self._take_frames(data)
        except ConnectionFault as fault:
            self._fail(fault)
        except HeaderBlockError as fault:
            self._fail(ConnectionFault(frames.COMPRESSION_ERROR, f"a header block: {fault}"))
        except Exception:
            log.exception("Internal error in an HTTP/2 connection")
            self._fail(ConnectionFault(frames.INTERNAL_ERROR, "internal error"))
        finally:
            self._receiving = False
        if self._out:
            self.flush()

    # Frames.

    def _take_preface(self, data: bytes) -> bytes:
        expected = self._preface_left
        size = min(len(expected), len(data))
        if data[:size] != expected[:size]:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "this port speaks HTTP/2")
        self._preface_left = expected[size:]
        return data[size:]

    def _take_frames(self, data: bytes) -> None:
        position, end = 0, len(data)
        read_head, streams = frames.read_head, self.streams
        while end - position >= 9:
            upper, lower, kind, flags, number = read_head(data, position)
            length = upper << 8 | lower
            if length > frames.DEFAULT_FRAME_BYTES:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            start = position + 9
            stop = start + length
            if not self.is_open and (kind != frames.SETTINGS or flags & frames.ACK):
                raise ConnectionFault(frames.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            if stop > end:
                break
            position = stop
            number &= frames.LARGEST
            if self._block is not None and (kind != frames.CONTINUATION or number != self._block_of):
                raise ConnectionFault(frames.PROTOCOL_ERROR, "a header block is interrupted")
            try:
                if kind == frames.DATA:
                    stream = streams.get(number)
                    if stream is None or flags & frames.PADDED or stream.remote_ended or length == 0:
                        self._take_unusual_data(number, flags, data[start:stop])
                    else:
                        self._take_data(stream, data[start:stop], length, flags)
                elif kind == frames.HEADERS:
                    self._take_headers(number, flags, data[start:stop])
                else:
                    self._take_other(kind, flags, number, data[start:stop])
            except StreamFault as fault:
                self._fail_stream(fault)
            if self._over:
                return
        self._rest = data[position:] if position < end else b""

    def _take_data(self, stream: Stream, payload: bytes, length: int, flags: int) -> None:
        self._receive_window -= length
        stream.receive_window -= length
        if self._receive_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "more data than the connection's window")
        if stream.receive_window < 0:
            raise StreamFault(stream.number, frames.FLOW_CONTROL_ERROR, "more data than the stream's window")
        stream.still = 0.0
        ended = bool(flags & frames.END_STREAM)
        if ended:
            self._end_remotely(stream)
        self.took_data(stream, payload, ended)

    def _take_unusual_data(self, number: int, flags: int, payload: bytes) -> None:
        """Takes data with padding, without any bytes, or for a stream that takes none."""
        length = len(payload)
        if not number:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "data of no stream")
        if flags & frames.PADDED:
            payload = frames.without_padding(payload)
        if not payload and not flags & frames.END_STREAM:
            self._controls.take(self._last_heard)
        stream = self.streams.get(number)
        if stream is None or stream.remote_ended:
            self._take_late_data(number, length, stream)
            return
        self._take_data_padded(stream, payload, length, flags)

    def _take_data_padded(self, stream: Stream, payload: bytes, length: int, flags: int) -> None:
        padding = length - len(payload)
        self._receive_window -= padding
        stream.receive_window -= padding
        self.used(stream, padding)
        self._take_data(stream, payload, len(payload), flags)

    def _take_late_data(self, number: int, length: int, stream: Stream | None) -> None:
        if stream is None and self._is_idle(number):
            raise ConnectionFault(frames.PROTOCOL_ERROR, "data of a stream that is not open")
        self._receive_window -= length
        if self._receive_window < 0:
            raise ConnectionFault(frames.FLOW_CONTROL_ERROR, "more data than the connection's window")
        self._owed += length
        if 2 * self._owed >= self.limits.connection_window:
            self._receive_window += self._owed
            self.control(frames.window_update(0, self._owed))
            self._owed = 0
        if not self._closed.get(number):
            raise StreamFault(number, frames.STREAM_CLOSED, "data of a stream that has ended")

    def _take_headers(self, number: int, flags: int, payload: bytes) -> None:
        if not number:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "headers of no stream")
        if flags & frames.PADDED:
            payload = frames.without_padding(payload)
        depends = 0
        if flags & frames.WITH_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "headers without the priority they announce")
            depends = int.from_bytes(payload[:4], "big") & frames.LARGEST
            payload = payload[5:]
        if flags & frames.END_HEADERS:
            self._take_block(number, payload, bool(flags & frames.END_STREAM))
        else:
            self._block, self._block_of, self._block_flags = [payload], number, flags
            self._block_bytes, self._block_since = len(payload), self._last_heard
        if depends == number:
            raise StreamFault(number, frames.PROTOCOL_ERROR, "a stream that depends on itself")

    def _take_continuation(self, number: int, flags: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a continuation of nothing")
        block.append(payload)
        self._block_bytes += len(payload)
        if self._block_bytes > self.limits.header_bytes or len(block) > self.limits.continuations:
            raise ConnectionFault(frames.ENHANCE_YOUR_CALM, "a header block that is too large")
        if flags & frames.END_HEADERS:
            self._block = None
            self._take_block(number, b"".join(block), bool(self._block_flags & frames.END_STREAM))

    def _take_block(self, number: int, block: bytes, ended: bool) -> None:
        if self._early is not None:
            block = self._early.stateless(block)
        stream = self.streams.get(number)
        if stream is not None:
            if stream.remote_ended:
                raise StreamFault(number, frames.STREAM_CLOSED, "headers of a stream that has ended")
            if not ended and not self.client:
                raise StreamFault(number, frames.PROTOCOL_ERROR, "trailers that do not end their stream")
        elif self.client or not self._is_idle(number):
            if self._closed.get(number):
                return
            known = number in self._closed
            code = frames.STREAM_CLOSED if known else frames.PROTOCOL_ERROR
            raise ConnectionFault(code, "headers of a stream that is not open")
        else:
            stream = self._opened_by_peer(number)
            if stream is None:
                return
        stream.still = 0.0
        if ended:
            self._end_remotely(stream)
        self.took_headers(stream, block, ended)

    def _opened_by_peer(self, number: int) -> Stream | None:
        if not number & 1:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a client's stream with an even number")
        if number > self._refuses_above:
            return None
        self._last_peer = number
        if len(self.streams) >= self.limits.streams:
            self._resets.take(self._last_heard)
            self._note_closed(number, True)
            self.control(frames.reset(number, frames.REFUSED_STREAM))
            return None
        stream = self.streams[number] = Stream(number, self._peer_window, self.limits.window)
        return stream

    def _take_other(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE:
            if len(payload) != 4:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a window update that is not 4 bytes")
            self._refuse_idle(number)
            size = int.from_bytes(payload, "big") & frames.LARGEST
            if size < _SMALL_UPDATE_BYTES:
                self._take_small_update()
            self._widen(number, size)
        elif kind == frames.CONTINUATION:
            self._take_continuation(number, flags, payload)
        elif kind == frames.RST_STREAM:
            self._take_reset(number, payload)
        elif kind == frames.SETTINGS:
            self._take_settings(number, flags, payload)
        elif kind == frames.PING:
            self._take_ping(number, flags, payload)
        elif kind == frames.GOAWAY:
            self._take_go_away(number, payload)
        elif kind == frames.PUSH_PROMISE:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a push, which nobody allowed")
        else:
            self._controls.take(self._last_heard)
            if kind == frames.PRIORITY:
                _check_priority(number, payload)

    def _take_small_update(self) -> None:
        """Counts a window update that allows little. Larger ones end in a window that is too large; small ones may follow
        each answer.
        """
        self._small_updates += 1
        if self._small_updates > _SMALL_UPDATES_PER_STREAM * (self._next_own + self._last_peer):
            self._controls.take(self._last_heard)

    def _take_reset(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a reset that is not 4 bytes")
        if not number:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a reset of no stream")
        self._refuse_idle(number)
        # Deadlines and cancelled calls are no attack while most calls get their answer.
        self._peer_resets += 1
        if _CALLS_PER_RESET * self._peer_resets > (self._next_own + self._last_peer) // 2:
            self._resets.take(self._last_heard)
        stream = self.streams.get(number)
        if stream is not None:
            stream.local_ended = stream.remote_ended = True
            self.forget(stream)
            self.took_reset(stream, int.from_bytes(payload, "big"))

    def _take_settings(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "settings of a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(frames.FRAME_SIZE_ERROR, "an acknowledgement with a payload")
            if not self.limits.table_bytes:
                self._early = None
            return
        self._controls.take(self._last_heard)
        values = frames.read_settings(payload)
        self._check_settings(values)
        self.peer_settings.update(values)
        self._peer_frame = values.get(frames.MAX_FRAME_SIZE, self._peer_frame)
        if values.get(frames.HEADER_TABLE_SIZE, _DEFAULT_TABLE_BYTES) < _DEFAULT_TABLE_BYTES:
            self._table_update_due = True
        # Before any data that these settings allow.
        self.control(frames.SETTINGS_ACK)
        if frames.INITIAL_WINDOW_SIZE in values:
            self._resize_windows(values[frames.INITIAL_WINDOW_SIZE])
        if not self.is_open:
            self.is_open = True
            self.opened()

    def _check_settings(self, values: dict[int, int]) -> None:
        push = values.get(frames.ENABLE_PUSH, 0)
        if push > 1 or (push and self.client):
            raise ConnectionFault(frames.PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH is {push}")
        size = values.get(frames.MAX_FRAME_SIZE, frames.DEFAULT_FRAME_BYTES)
        if not frames.DEFAULT_FRAME_BYTES <= size <= frames.LARGEST_FRAME_BYTES:
            raise ConnectionFault(frames.PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE is {size}")

    def _take_ping(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a ping of a stream")
        if len(payload) != 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a ping that is not 8 bytes")
        self._controls.take(self._last_heard)
        if not flags & frames.ACK:
            self.control(frames.ping(payload, ack=True))

    def _take_go_away(self, number: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a goodbye of a stream")
        if len(payload) < 8:
            raise ConnectionFault(frames.FRAME_SIZE_ERROR, "a goodbye of less than 8 bytes")
        self._controls.take(self._last_heard)
        self.departing = True
        last = int.from_bytes(payload[:4], "big") & frames.LARGEST
        if self.client:
            for stream in [one for number, one in self.streams.items() if number > last]:
                stream.local_ended = stream.remote_ended = True
                self.forget(stream)
                self.took_reset(stream, frames.REFUSED_STREAM)
        self.leaving()
        self._ends_empty = self._ends_empty or last != frames.LARGEST
        self._close_if_done()

    # Ends.

    def _end_remotely(self, stream: Stream) -> None:
        stream.remote_ended = True
        if stream.local_ended:
            self.forget(stream)

    def _note_closed(self, number: int, reset: bool) -> None:
        closed = self._closed
        closed[number] = reset
        if len(closed) > 2 * _CLOSED_REMEMBERED:
            for old in list(closed)[:_CLOSED_REMEMBERED]:
                del closed[old]
        if self._ends_empty and not self.streams:
            self.loop.call_soon(self._close_if_done)

    def _close_if_done(self) -> None:
        if self._ends_empty and not self.streams and not self._over:
            self.close()

    def _is_idle(self, number: int) -> bool:
        """Returns whether nobody has opened that stream yet."""
        if number & 1:
            return number >= self._next_own if self.client else number > self._last_peer
        return True

    def _refuse_idle(self, number: int) -> None:
        if number and self._is_idle(number):
            raise ConnectionFault(frames.PROTOCOL_ERROR, "a frame of a stream that is not open")

    def _fail_stream(self, fault: StreamFault) -> None:
        """Resets a stream for its fault; counted, because a client can make us do it for nothing."""
        log.debug("HTTP/2 stream %d: %s", fault.stream, fault)
        self._resets.take(self._last_heard)
        stream = self.streams.get(fault.stream)
        if stream is None:
            self._note_closed(fault.stream, True)
            self.control(frames.reset(fault.stream, fault.code))
            return
        self.reset(stream, fault.code)
        self.took_reset(stream, fault.code)

    def _fail(self, fault: ConnectionFault) -> None:
        """Says what is wrong, then closes; what still arrives is dropped."""
        log.debug("HTTP/2 connection: %s", fault)
        self._over = True
        self.departing = True
        self._rest = b""
        self._block = None
        if self.transport is None:
            return
        self._out.append(frames.go_away(self._last_peer, fault.code, str(fault).encode()))
        self.flush()
        self._shut = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(_LINGER_SECONDS, self._close_late)
        else:
            self.transport.close()

    def _close_late(self) -> None:
        if self.transport is not None:
            self.transport.close()


def _check_priority(number: int, payload: bytes) -> None:
    if not number:
        raise ConnectionFault(frames.PROTOCOL_ERROR, "a priority of no stream")
    if len(payload) != 5:
        raise StreamFault(number, frames.FRAME_SIZE_ERROR, "a priority that is not 5 bytes")
    if int.from_bytes(payload[:4], "big") & frames.LARGEST == number:
        raise StreamFault(number, frames.PROTOCOL_ERROR, "a stream that depends on itself")
