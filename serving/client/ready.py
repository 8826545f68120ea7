"""Waits until a model answers requests."""

from __future__ import annotations

import time
from typing import Final

from serving.client.errors import CallError, DeadlineError, call_error
from serving.client.model import ModelStatus, Target
from serving.client.retry import Deadline
from serving.client.transport import Transport
from serving.codes import Code

_MAY_COME: Final = frozenset(
    {Code.UNAVAILABLE, Code.NOT_FOUND, Code.INVALID_ARGUMENT, Code.DEADLINE_EXCEEDED}
)
"""Status codes that may still turn into an available version."""
_LONGEST_LOOK: Final = 5.0


def wait(transport: Transport, target: Target, deadline: Deadline, every: float) -> int:
    """Polls until the requested version is available, and returns its number.

    Raises:
        CallError: The requested version failed; the server will not retry it.
        DeadlineError: It was not ready in time; the message says what was last seen.
    """
    seen = "nothing"
    while deadline.left > 0:
        limit = max(0.001, min(deadline.left, _LONGEST_LOOK))
        try:
            if target.label is not None:  # statuses do not include labels
                return transport.metadata(target, limit).version
            status = transport.status(target, limit)
        except CallError as error:
            if error.code not in _MAY_COME:
                raise
            seen = error.message
        else:
            if status.available:
                return status.available[0]
            _refuse_ended(status, target)
            seen = "; ".join(map(str, status.versions)) or "no version"
        time.sleep(max(0.0, min(every, deadline.left)))
    raise DeadlineError(
        Code.DEADLINE_EXCEEDED,
        f"not ready within {deadline.seconds:g} s; last seen: {seen}",
        model=f"{target}",
    )


def _refuse_ended(status: ModelStatus, target: Target) -> None:
    for version in status.versions if target.version is not None else ():
        if version.state == "END" and version.code is not Code.OK:
            raise call_error(version.code, f"it could not be loaded: {version.message}", model=f"{target}")
