"""The command `penstock-model-server`: the command line of `tensorflow_model_server`, and its exits.

Exits: 0 after `--version`, `--help` or SIGTERM; 255 when a flag cannot be read or the server cannot start.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from serving.server.config import flags
from serving.server.config.options import Options
from serving.server.status import ServingError

PROGRAM: Final = "penstock-model-server"
# The state of tensorflow_model_server that this server was held against.
TF_SERVING_VERSION: Final = "2.20.0"
FAILURE: Final = 255
_LOG = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server until it is told to end.

    Args:
        argv: The arguments after the program's name; None takes the process's own, and then the process ends here
            once it has loaded TensorFlow, for Python's tear-down of that takes seconds.

    Returns:
        The exit code.
    """
    set_up_tensorflow()
    code = _run(list(sys.argv[1:] if argv is None else argv))
    sys.stdout.flush()
    if argv is None and "tensorflow" in sys.modules:
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)
    return code


def _run(arguments: list[str]) -> int:
    log_to_stderr()
    if "--help" in arguments:
        sys.stdout.write(flags.usage(PROGRAM))
        return 0
    try:
        options, unknown = flags.parse(arguments)
    except flags.FlagError as error:
        _LOG.error("%s", error)
        sys.stdout.write(flags.usage(PROGRAM))
        return FAILURE
    if options.version:
        sys.stdout.write(version_text())
        return 0
    _warn(options, unknown)
    try:
        return _serve(flags.check(options))
    except ServingError as error:
        sys.stdout.write(f"Failed to start server. Error: {error}\n")
        _LOG.error("Failed to start server. Error: %s", error)
        return FAILURE


def _serve(options: Options) -> int:
    from serving.server import server

    return server.run(options)


def _warn(options: Options, unknown: list[str]) -> None:
    for argument in unknown:
        sys.stdout.write(f"unknown argument: {argument}\n")
        _LOG.warning("%s: IGNORED, the server goes on without it", flags.unknown_argument(argument))
    if unknown:
        sys.stdout.write(flags.usage(PROGRAM))
        sys.stdout.flush()
    for name in flags.ignored_flags(options):
        _LOG.warning("--%s is accepted and has no effect in this server", name)


def version_text() -> str:
    """Returns the two lines of `--version`, without loading TensorFlow."""
    from importlib import metadata

    try:
        ours = metadata.version("penstock")
    except metadata.PackageNotFoundError:
        ours = "unknown"
    try:
        library = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        library = "not installed"
    return f"TensorFlow ModelServer: {TF_SERVING_VERSION}+penstock.{ours}\nTensorFlow Library: {library}\n"


def set_up_tensorflow() -> None:
    """Sets what TensorFlow reads from the environment when it is imported, unless it is set already."""
    # Its own chatter about the machine is left out.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # oneDNN's allocator never gives memory back; the system's does, so that an unloaded version's memory returns.
    os.environ.setdefault("TF_ONEDNN_USE_SYSTEM_ALLOCATOR", "1")


class _Formatter(logging.Formatter):
    """Lines as TF Serving writes them: `2026-01-31 12:00:00.000000: I module:line] text`."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, with the traceback below it if there is one."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        fraction = int(record.created % 1 * 1e6)
        text = f"{stamp}.{fraction:06d}: {record.levelname[0]} {record.name}:{record.lineno}] {self._who}{record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def log_to_stderr(who: str = "") -> None:
    """Sends the log of the server to stderr.

    Args:
        who: Put in front of every text: which of several processes speaks.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(who))
    logger = logging.getLogger("serving")
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
