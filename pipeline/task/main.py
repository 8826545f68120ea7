"""The frame of a node's process: signals, log, last line, exit code."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import PenstockError
from pipeline.task.ended import Ended
from pipeline.task.exits import INTERNAL, code_of
from pipeline.task.line import line, secrets_of
from pipeline.task.outcome import Outcome
from pipeline.task.signals import Terminated, deaf, listen
from pipeline.task.work import Work

if TYPE_CHECKING:
    from pipeline.task.request import Request


def run(request: Callable[[], Request], bundle: Path, run_id: str, node: str, began: float) -> int:
    """Runs one node and prints the last line.

    The process that works is started before anything else is loaded: it imports what the node needs meanwhile.

    Args:
        request: Makes what is asked.
        bundle: The bundle's folder, or ``pipeline.json`` in it.
        run_id: Id of the run, as the scheduler has it.
        node: Id of the node.
        began: When this process began, on ``time.monotonic``.

    Returns:
        The exit code.
    """
    listen()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    try:
        outcome = _perform(request, began, Work(node, bundle))
    except Terminated as error:
        outcome = Outcome(Ended("failed", error=str(error), code=error.code))
    except PenstockError as error:
        outcome = Outcome(Ended("failed", error=str(error), code=code_of(error)))
    except Exception as error:  # noqa: BLE001 - the last resort: a line and an exit code, as for every end
        traceback.print_exc(file=sys.stdout)
        said = f"internal error: {type(error).__name__}: {error}; remedy: report it with the log above"
        outcome = Outcome(Ended("failed", error=said, code=INTERNAL))
    with deaf():
        ended = outcome.ended
        hidden = secrets_of(names=outcome.secrets)
        where = {"span": outcome.span, "report": outcome.report}
        sys.stdout.write(line(ended, run=run_id, node=node, **where, hidden=hidden) + "\n")  # type: ignore[arg-type]
        sys.stdout.flush()
    return ended.code


def _perform(request: Callable[[], Request], began: float, work: Work) -> Outcome:
    try:
        from pipeline.task.task import Task

        return Task(request(), began, work).perform()
    finally:
        with deaf():
            work.end()
