"""Set-up of every server process: TensorFlow's environment, the log on stderr, the event loop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Coroutine
from typing import Final

FAILURE: Final = 255
"""The exit code when the server cannot start."""


def set_up_tensorflow() -> None:
    """Sets the environment variables that TensorFlow reads on import, unless they are already set."""
    # Hide its chatter about the machine.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # oneDNN's allocator never returns memory; the system's does, so unloading a version frees its memory.
    os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")


class _Formatter(logging.Formatter):
    """Log lines as TF Serving writes them: ``2026-01-31 12:00:00.000000: I module:line] text``."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, followed by the traceback if there is one."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        fraction = int(record.created % 1 * 1e6)
        text = f"{stamp}.{fraction:06d}: {record.levelname[0]} {record.name}:{record.lineno}] {self._who}{record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def log_to_stderr(who: str = "") -> None:
    """Sends the server's log to stderr.

    Args:
        who: Prefix of every message, naming one of several processes.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(who))
    logger = logging.getLogger("serving")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def run_on_loop(work: Coroutine[None, None, None]) -> None:
    """Runs a coroutine on a new event loop, a fast one if available."""
    loop = _new_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # It does not exist for Windows.
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
