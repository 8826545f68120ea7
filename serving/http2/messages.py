"""gRPC's framing of messages within a stream's data, and their compression."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from serving.codes import Code
from serving.http2.call import CallFault

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX: Final = struct.Struct(">BI")
"""Whether the message is compressed, and its length."""
ENCODINGS: Final = (b"identity", b"deflate", b"gzip")
ACCEPTED: Final = b"identity, deflate, gzip"
_STEP_BYTES: Final = 1 << 20
_SMALL_BYTES: Final = 4096
"""Smaller pieces are joined as they arrive: each would cost more than its bytes."""


class Gatherer:
    """Gathers the one message of a unary call.

    Args:
        most: The largest message in bytes.
        take: Takes memory for some bytes; returns whether it is there.
    """

    __slots__ = ("_head", "_most", "_pieces", "_size", "_take", "compressed", "wanted")

    def __init__(self, most: int, take: Callable[[int], bool]) -> None:
        self._most = most
        self._take = take
        self._head = b""
        self._pieces: list[bytes | bytearray] = []
        self._size = 0
        self.wanted = -1
        self.compressed = False

    def add(self, data: bytes) -> None:
        """Adds a piece of the stream's data.

        Raises:
            CallFault: The message is too large, broken, or not the only one.
        """
        if self.wanted < 0:
            data = self._head + data if self._head else data
            if len(data) < 5:
                self._head = data
                return
            self._begin(data)
            data = data[5:]
        if not data:
            return
        self._size += len(data)
        if self._size > self.wanted:
            raise CallFault(Code.UNIMPLEMENTED, "A unary call has more than one message")
        if not self._take(len(data)):
            raise CallFault(Code.RESOURCE_EXHAUSTED, "Too many bytes in requests at once; try again later")
        pieces = self._pieces
        if len(data) >= _SMALL_BYTES or not pieces:
            pieces.append(data)
        elif type(pieces[-1]) is bytearray:
            pieces[-1] += data
        else:
            pieces.append(bytearray(data))

    def _begin(self, data: bytes) -> None:
        flag, wanted = PREFIX.unpack_from(data)
        if flag > 1:
            raise CallFault(Code.INTERNAL, f"Bad GRPC frame type 0x{flag:02x}")
        if wanted > self._most:
            raise CallFault(
                Code.RESOURCE_EXHAUSTED,
                f"SERVER: Received message larger than max ({wanted} vs. {self._most})",
            )
        self.compressed, self.wanted, self._head = bool(flag), wanted, b""

    def whole(self) -> bytes:
        """Returns the message and keeps nothing of it.

        Raises:
            CallFault: It is incomplete.
        """
        if self.wanted < 0 or self._size < self.wanted:
            raise CallFault(Code.INTERNAL, "The call has ended before its message")
        pieces, self._pieces = self._pieces, []
        if len(pieces) == 1:
            return bytes(pieces[0])  # Of bytes this is no copy.
        return b"".join(pieces)


def inflate(data: bytes, encoding: bytes, most: int, take: Callable[[int], bool] | None = None) -> bytes:
    """Returns a message without its compression.

    Args:
        data: The message as it came.
        encoding: Its ``grpc-encoding``.
        most: The largest message in bytes.
        take: Takes memory for what is inflated next; returns whether it is there. A thousandth of a message may be all of
            it that was sent, so it is asked as the message grows.

    Raises:
        CallFault: It is broken, larger than it may be, or there is no memory for it.
    """
    if encoding == b"gzip":
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
    elif encoding == b"deflate":
        inflater = zlib.decompressobj()
    else:
        raise CallFault(Code.INTERNAL, "A message is compressed, but its call has no grpc-encoding")
    pieces: list[bytes] = []
    size = 0
    while not inflater.eof:
        try:
            piece = inflater.decompress(data, min(_STEP_BYTES, most + 1 - size))
        except zlib.error as error:
            raise CallFault(Code.INTERNAL, f"The {encoding.decode()} message is broken: {error}") from error
        data = inflater.unconsumed_tail
        if not piece and not data and not inflater.eof:
            raise CallFault(Code.INTERNAL, f"The {encoding.decode()} message is cut off")
        size += len(piece)
        if size > most:
            raise CallFault(
                Code.RESOURCE_EXHAUSTED, f"SERVER: Received message larger than max ({size} vs. {most})"
            )
        if take is not None and not take(len(piece)):
            raise CallFault(Code.RESOURCE_EXHAUSTED, "Too many bytes in requests at once; try again later")
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def deflate(data: bytes, encoding: bytes) -> bytes:
    """Returns a message compressed by ``gzip`` or ``deflate``."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16 if encoding == b"gzip" else zlib.MAX_WBITS, level=6)
    return packer.compress(data) + packer.flush()
