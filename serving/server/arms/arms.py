"""Runs a request of an experiment: chooses its arm, asks it and perhaps the fallback, and tells what became of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.experiments.plane.calls import FAILED, Call, request_id_of, unit_of
from serving.experiments.plane.shadow import Shadows
from serving.server.arms.watch import Watch
from serving.server.status import Code

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from serving.experiments.contract import Route, Target, Traffic

    Metadata = Sequence[tuple[bytes, bytes]]
    Ask = Callable[[Target, float | None], Awaitable["Done"]]


@dataclass(frozen=True, slots=True)
class Done:
    """What a target answered.

    Attributes:
        code: The status.
        body: The answer's body; empty if it failed.
        version: The version that answered, if it is known.
        text: The error's text.
        answer: What else the caller of ``Arms.run`` wants to have again.
    """

    code: Code
    body: bytes = b""
    version: int | None = None
    text: str = ""
    answer: Any = None


class Arms:
    """The experiments, as the server's front ends ask them.

    Args:
        traffic: The experiments.

    Attributes:
        route: Returns the experiments on a model, if there are any.
        within: Waits for an answer, but only so many seconds.
    """

    def __init__(self, traffic: Traffic) -> None:
        self.route = traffic.route
        self.within = Watch().within
        self._shadows = Shadows()

    def begin(self, route: Route, api: str, method: str, fields: Metadata, request: bytes) -> Call | None:
        """Assigns a request to an arm.

        Args:
            route: The experiments on its model.
            api: ``grpc`` or ``rest``.
            method: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
            fields: Its metadata or headers.
            request: Its body, uncompressed.

        Returns:
            The call; None if it takes part in no experiment.
        """
        call = Call(route, api, method, request_id_of(fields), request)
        unit = unit_of(fields, route.unit_header) if route.unit_header is not None else None
        return None if call.choose(unit) is None else call

    def is_plain(self, call: Call) -> bool:
        """Returns whether a call has neither copies nor a fallback, and an arm of this server."""
        choice = call.choice
        return (
            choice is not None
            and not choice.shadows
            and choice.fallback is None
            and not choice.target.backend
        )

    async def run(self, call: Call, ask: Ask) -> Done:
        """Has an assigned request answered.

        Args:
            call: The call.
            ask: Asks a target, within so many seconds if that is not None; raises only when it is cancelled.

        Returns:
            The answer for the client.
        """
        choice = call.choice
        assert choice is not None
        for arm, target in choice.shadows:
            self._copy(call, arm, target, ask)
        target, fell_back = choice.target, False
        try:
            done = await _asked(target, call.route.hang, ask)
            if choice.fallback is not None and done.code in FAILED:
                target, fell_back = choice.fallback, True
                done = await _asked(target, call.route.hang, ask)
        except asyncio.CancelledError:
            call.answered(Code.CANCELLED, b"", target, fell_back=fell_back)
            raise
        call.answered(done.code, done.body, target, done.version, fell_back=fell_back)
        return done

    def close(self) -> None:
        """Ends the copies."""
        self._shadows.close()

    def _copy(self, call: Call, arm: str, target: Target, ask: Ask) -> None:
        async def send() -> None:
            began = time.perf_counter()
            done = await _asked(target, self._shadows.limits.seconds, ask)
            seconds = time.perf_counter() - began
            call.shadowed(arm, done.code, done.body, target, done.version, seconds)

        self._shadows.add(len(call.request), send)


def too_late(seconds: float | None) -> str:
    """Returns the error of an arm that takes too long."""
    return f"the arm gave no answer within {seconds:g} s"


async def _asked(target: Target, seconds: float | None, ask: Ask) -> Done:
    if target.backend:
        # The document has changed since the start, where this is refused.
        text = f"backend {target.backend} is not this server's: an arm may only be a version or a label of its models"
        return Done(Code.UNAVAILABLE, text=text)
    return await ask(target, seconds)
