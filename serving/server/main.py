"""The command ``penstock-model-server``, with the command line and exit codes of ``tensorflow_model_server``.

It exits with 0 after ``--version``, ``--help`` or SIGTERM, and with 255 if a flag is wrong or the server cannot start.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Final

from serving.server.config import flags
from serving.server.config.options import Options
from serving.server.process import FAILURE, log_to_stderr, run_on_loop, set_up_tensorflow
from serving.server.status import ServingError

PROGRAM: Final = "penstock-model-server"
TF_SERVING_VERSION: Final = "2.20.0"
"""The tensorflow_model_server that this server was checked against."""
log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the server until it is told to stop.

    Args:
        argv: The arguments after the program's name; None means the process's own. In that case, once TensorFlow is
            loaded, the process exits here, because Python takes seconds to tear it down.

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
        log.error("%s", error)  # noqa: TRY400 - a line for the operator
        sys.stdout.write(flags.usage(PROGRAM))
        return FAILURE
    if options.version:
        sys.stdout.write(version_text())
        return 0
    _warn(options, unknown)
    try:
        _serve(flags.check(options))
    except ServingError as error:
        sys.stdout.write(f"Failed to start server. Error: {error}\n")
        log.error("Failed to start server. Error: %s", error)  # noqa: TRY400 - a line for the operator
        return FAILURE
    return 0


def _serve(options: Options) -> None:
    if options.worker_processes > 1:
        from serving.server.workers.supervisor import Supervisor

        run_on_loop(Supervisor(options).run())
    else:
        from serving.server.server import ModelServer

        run_on_loop(ModelServer(options).serve())


def _warn(options: Options, unknown: list[str]) -> None:
    for argument in unknown:
        sys.stdout.write(f"unknown argument: {argument}\n")
        log.warning("%s: IGNORED, the server continues without it", flags.unknown_argument(argument))
    if unknown:
        sys.stdout.write(flags.usage(PROGRAM))
        sys.stdout.flush()
    for name in flags.ignored_flags(options):
        log.warning("--%s is accepted but has no effect in this server", name)


def version_text() -> str:
    """Returns the two lines of ``--version``, without loading TensorFlow."""
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
