"""What the router reads in header blocks and writes into them; blocks are otherwise copied as they are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from serving import headers
from serving.codes import Code
from serving.http2 import frames
from serving.http2.hpack import block, field, fields, find

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUS: Final = b"grpc-status"
_ENCODING: Final = b"grpc-encoding"
_CACHED_BYTES: Final = 64
_LARGEST_CACHED: Final = 1024
_REQUEST_ID: Final = headers.REQUEST_ID.encode()
_ANSWER: Final = block(((b":status", b"200"), (b"content-type", b"application/grpc")))
_PRINTABLE: Final = " !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_OF_RESETS: Final = {
    frames.REFUSED_STREAM: Code.UNAVAILABLE,
    frames.CANCEL: Code.CANCELLED,
    frames.ENHANCE_YOUR_CALM: Code.RESOURCE_EXHAUSTED,
    frames.INADEQUATE_SECURITY: Code.PERMISSION_DENIED,
}


def status_of(trailers: bytes) -> int:
    """Returns the status in the trailers of an answer; UNKNOWN if they have none, as gRPC says."""
    return _cached_status(trailers) if len(trailers) <= _CACHED_BYTES else _status(trailers)


def _status(trailers: bytes) -> int:
    text = find(trailers, (_STATUS,)).get(_STATUS, b"")
    return int(text) if text.isdigit() and len(text) < 4 else int(Code.UNKNOWN)


_cached_status: Final = lru_cache(maxsize=256)(_status)


def encoding_of(head: bytes) -> bytes:
    """Returns how the messages of an answer are compressed, if they are."""
    return find(head, (_ENCODING,)).get(_ENCODING, b"identity")


def code_of_reset(code: int) -> Code:
    """Returns the status that a gRPC client makes of an RST_STREAM."""
    return _OF_RESETS.get(code, Code.INTERNAL)


def refusal(code: int, text: str) -> bytes:
    """Returns the block of an answer that is only a status: to send as the first and last of its stream."""
    return _ANSWER + trailers(code, text)


def trailers(code: int, text: str) -> bytes:
    """Returns the last block of an answer that has begun."""
    message = quote(text, safe=_PRINTABLE).encode("ascii")
    return block(((_STATUS, b"%d" % code), (b"grpc-message", message)))


def changed(head: bytes, values: Mapping[bytes, bytes | None]) -> bytes:
    """Returns a request's block with other values of some fields; None leaves the field out."""
    kept = [entry for entry in fields(head) if entry[0] not in values]
    more = [(name, value) for name, value in values.items() if value is not None]
    return block([*kept, *more])


def without_length(head: bytes) -> bytes:
    """Returns a request's block without its ``content-length``."""
    return _cached_without(head) if len(head) <= _LARGEST_CACHED else _without(head)


def _without(head: bytes) -> bytes:
    return changed(head, {b"content-length": None})


_cached_without: Final = lru_cache(maxsize=512)(_without)


@lru_cache(maxsize=1024)
def _arm(experiment: str, arm: str) -> bytes:
    return field(headers.ARM.encode(), f"{experiment}/{arm}".encode())


def of_answer(experiment: str, arm: str, request_id: str) -> bytes:
    """Returns the fields that an experiment's answer carries, to append to its last block."""
    return _arm(experiment, arm) + field(_REQUEST_ID, request_id.encode())


def timeout(seconds: float) -> bytes:
    """Returns the value of ``grpc-timeout``; at least a millisecond."""
    return b"%dm" % min(max(int(seconds * 1000), 1), 99_999_999)
