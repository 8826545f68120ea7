"""Returns freed memory to the system, and keeps garbage collection off what lives as long as the process."""

from __future__ import annotations

import ctypes
import functools
import gc
import logging
import sys

log = logging.getLogger(__name__)


def spare_loaded_objects() -> None:
    """Excludes what exists now, imported modules mostly, from garbage collection.

    A full search of them stalls every request for 0.1 s and finds nothing.
    """
    gc.freeze()


def return_freed_memory() -> None:
    """Lets the C library give back freed pages, which glibc otherwise keeps; releases Python's lock meanwhile."""
    if sys.platform != "linux":
        return
    try:
        _c_library().malloc_trim(0)
    except AttributeError:
        log.debug("this C library has no malloc_trim: freed memory stays with the process")


@functools.cache
def _c_library() -> ctypes.CDLL:
    """Returns the C library; every handle to it would be garbage that waits for a collection."""
    return ctypes.CDLL(None)
