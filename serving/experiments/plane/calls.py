"""One request of an experiment: its unit and id, the arm that it gets, and what became of it."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, Any, Final

from serving import headers
from serving.codes import Code
from serving.experiments.contract import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from serving.experiments.contract import Choice, Route, Target

log = logging.getLogger(__name__)

_REQUEST_ID: Final = headers.REQUEST_ID.encode()
_ARM: Final = headers.ARM.encode()
_ID: Final = re.compile(rb"[!-~]{1,128}")
"""What a request id may be; any other is replaced, because it is sent back and logged."""
_IDS_AT_ONCE: Final = 256
LONGEST_UNIT: Final = 1024
"""Longer units count as none: they are hashed and perhaps logged."""
FAILED: Final = frozenset(
    (
        Code.UNKNOWN,
        Code.DEADLINE_EXCEEDED,
        Code.NOT_FOUND,
        Code.RESOURCE_EXHAUSTED,
        Code.FAILED_PRECONDITION,
        Code.ABORTED,
        Code.UNIMPLEMENTED,
        Code.INTERNAL,
        Code.UNAVAILABLE,
        Code.DATA_LOSS,
    )
)
"""Codes for which a fallback is asked: the arm failed. With others the request itself is wrong, wherever it goes."""


def unit_of(pairs: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    """Returns the unit in a header or metadata; None if it is not there or empty.

    A header that is repeated is one value with commas, as HTTP and gRPC define it, and as proxies on the way may have
    joined it already: so the unit is the same on every way.
    """
    found = [value for key, value in pairs if key == name]
    if not found:
        return None
    value = found[0] if len(found) == 1 else b",".join(found)
    value = value.strip()
    if not value or len(value) > LONGEST_UNIT:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def request_id_of(pairs: Iterable[tuple[bytes, bytes]]) -> str:
    """Returns the request's id: the client's, if it gave one that can be sent back, or a new one."""
    for key, value in pairs:
        if key == _REQUEST_ID and _ID.fullmatch(value):
            return value.decode("ascii")
    return new_id()


_new_ids: Final[list[str]] = []
os.register_at_fork(after_in_child=_new_ids.clear)


def new_id() -> str:
    """Returns a new request id: 32 hex digits that nobody can guess.

    Randomness is taken for many at once: each time, the interpreter's lock changes hands.
    """
    try:
        return _new_ids.pop()
    except IndexError:
        digits = os.urandom(16 * _IDS_AT_ONCE).hex()
        _new_ids.extend([digits[start : start + 32] for start in range(32, len(digits), 32)])
        return digits[:32]


class Call:
    """One request of an experiment.

    Args:
        route: The experiments on its model.
        api: ``grpc`` or ``rest``.
        method: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
        request_id: Its id.
        request: Its body, uncompressed.

    Attributes:
        choice: The arm; None if it takes part in no experiment.
    """

    __slots__ = ("_began", "_done", "_started", "api", "choice", "method", "request", "request_id", "route")

    def __init__(self, route: Route, api: str, method: str, request_id: str, request: bytes) -> None:
        self.route = route
        self.api = api
        self.method = method
        self.request_id = request_id
        self.request = request
        self.choice: Choice | None = None
        self._began = time.time()
        self._started = time.perf_counter()
        self._done = False

    def choose(self, unit: str | None) -> Choice | None:
        """Assigns the request.

        Args:
            unit: The unit from the header or metadata; a unit in the request's features is read here.

        Returns:
            The arm; None if it takes part in no experiment. So does a request that cannot be assigned: it is answered
            as without experiments, and the log says why.
        """
        try:
            self.choice = self._choose(unit)
        except Exception:
            log.exception("A request could not be assigned: it goes on without an experiment")
        return self.choice

    def _choose(self, unit: str | None) -> Choice | None:
        route = self.route
        body = None
        if route.reads_body:
            body = _Features(self.api, self.method, self.request, route.features)
            if route.unit_feature is not None:
                unit = unit_in(body(), route.unit_feature)
        return route.choose(unit, self.request_id, body)

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Returns what the answer carries: the arm and the request's id."""
        choice = self.choice
        assert choice is not None
        return [
            (_ARM, f"{choice.experiment}/{choice.arm}".encode()),
            (_REQUEST_ID, self.request_id.encode()),
        ]

    def answered(
        self,
        code: int,
        response: bytes,
        target: Target,
        version: int | None = None,
        *,
        fell_back: bool = False,
    ) -> None:
        """Tells the experiment what became of the request; only the first time counts.

        Args:
            code: The answer's gRPC code.
            response: The answer's body, uncompressed; empty if it failed.
            target: What answered.
            version: The version that the answer names, if it does.
            fell_back: Whether the fallback answered.
        """
        if self._done or self.choice is None:
            return
        self._done = True
        outcome = self._outcome(code, response, target, version)
        outcome.fell_back = fell_back
        self.route.answered(self.choice, outcome)

    def shadowed(
        self, arm: str, code: int, response: bytes, target: Target, version: int | None, seconds: float
    ) -> None:
        """Tells the experiment what a shadow answered.

        Args:
            arm: The shadow's arm.
            code: Its answer's code.
            response: Its answer's body, uncompressed; empty if it failed.
            target: What it asked.
            version: The version that the answer names, if it does.
            seconds: How long its answer took.
        """
        assert self.choice is not None
        outcome = self._outcome(code, response, target, version)
        outcome.seconds = seconds
        self.route.shadowed(self.choice, arm, outcome)

    def _outcome(self, code: int, response: bytes, target: Target, version: int | None) -> Outcome:
        return Outcome(
            self.request_id,
            self.api,
            self.method,
            self._began,
            time.perf_counter() - self._started,
            int(code),
            self.request,
            response if code == Code.OK else b"",
            target.version if version is None else version,
        )


class _Features:
    """Decodes a request's features, once."""

    __slots__ = ("_arguments", "_found")

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments
        self._found: dict[str, Any] | None = None

    def __call__(self) -> dict[str, Any]:
        if self._found is None:
            from serving.experiments.payload.read import features

            self._found = features(*self._arguments)
        return self._found


def unit_in(features: Any, name: str) -> str | None:
    """Returns the unit in a request's features; None if there is none that can be one.

    Numbers count by their value: 7 and 7.0 are one unit, because JSON's and protobuf's types differ for one client.
    """
    value = features.get(name)
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bytes):
        value = value.hex()
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or isinstance(value, (list, dict)):
        return None
    text = str(value)
    return text if 0 < len(text) <= LONGEST_UNIT else None
