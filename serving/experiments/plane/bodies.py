"""REST bodies without their compression, for units in features, contexts and the log."""

from __future__ import annotations

import asyncio
import zlib
from typing import Final

_INFLATED_BYTES: Final = 8 * 1024**2
"""Larger bodies are not read by anybody; the server has its own limit."""
_ON_LOOP_BYTES: Final = 4 * 1024


async def plain(headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """Returns a request's body as TF Serving reads it; empty if it cannot be inflated."""
    for name, value in headers:
        if name == b"content-encoding" and b"gzip" in value:
            return await plain_body(body)
    return body


async def plain_body(body: bytes) -> bytes:
    """Returns a compressed body inflated; empty if it cannot be."""
    if len(body) > _ON_LOOP_BYTES:
        return await asyncio.to_thread(_inflated, body)
    return _inflated(body)


def _inflated(body: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        found = reader.decompress(body, _INFLATED_BYTES)
    except zlib.error:
        return b""
    return found if reader.eof else b""
