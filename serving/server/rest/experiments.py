"""The REST port of a server with experiments: their arms in front of the API, and their own endpoints beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from serving.experiments.plane import paths
from serving.experiments.plane.bodies import plain
from serving.http.handler import Answer
from serving.server.arms.arms import Done, too_late
from serving.server.rest import response_json
from serving.server.rest.api import Seen
from serving.server.status import Code

if TYPE_CHECKING:
    from serving.experiments.contract import Target
    from serving.server.arms.arms import Arms
    from serving.server.rest.api import RestApi

Headers = list[tuple[bytes, bytes]]
_API: Final = "rest"


class OwnEndpoints(Protocol):
    """Endpoints of the experiments: rewards, status, control, metrics, the page."""

    def matches(self, target: str) -> bool:
        """Returns whether a path is one of them."""

    async def handle(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answers a request to one of them."""


class RestExperiments:
    """The handler.

    Args:
        api: TF Serving's API.
        arms: The experiments.
        own: Their endpoints.
    """

    def __init__(self, api: RestApi, arms: Arms, own: OwnEndpoints) -> None:
        self._api = api
        self._arms = arms
        self._own = own

    async def handle(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answers a request, as a ``Handler`` does."""
        path = paths.parse(method, target)
        if path is None:
            if self._own.matches(target):
                return await self._own.handle(method, target, headers, body)
            return await self._api.handle(method, target, headers, body)
        route = None if path.chosen else self._arms.route(path.model)
        if route is None:
            return await self._api.handle(method, target, headers, body)
        if path.call in (paths.STATUS, paths.METADATA):
            return await self._api.handle(method, paths.rewritten(path, route.control), headers, body)
        call = self._arms.begin(route, _API, path.call, headers, await plain(headers, body))
        if call is None:
            return await self._api.handle(method, target, headers, body)

        async def ask(to: Target, seconds: float | None) -> Done:
            seen = Seen()
            work = self._api.answer(method, paths.rewritten(path, to), headers, body, seen)
            try:
                answer = await self._arms.within(seconds, work)
            except TimeoutError:
                text = too_late(seconds)
                refusal = Answer(504, response_json.error(text))
                return Done(Code.DEADLINE_EXCEEDED, text=text, answer=refusal)
            ok = seen.code is Code.OK
            return Done(seen.code, answer.body if ok else b"", seen.version, answer=answer)

        done = await self._arms.run(call, ask)
        answer: Answer = done.answer or Answer(503, response_json.error(done.text))
        answer.headers = b"".join([b"%b: %b\r\n" % pair for pair in call.headers()])
        return answer

    def refusal(self, status: int, text: str) -> Answer:
        """Returns the answer to a request that cannot be read."""
        return self._api.refusal(status, text)

    def drain(self) -> None:
        """Reports the server as not ready from now on."""
        self._api.drain()

    def close(self) -> None:
        """Stops the threads and the copies."""
        self._arms.close()
        self._api.close()
