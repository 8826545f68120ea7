"""What answers on the router's REST port: health, the experiments' own endpoints, and the proxy for everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from serving.http.handler import Answer

if TYPE_CHECKING:
    from serving.router.rest.proxy import RestProxy

LIVE: Final = "/healthz/live"
READY: Final = "/healthz/ready"


class OwnEndpoints(Protocol):
    """Endpoints of the experiments: rewards, status, control, metrics, the page."""

    def matches(self, target: str) -> bool:
        """Returns whether a path is one of them."""

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Answers a request to one of them."""


class RestFront:
    """The handler of the router's REST port.

    Args:
        proxy: Forwards to the backends.
        own: The experiments' endpoints; None if there are none.
    """

    def __init__(self, proxy: RestProxy, own: OwnEndpoints | None = None) -> None:
        self._proxy = proxy
        self._own = own
        self._draining = False

    async def handle(
        self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Answer:
        """Answers a request, as a ``Handler`` does."""
        if target.startswith("/v1/models/"):  # Nearly all of them.
            return await self._proxy.handle(method, target, headers, body)
        if target.startswith("/healthz/") and (answer := self._health(method, target)) is not None:
            return answer
        if self._own is not None and self._own.matches(target):
            return await self._own.handle(method, target, headers, body)
        return await self._proxy.handle(method, target, headers, body)

    def refusal(self, status: int, text: str) -> Answer:
        """Returns the answer to a request that cannot be read."""
        return self._proxy.refusal(status, text)

    def drain(self) -> None:
        """Reports the router as not ready from now on."""
        self._draining = True

    def close(self) -> None:
        """Closes the connections to the backends."""
        self._proxy.close()

    def _health(self, method: str, target: str) -> Answer | None:
        """Returns the answer to a health URL: the router's own health, whatever its backends do."""
        path = target.partition("?")[0]
        if path not in (LIVE, READY) or method not in ("GET", "HEAD"):
            return None
        if path == LIVE:
            return Answer(200, b'{"status": "live"}')
        if self._draining:
            return Answer(503, b'{"status": "draining"}')
        return Answer(200, b'{"status": "ready"}')
