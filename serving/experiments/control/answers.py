"""Answers of the endpoints of experiments: JSON, and errors that say subject, expected, seen and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from foundation.errors import DataError, PenstockError, SpecError
from serving.experiments.rewards.targets import UnknownExperimentError
from serving.experiments.state.store import StoreAwayError
from serving.http.handler import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_STORE: Final = b"Cache-Control: no-store\r\n"


class RefusedError(PenstockError):
    """A request that is refused.

    Args:
        status: The HTTP status.
        subject: What the error is about.
        expected: What would have been right.
        seen: What was found instead.
        remedy: What the caller can do next.
        headers: Header lines of the answer.
    """

    def __init__(
        self,
        status: int,
        subject: str,
        *,
        expected: str = "",
        seen: str = "",
        remedy: str = "",
        headers: bytes = b"",
    ) -> None:
        super().__init__(subject, expected=expected, seen=seen, remedy=remedy)
        self.status, self.headers = status, headers


def said(value: Mapping[str, Any], status: int = 200) -> Answer:
    """Returns an answer in JSON."""
    return Answer(status, orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), headers=NO_STORE)


def refused(error: PenstockError) -> Answer:
    """Returns the answer to a request that failed, with the status that fits."""
    status, headers = _status(error)
    body = {
        "error": error.render(),
        "subject": error.subject,
        "expected": error.expected,
        "seen": error.seen,
        "remedy": error.remedy,
    }
    return Answer(status, orjson.dumps(body), headers=NO_STORE + headers)


def _status(error: PenstockError) -> tuple[int, bytes]:
    if isinstance(error, RefusedError):
        return error.status, error.headers
    if isinstance(error, StoreAwayError):
        return 503, b"Retry-After: 1\r\n"
    if isinstance(error, UnknownExperimentError):
        return 404, b""
    return (400 if isinstance(error, DataError) else 409 if isinstance(error, SpecError) else 500), b""
