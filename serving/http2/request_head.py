"""The head of a gRPC request: what HTTP/2 and gRPC ask of it, read once for all requests with the same head."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from serving.http2.hpack import HeaderBlockError, fields
from serving.http2.messages import ENCODINGS

_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
_OF_A_CONNECTION: Final = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)
_PSEUDO: Final = frozenset({b":method", b":scheme", b":path", b":authority"})
_RESERVED: Final = frozenset(
    {b"content-type", b"te", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding"}
)
_LARGEST_CACHED: Final = 1024
_LONGEST_NUMBER: Final = 19


@dataclass(frozen=True, slots=True)
class RequestHead:
    """The head of a request.

    Attributes:
        path: ``/SERVICE/METHOD``.
        method: The HTTP method.
        metadata: The other fields by lower-case name, in their order; those that end in ``-bin`` are decoded.
        content_type: The content type.
        timeout: The deadline in seconds from the request's arrival; None means none.
        encoding: The encoding of compressed messages.
        accepted: The encodings that the client takes.
        content_length: The declared length of the data; None if it is not declared.
        fault: Why the request is malformed for HTTP/2; empty if it is not.
    """

    path: bytes
    method: bytes = b"POST"
    metadata: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b""
    timeout: float | None = None
    encoding: bytes = b"identity"
    accepted: tuple[bytes, ...] = ()
    content_length: int | None = None
    fault: str = ""

    @property
    def is_grpc(self) -> bool:
        """Whether the content type is gRPC's."""
        kind = self.content_type
        return kind.startswith(b"application/grpc") and kind[16:17] in (b"", b"+", b";")


def read(block: bytes, largest: int) -> RequestHead:
    """Reads the first header block of a stream.

    Raises:
        HeaderBlockError: It cannot be read.
    """
    return _read_cached(block, largest) if len(block) <= _LARGEST_CACHED else _read(block, largest)


def _read(block: bytes, largest: int) -> RequestHead:
    pseudo: dict[bytes, bytes] = {}
    plain: dict[bytes, bytes] = {}
    metadata: list[tuple[bytes, bytes]] = []
    fault = ""
    for name, value in fields(block, largest):
        if name[:1] == b":":
            if name not in _PSEUDO or name in pseudo or metadata or plain:
                fault = "a pseudo-header field that is unknown, repeated or late"
            pseudo[name] = value
        elif name in _RESERVED:
            plain.setdefault(name, value)
        elif name == b"content-length":
            if not value.isdigit() or len(value) > _LONGEST_NUMBER or plain.setdefault(name, value) != value:
                fault = "a content-length that is no number"
        elif name in _OF_A_CONNECTION or not is_name(name):
            fault = "a field that HTTP/2 does not have"
        elif not is_value(value):
            fault = "a field with a line break or a null"
        else:
            metadata.append((name, _decoded(name, value)))
    if not pseudo.get(b":path") or b":scheme" not in pseudo or b":method" not in pseudo:
        fault = "a request without :method, :scheme or :path"
    if plain.get(b"te", b"trailers") != b"trailers":
        fault = "a te field other than trailers"
    length = plain.get(b"content-length")
    return RequestHead(
        path=pseudo.get(b":path", b""),
        method=pseudo.get(b":method", b""),
        metadata=tuple(metadata),
        content_type=plain.get(b"content-type", b"").lower(),
        timeout=_timeout(plain[b"grpc-timeout"]) if b"grpc-timeout" in plain else None,
        encoding=plain.get(b"grpc-encoding", b"identity"),
        accepted=tuple(part.strip() for part in plain.get(b"grpc-accept-encoding", b"").split(b",")),
        content_length=None if length is None else int(length),
        fault=fault,
    )


_read_cached: Final = lru_cache(maxsize=512)(_read)


def check_trailers(block: bytes, largest: int) -> bool:
    """Returns whether a block may be the trailers of a request: fields without a colon in front, names in lower case."""
    return all(name[:1] != b":" and is_name(name) for name, _ in fields(block, largest))


def is_name(name: bytes) -> bool:
    """Returns whether HTTP/2 has such a name: not empty, without upper case, spaces and control characters."""
    return (
        bool(name) and name == name.lower() and name.isascii() and not any(c <= 32 or c == 127 for c in name)
    )


def is_value(value: bytes) -> bool:
    """Returns whether HTTP/2 has such a value."""
    return b"\0" not in value and b"\n" not in value and b"\r" not in value


def _decoded(name: bytes, value: bytes) -> bytes:
    """Returns a binary value decoded; a broken one stays as it is."""
    if not name.endswith(b"-bin"):
        return value
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except binascii.Error:
        return value


def _timeout(text: bytes) -> float | None:
    """Reads a ``grpc-timeout``; one that is none counts as none, as in gRPC's own server."""
    digits, unit = text[:-1], text[-1:]
    if not digits.isdigit() or len(digits) > 8 or unit not in _UNITS:
        return None
    return int(digits) * _UNITS[unit]


def is_known(encoding: bytes) -> bool:
    """Returns whether we can read that encoding."""
    return encoding in ENCODINGS


__all__ = ["HeaderBlockError", "RequestHead", "check_trailers", "is_known", "is_name", "is_value", "read"]
