"""Decompresses gzip request bodies."""

from __future__ import annotations

import logging
import zlib
from typing import Final

log = logging.getLogger(__name__)
MAX_INFLATED_BYTES: Final = 100 * 1024 * 1024
"""The largest body after inflating, as in TF Serving."""
_GZIP: Final = 16 + zlib.MAX_WBITS


def inflated(body: bytes, limit: int = 0) -> bytes:
    """Inflates a gzip body.

    Args:
        body: The compressed body.
        limit: The server's own limit on bodies; 0 means only TF Serving's.

    Returns:
        The body; empty if it is broken, truncated or too large, as in TF Serving.
    """
    most = min(limit or MAX_INFLATED_BYTES, MAX_INFLATED_BYTES)
    machine = zlib.decompressobj(_GZIP)
    try:
        plain = machine.decompress(body, most + 1)
    except zlib.error as error:
        log.debug("A gzip request body of %d bytes is broken: %s", len(body), error)
        return b""
    if len(plain) > most or not machine.eof:
        log.debug(
            "A gzip request body of %d bytes is truncated or inflates to more than %d bytes", len(body), most
        )
        return b""
    return plain
