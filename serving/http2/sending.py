"""The sending half of a connection: windows, what waits for them, and one write for each turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from serving.http2 import frames
from serving.http2.limits import Limits
from serving.http2.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

    Bytes = bytes | memoryview

_JOIN_BELOW_BYTES: Final = 64 << 10
_TURN_BYTES: Final = 256 << 10
"""How much is collected before it is handed to the socket, which then says whether it takes more."""
TABLE_OF_NO_SIZE: Final = b"\x20"
"""The update of the dynamic table's size that the next header block must begin with after a peer has made its table
smaller (RFC 9113, 4.3.1); strict ones, as nghttp2, end the connection without it."""
_head: Final = frames.head


class Sender(asyncio.Protocol):
    """The sending half.

    Args:
        limits: The connection's limits.
        loop: The event loop.
        client: Whether we are the client.

    Attributes:
        client: Whether we are the client.
        streams: The open streams by identifier.
        limits: The connection's limits.
        loop: The event loop.
        send_window: How much the peer still takes on all streams together.
        transport: The transport; None before and after the connection.
        paused: Whether the peer does not read what was written.
    """

    def __init__(self, limits: Limits, loop: asyncio.AbstractEventLoop, *, client: bool) -> None:
        self.client = client
        self.limits = limits
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self.streams: dict[int, Stream] = {}
        self.send_window = frames.DEFAULT_WINDOW
        self.paused = False
        self._peer_window = frames.DEFAULT_WINDOW
        self._peer_frame = frames.DEFAULT_FRAME_BYTES
        self._out: list[Bytes] = []
        self._out_bytes = 0
        self._unread_controls = 0
        self._table_update_due = False
        # Whether the last byte was written: calls that end later have nobody to tell.
        self._shut = False
        self._flush_due = self._receiving = False
        # Streams that have something to send and a window for it; those without a window are only in ``streams``.
        self._ready: dict[int, Stream] = {}

    # Hooks.

    def sent(self, stream: Stream, size: int) -> None:
        """Hook: so many bytes of data were handed to the socket. Not called by ``send_whole``."""

    def stream_closed(self, stream: Stream) -> None:
        """Hook: both sides have ended, or one has reset the stream; it is no longer in ``streams``."""

    # What a user sends.

    def send_headers(self, stream: Stream, block: Bytes, *, end: bool = False) -> None:
        """Sends a header block, after whatever of the stream waits.

        Args:
            stream: The stream; nothing happens if it has ended on our side.
            block: The block, without reference to a dynamic table.
            end: Whether the stream ends with it.
        """
        if stream.local_ended:
            return
        if stream.waiting or self.paused:
            self._wait(stream, (True, block, end))
            return
        self._put_headers(stream, block, end)
        self.flush_soon()

    def send_data(self, stream: Stream, data: Bytes, *, end: bool = False) -> None:
        """Sends data, as far as the windows allow now, the rest later.

        Args:
            stream: The stream; nothing happens if it has ended on our side.
            data: The data; it must not change any more.
            end: Whether the stream ends with it.
        """
        if stream.local_ended:
            return
        size = len(data)
        if (
            stream.waiting
            or self.paused
            or size > self._peer_frame
            or size > self.send_window
            or size > stream.send_window
        ):
            if size or end:
                self._wait(stream, (False, data, end))
                self.pump()
            return
        self._put_data(stream, data, size, end)
        self.sent(stream, size)
        self.flush_soon()

    def send_whole(self, stream: Stream, block: bytes, data: Sequence[Bytes], trailers: bytes) -> None:
        """Sends a header block, data and trailers, and ends the stream.

        Args:
            stream: The stream.
            block: The first header block.
            data: The pieces of the data.
            trailers: The last header block.
        """
        size = 0
        for piece in data:
            size += len(piece)
        if (
            self.paused
            or self._table_update_due
            or stream.waiting
            or stream.local_ended
            or size > self._peer_frame
            or size > self.send_window
            or size > stream.send_window
            or len(block) > self._peer_frame
            or len(trailers) > self._peer_frame
        ):
            self.send_headers(stream, block)
            for piece in data:
                if len(piece):
                    self.send_data(stream, piece)
            self.send_headers(stream, trailers, end=True)
            return
        number = stream.number
        self._out += (
            _head(len(block), frames.HEADERS, frames.END_HEADERS, number) + block
            + _head(size, frames.DATA, 0, number),
            *data,
            _head(len(trailers), frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, number) + trailers,
        )  # fmt: skip
        self._out_bytes += size
        self.send_window -= size
        stream.send_window -= size
        self._end_locally(stream)
        if self._out_bytes > _TURN_BYTES:
            self.flush()
        else:
            self.flush_soon()

    def reset(self, stream: Stream, code: int) -> None:
        """Ends a stream on both sides at once and drops what of it waits."""
        if self.streams.get(stream.number) is stream:
            stream.local_ended = stream.remote_ended = True
            self.control(frames.reset(stream.number, code))
            self.forget(stream, reset=True)

    def control(self, frame: bytes) -> None:
        """Sends a frame without flow control; a peer that makes us send many of them and reads none is cut off."""
        if self.paused:
            self._unread_controls += len(frame)
            if self._unread_controls > self.limits.unread_bytes:
                self.abort()
                return
        self._out.append(frame)
        self.flush_soon()

    def abort(self) -> None:
        """Drops the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    # Windows and the socket.

    def pump(self) -> None:
        """Sends what waits, one frame of each stream in turn, while windows and socket allow it."""
        ready = self._ready
        while ready and not self.paused:
            for stream in list(ready.values()):
                if self.paused or not self._pump_one(stream):
                    break
            else:
                continue
            break
        if self._out:
            self.flush_soon()

    def _pump_one(self, stream: Stream) -> bool:
        """Sends the next frame of a stream; returns False if the connection's window is used up."""
        waiting = stream.waiting
        if not waiting:
            self._ready.pop(stream.number, None)
            return True
        is_block, payload, end = waiting[0]
        if is_block:
            waiting.popleft()
            if not waiting:
                self._ready.pop(stream.number, None)
            self._put_headers(stream, payload, end)
            return True
        size = len(payload)
        most = min(size, stream.send_window, self.send_window, self._peer_frame)
        if most <= 0 < size:
            if self.send_window <= 0:
                return False
            del self._ready[stream.number]
            return True
        if most < size:
            waiting[0] = (False, memoryview(payload)[most:], end)
            payload, end = memoryview(payload)[:most], False
        else:
            waiting.popleft()
            if not waiting:
                self._ready.pop(stream.number, None)
        stream.waiting_bytes -= most
        stream.still = 0.0
        self._put_data(stream, payload, most, end)
        self.sent(stream, most)
        if self._out_bytes > _TURN_BYTES:
            self.flush()
        return True

    def _wait(self, stream: Stream, what: tuple[bool, Bytes, bool]) -> None:
        if stream.waiting is None:
            stream.waiting = deque()
        stream.waiting.append(what)
        if not what[0]:
            stream.waiting_bytes += len(what[1])
        self._ready[stream.number] = stream

    def _put_headers(self, stream: Stream, block: Bytes, end: bool) -> None:
        if self._table_update_due:
            block, self._table_update_due = TABLE_OF_NO_SIZE + block, False
        self._out.append(frames.headers(stream.number, bytes(block), end=end, largest=self._peer_frame))
        if end:
            self._end_locally(stream)

    def _put_data(self, stream: Stream, data: Bytes, size: int, end: bool) -> None:
        self._out.append(_head(size, frames.DATA, frames.END_STREAM if end else 0, stream.number))
        if size:
            self._out.append(data)
            self._out_bytes += size
            self.send_window -= size
            stream.send_window -= size
        if end:
            self._end_locally(stream)

    def _end_locally(self, stream: Stream) -> None:
        stream.local_ended = True
        if stream.remote_ended:
            self.forget(stream)
        elif not self.client:
            # The answer is complete: what the client still sends of its request is of no use (RFC 9113, 8.1).
            self.reset(stream, frames.NO_ERROR)

    def forget(self, stream: Stream, *, reset: bool = False) -> None:
        """Removes a stream that has ended on both sides.

        Args:
            stream: The stream.
            reset: Whether we have reset it: its peer may send a while longer.
        """
        if self.streams.pop(stream.number, None) is not None:
            stream.waiting = None
            stream.waiting_bytes = 0
            self._ready.pop(stream.number, None)
            self._note_closed(stream.number, reset)
            self.stream_closed(stream)

    def _note_closed(self, number: int, reset: bool) -> None:
        raise NotImplementedError

    def flush_soon(self) -> None:
        """Writes at the end of this turn of the loop, together with what comes until then."""
        if not self._flush_due and not self._receiving:
            self._flush_due = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hands everything collected to the socket."""
        self._flush_due = False
        out = self._out
        if not out:
            return
        self._out = []
        joined, self._out_bytes = self._out_bytes < _JOIN_BELOW_BYTES, 0
        if self.transport is None or self._shut:
            return
        if joined:
            self.transport.write(b"".join(out))
        else:
            self.transport.writelines(out)

    def pause_writing(self) -> None:
        """Sends no data until the peer reads."""
        self.paused = True

    def resume_writing(self) -> None:
        """Continues."""
        self.paused = False
        self._unread_controls = 0
        self.pump()

    # The peer's word on windows.

    def _widen(self, number: int, size: int) -> None:
        """Takes a WINDOW_UPDATE."""
        if number == 0:
            if size == 0:
                raise frames.ConnectionFault(frames.PROTOCOL_ERROR, "a window update of 0")
            self.send_window += size
            if self.send_window > frames.LARGEST:
                raise frames.ConnectionFault(frames.FLOW_CONTROL_ERROR, "a window that is too large")
            self.pump()
            return
        stream = self.streams.get(number)
        if stream is None:
            return
        if size == 0:
            raise frames.StreamFault(number, frames.PROTOCOL_ERROR, "a window update of 0")
        stream.send_window += size
        if stream.send_window > frames.LARGEST:
            raise frames.StreamFault(number, frames.FLOW_CONTROL_ERROR, "a window that is too large")
        if stream.waiting:
            self._ready[number] = stream
            self.pump()

    def _resize_windows(self, size: int) -> None:
        """Takes the peer's SETTINGS_INITIAL_WINDOW_SIZE."""
        if size > frames.LARGEST:
            raise frames.ConnectionFault(frames.FLOW_CONTROL_ERROR, f"an initial window of {size}")
        change, self._peer_window = size - self._peer_window, size
        for stream in self.streams.values():
            stream.send_window += change
            if stream.send_window > frames.LARGEST:
                raise frames.ConnectionFault(frames.FLOW_CONTROL_ERROR, "a window that is too large")
            if stream.waiting:
                self._ready[stream.number] = stream
        self.pump()
