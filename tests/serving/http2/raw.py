"""A raw HTTP/2 client for tests that do what no decent client does: it knows frames, and keeps no rule."""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass

from hpack import Decoder, Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 0x1, 0x1, 0x4, 0x8
PROTOCOL_ERROR, FLOW_CONTROL_ERROR, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 1, 3, 8, 9, 11
SECONDS = 20.0


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Returns a frame, whatever its parts mean."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values: int) -> bytes:
    """Returns SETTINGS; names are ``s3`` for the setting number 3."""
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", int(k[1:]), v) for k, v in values.items()))


def message(data: bytes) -> bytes:
    """Returns gRPC's frame around a message that is not compressed."""
    return b"\0" + struct.pack(">I", len(data)) + data


def head(path: str = "/test/Echo", *more: tuple[str, str]) -> list[tuple[str, str]]:
    """Returns the fields of a gRPC request."""
    return [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
        ("content-type", "application/grpc"), ("te", "trailers"), *more,
    ]  # fmt: skip


@dataclass
class Frame:
    """A frame from the server."""

    kind: int
    flags: int
    stream: int
    payload: bytes


class RawClient:
    """A connection; a context manager.

    Args:
        port: The server's port.
        begin: What to send at once; the preface and empty SETTINGS if not given.
    """

    def __init__(self, port: int, begin: bytes = PREFACE + frame(SETTINGS)) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder, self.decoder = Encoder(), Decoder(max_header_list_size=1 << 24)
        self._buffer = b""
        if begin:
            self.socket.sendall(begin)

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Sends bytes; returns whether the server still takes them."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, BrokenPipeError):
            return False
        return True

    def request(self, stream: int, data: bytes | None = b"x", *more: tuple[str, str], path: str = "/test/Echo") -> bytes:
        """Returns the frames of a call; without data, the stream is not ended."""
        block = self.encoder.encode(head(path, *more))
        sent = frame(HEADERS, END_HEADERS, stream, block)
        return sent if data is None else sent + frame(DATA, END_STREAM, stream, message(data))

    def read(self) -> Frame | None:
        """Returns the next frame; None after the end of the connection."""
        start = self._exactly(9)
        if start is None:
            return None
        length = int.from_bytes(start[:3], "big")
        payload = self._exactly(length)
        if payload is None:
            return None
        seen = Frame(start[3], start[4], int.from_bytes(start[5:9], "big") & 0x7FFFFFFF, payload)
        if seen.kind == HEADERS:
            self.decoder.decode(payload)
        return seen

    def _exactly(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            piece = b""
            with contextlib.suppress(ConnectionError):
                piece = self.socket.recv(65536)
            if not piece:
                return None
            self._buffer += piece
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def frames(self) -> list[Frame]:
        """Returns every frame until the server ends the connection."""
        found = []
        while (seen := self.read()) is not None:
            found.append(seen)
        return found

    def goodbye(self) -> int | None:
        """Reads to the end of the connection and returns the code of GOAWAY; None if there was none."""
        codes = [int.from_bytes(seen.payload[4:8], "big") for seen in self.frames() if seen.kind == GOAWAY]
        return codes[-1] if codes else None

    def until(self, kind: int, stream: int, *, ended: bool = False) -> Frame:
        """Reads until a frame of a kind comes on a stream."""
        while (seen := self.read()) is not None:
            if seen.kind == kind and seen.stream == stream and (not ended or seen.flags & END_STREAM):
                return seen
        raise AssertionError(f"the connection ended before frame {kind} on stream {stream}")
