"""The last line that a node's process prints: JSON, small enough for any scheduler, and without secrets."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.task.ended import Ended
from pipeline.task.exits import MAY_BE_RETRIED

FORMAT = 1
LIMIT = 2000
"""Bytes that the line has at most."""
_HIDDEN = "***"
_SECRET_NAME = re.compile(
    r"PASS|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_KEY|_KEY$|_PWD$|_URI$|_DSN$|SQL_ALCHEMY"
)
"""Names of environment variables whose values are never told."""
_SHORTEST_SECRET = 4
"""Shorter values are parts of ordinary words."""
_USER = re.compile(r"(://)[^/\s@:]+:[^/\s@]+@")
"""User and password in an address."""
_LENGTHS = (600, 300, 100, 40, 10)
"""Characters that a text keeps, less and less until the line is short enough."""


def line(
    ended: Ended, *, run: str, node: str, span: int | None, report: str, hidden: Iterable[str] = ()
) -> str:
    """Returns the line.

    Args:
        ended: How the node ended.
        run: Id of the run, as the scheduler has it.
        node: Id of the node.
        span: Span of the export, None where it has none.
        report: Where the run's report is, with the node's place in it.
        hidden: Secrets that must not be in it.
    """
    whole: dict[str, Any] = {
        "penstock": FORMAT,
        "run": run,
        "node": node,
        "state": ended.state,
        "execution": ended.execution,
        "attempt": ended.attempt,
        "span": span,
        "seconds": round(ended.seconds, 3),
        "overhead": round(ended.overhead, 3),
        "counted": dict(ended.counted),
        "withheld": ended.withheld,
        "decided": ended.decided,
        "report": report,
        "model": ended.model,
        "error": ended.error,
        "retry": ended.code == MAY_BE_RETRIED,
    }
    secrets = sorted({one for one in hidden if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True)
    for length in _LENGTHS:
        told = {key: _told(value, secrets, length) for key, value in whole.items()}
        text = json.dumps({**told, "state": ended.state})
        if len(text) < LIMIT:
            break
    return text


def secrets_of(environment: Mapping[str, str] = os.environ, names: Iterable[str] = ()) -> list[str]:
    """Returns the values of environment variables that hold secrets: by their names, and by those that the document names."""
    named = set(names)
    return [
        value for name, value in environment.items() if name in named or _SECRET_NAME.search(name.upper())
    ]


def _told(value: Any, secrets: list[str], length: int) -> Any:
    """Returns a value without secrets and no longer than is left for it."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, _HIDDEN)
        value = _USER.sub(rf"\1{_HIDDEN}@", " ".join(value.split()))
        return value if len(value) <= length else value[: length - 1] + "…"
    if isinstance(value, dict):
        first = list(value.items())[: length // 40 or 1]
        return {_told(str(key), secrets, min(length, 40)): count for key, count in first}
    return value
