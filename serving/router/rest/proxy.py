"""The REST proxy: forwards every request as it came, those of an experiment to the arm's model and version."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Final

from serving.codes import Code, code_of_http, http_status
from serving.experiments.plane import paths
from serving.experiments.plane.bodies import plain, plain_body
from serving.experiments.plane.calls import Call, request_id_of, unit_of
from serving.http.budget import Budget, Share
from serving.http.handler import Answer
from serving.router.rest.pool import Pool, PoolLimits
from serving.router.rest.upstream import Reply, UpstreamError

if TYPE_CHECKING:
    from serving.experiments.contract import Choice, Target, Traffic
    from serving.experiments.plane.shadow import Shadows
    from serving.router.backends import Backend, Backends

Headers = list[tuple[bytes, bytes]]

_API: Final = "rest"
_HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"content-length",
    )
)
_PLAIN_CONNECTIONS: Final = frozenset((b"keep-alive", b"close", b"Keep-Alive", b"Close"))
_WITH_BODY: Final = frozenset(("POST", "PUT", "PATCH"))
_FIRST_ERROR: Final = 400
_FIRST_FAILURE: Final = 500
_FAILED_BELOW: Final = frozenset((404, 429, 499))
"""Statuses below 500 for which a fallback is asked: no such version, too busy, gone."""


class RestProxy:
    """The handler of the router's REST port.

    Args:
        backends: Where requests go.
        traffic: The experiments.
        shadows: Sends copies.
        budget: What answers in flight take their memory from.
        seconds: How long a backend may take to answer, if the experiment says nothing shorter.
        limits: The limits of the connections to each backend.
    """

    def __init__(
        self,
        backends: Backends,
        traffic: Traffic,
        shadows: Shadows,
        budget: Budget,
        seconds: float,
        limits: PoolLimits | None = None,
    ) -> None:
        self._limits = limits
        self._pools: dict[str, Pool] = {}
        # Copies have their own connections, so that they take none from the originals.
        self._copies: dict[str, Pool] = {}
        self._copy_limits = PoolLimits(connections=shadows.limits.running)
        self._default = ""
        self.use(backends)
        self._traffic = traffic
        self._shadows = shadows
        self._budget = budget
        self._seconds = seconds

    def use(self, backends: Backends) -> None:
        """Uses these backends from now on; requests in flight end where they are.

        Raises:
            PenstockError: A backend's TLS files are wrong; then nothing has changed.
        """
        reachable = [backend for backend in backends.all.values() if backend.rest]
        before = [*self._pools.values(), *self._copies.values()]
        pools = {one.name: self._kept(self._pools, one) or Pool(one, self._limits) for one in reachable}
        copies = {
            one.name: self._kept(self._copies, one) or Pool(one, self._copy_limits) for one in reachable
        }
        self._pools, self._copies, self._default = pools, copies, backends.default
        now = [*pools.values(), *copies.values()]
        for pool in before:
            if pool not in now:
                pool.close()

    def _kept(self, pools: dict[str, Pool], backend: Backend) -> Pool | None:
        pool = pools.get(backend.name)
        return pool if pool is not None and pool.backend == backend else None

    async def handle(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answers a request, as a ``Handler`` does."""
        path = paths.parse(method, target)
        route = self._traffic.route(path.model) if path is not None and not path.chosen else None
        if route is None or path is None:
            return await self._pass(self._default, method, target, headers, body)
        if path.call in (paths.STATUS, paths.METADATA):
            to = route.control
            return await self._pass(self._named(to), method, paths.rewritten(path, to), headers, body)
        call = Call(route, _API, path.call, request_id_of(headers), await plain(headers, body))
        unit = unit_of(headers, route.unit_header) if route.unit_header is not None else None
        choice = call.choose(unit)
        if choice is None:
            return await self._pass(self._default, method, target, headers, body)
        for arm, to in choice.shadows:
            self._copy(call, arm, to, path, headers, body)
        return await self._experiment(call, choice, path, headers, body)

    def refusal(self, status: int, text: str) -> Answer:
        """Returns the answer to a request that cannot be read."""
        return _error(status, text)

    def drain(self) -> None:
        """Has nothing to note."""

    def close(self) -> None:
        """Closes the connections to the backends."""
        for pool in (*self._pools.values(), *self._copies.values()):
            pool.close()

    def sweep(self) -> None:
        """Closes connections to the backends that were idle for long."""
        for pool in (*self._pools.values(), *self._copies.values()):
            pool.sweep()

    def _named(self, to: Target) -> str:
        return to.backend or self._default

    async def _pass(self, backend: str, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Forwards a request that takes part in no experiment."""
        with Share(self._budget) as share:
            try:
                reply = await self._ask(
                    self._pools, backend, method, target, headers, body, share, self._seconds
                )
            except UpstreamError as error:
                return _error(http_status(error.code), error.text)
            return _forwarded(reply, b"")

    async def _experiment(
        self, call: Call, choice: Choice, path: paths.Path, headers: Headers, body: bytes
    ) -> Answer:
        """Asks the arm, and its fallback if it fails and has one."""
        to, fell_back = choice.target, False
        lines = b"".join(b"%b: %b\r\n" % pair for pair in call.headers())
        with Share(self._budget) as share:
            try:
                reply, error = await self._arm(call, to, path, headers, body, share)
                if choice.fallback is not None and _failed(reply):
                    share.give_back()
                    to, fell_back = choice.fallback, True
                    reply, error = await self._arm(call, to, path, headers, body, share)
            except asyncio.CancelledError:
                call.answered(Code.CANCELLED, b"", to, fell_back=fell_back)
                raise
            if reply is None:
                assert error is not None
                call.answered(error.code, b"", to, fell_back=fell_back)
                answer = _error(http_status(error.code), error.text)
                answer.headers = lines
                return answer
            response = await plain_body(reply.body) if reply.encoded else reply.body
            call.answered(_code(reply.status), response, to, fell_back=fell_back)
            return _forwarded(reply, lines)

    async def _arm(
        self, call: Call, to: Target, path: paths.Path, headers: Headers, body: bytes, share: Share
    ) -> tuple[Reply | None, UpstreamError | None]:
        hang = call.route.hang
        seconds = self._seconds if hang is None else min(hang, self._seconds)
        target = paths.rewritten(path, to)
        try:
            reply = await self._ask(
                self._pools, self._named(to), "POST", target, headers, body, share, seconds
            )
        except UpstreamError as error:
            return None, error
        return reply, None

    async def _ask(
        self,
        pools: dict[str, Pool],
        backend: str,
        method: str,
        target: str,
        headers: Headers,
        body: bytes,
        share: Share,
        seconds: float,
    ) -> Reply:
        pool = pools.get(backend)
        if pool is None:
            raise UpstreamError(Code.UNAVAILABLE, f"backend {backend or 'default'} has no REST address")
        head = _head(method, target, headers, len(body))
        return await pool.ask(head, body, share, seconds, head_only=method == "HEAD")

    def _copy(
        self, call: Call, arm: str, to: Target, path: paths.Path, headers: Headers, body: bytes
    ) -> None:
        """Queues a copy for a shadow."""

        async def send() -> None:
            began = time.perf_counter()
            code, response = Code.OK, b""
            with Share(self._budget) as share:
                try:
                    target, seconds = paths.rewritten(path, to), self._shadows.limits.seconds
                    reply = await self._ask(
                        self._copies, self._named(to), "POST", target, headers, body, share, seconds
                    )
                    code = _code(reply.status)
                    response = await plain_body(reply.body) if reply.encoded else reply.body
                except UpstreamError as error:
                    code = error.code
            call.shadowed(arm, code, response, to, None, time.perf_counter() - began)

        self._shadows.add(len(body), send)


def _head(method: str, target: str, headers: Headers, size: int) -> bytes:
    """Returns the head of the request to a backend: the client's, without what concerns its own connection."""
    dropped = _HOP_BY_HOP
    sized = size > 0 or method in _WITH_BODY
    for name, value in headers:
        if name == b"connection" and value not in _PLAIN_CONNECTIONS:
            dropped = dropped | {word.strip().lower() for word in value.split(b",")}
    lines = [b"%b: %b\r\n" % pair for pair in headers if pair[0] not in dropped]
    if not any(name == b"host" for name, _ in headers):
        lines.append(b"host: localhost\r\n")
    if sized:
        lines.append(b"content-length: %d\r\n" % size)
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method.encode("ascii"), target.encode("latin-1"), b"".join(lines))


def _forwarded(reply: Reply, lines: bytes) -> Answer:
    return Answer(
        reply.status,
        reply.body,
        headers=lines,
        forwarded=reply.lines,
        length=reply.length,
        reason=reply.reason,
    )


def _error(status: int, text: str) -> Answer:
    """Returns an error in the words of TF Serving's REST API."""
    return Answer(status, json.dumps({"error": text}).encode())


def _failed(reply: Reply | None) -> bool:
    return reply is None or reply.status >= _FIRST_FAILURE or reply.status in _FAILED_BELOW


def _code(status: int) -> Code:
    return Code.OK if status < _FIRST_ERROR else code_of_http(status)
