"""Returns freed memory to the system."""

from __future__ import annotations

import ctypes
import logging
import sys

log = logging.getLogger(__name__)


def return_freed_memory() -> None:
    """Lets the C library give back freed pages, which glibc otherwise keeps; releases Python's lock meanwhile."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except AttributeError:
        log.debug("this C library has no malloc_trim: freed memory stays with the process")
