"""Decompresses gzip request bodies."""

from __future__ import annotations

import logging
import zlib
from typing import Final

from serving.server.rest.work import still_wanted

log = logging.getLogger(__name__)
MAX_INFLATED_BYTES: Final = 100 * 1024 * 1024
"""The largest body after inflating, as in TF Serving."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_INPUT_BYTES: Final = 64 * 1024
_OUTPUT_BYTES: Final = 1024 * 1024
"""How much is inflated before it is counted: a thousandth of it may be the whole body."""


def inflated(body: bytes, limit: int = 0) -> bytes | bytearray:
    """Inflates a gzip body, a step at a time.

    Args:
        body: The compressed body.
        limit: The server's own limit on bodies; 0 means only TF Serving's.

    Returns:
        The body; empty if it is broken, truncated or too large, as in TF Serving.

    Raises:
        ServingError: There is no room for the body, or it takes too long.
    """
    most = min(limit or MAX_INFLATED_BYTES, MAX_INFLATED_BYTES)
    machine = zlib.decompressobj(_GZIP)
    plain = bytearray()
    try:
        for start in range(0, len(body), _INPUT_BYTES):
            rest = body[start : start + _INPUT_BYTES]
            while rest and not machine.eof and len(plain) <= most:
                step = machine.decompress(rest, _OUTPUT_BYTES)
                still_wanted(len(step))
                plain += step
                rest = machine.unconsumed_tail
    except zlib.error as error:
        log.debug("A gzip request body of %d bytes is broken: %s", len(body), error)
        return b""
    if len(plain) > most or not machine.eof:
        log.debug(
            "A gzip request body of %d bytes is truncated or inflates to more than %d bytes", len(body), most
        )
        return b""
    return plain
