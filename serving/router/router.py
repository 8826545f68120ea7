"""The assembled router: both ports, the backends behind them and the experiments, on one event loop."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import SpecError
from serving.experiments.plane.shadow import Shadows
from serving.http.budget import Budget, default_bytes
from serving.http.front import HttpServer
from serving.http.handler import Limits
from serving.http.sockets import BindError, bind
from serving.router.backends import Backends, server_context
from serving.router.grpc.front import GrpcFront
from serving.router.rest.front import OwnEndpoints, RestFront
from serving.router.rest.proxy import RestProxy

if TYPE_CHECKING:
    import ssl

    from serving.experiments.contract import Traffic
    from serving.router.options import RouterOptions

log = logging.getLogger(__name__)
_SWEEP_SECONDS: Final = 5.0


class Router:
    """One router process.

    Args:
        options: Its options.
        backends: The TF Servings behind it.
        traffic: The experiments.
        own: The experiments' HTTP endpoints; None if there are none.

    Attributes:
        port: The gRPC port, once started; None if there is none.
        rest_port: The REST port, once started; None if there is none.
        shadows: Sends copies.
        budget: What requests and unread answers take their memory from.

    Raises:
        PenstockError: A TLS file is wrong.
    """

    def __init__(
        self, options: RouterOptions, backends: Backends, traffic: Traffic, own: OwnEndpoints | None = None
    ) -> None:
        self._options = options
        self.shadows = Shadows()
        budget = self.budget = Budget(default_bytes())
        self._proxy = RestProxy(backends, traffic, self.shadows, budget, options.seconds)
        limits = Limits(body_bytes=options.body_bytes, connections=options.connections)
        self._http = HttpServer(RestFront(self._proxy, own), limits, budget)
        self._http_tls = self._tls("http/1.1")
        self._grpc = GrpcFront(backends, traffic, self.shadows, budget, options)
        self._grpc_tls = self._tls("h2")
        self._sweeper: asyncio.Task[None] | None = None
        self.port: int | None = None
        self.rest_port: int | None = None

    @property
    def clients(self) -> int:
        """The number of clients' connections."""
        return self._http.clients + len(self._grpc.clients)

    @property
    def in_flight(self) -> int:
        """The number of calls that backends work on."""
        return self._grpc.in_flight

    def use(self, backends: Backends) -> None:
        """Uses other backends from now on; what is in flight ends where it is.

        Raises:
            PenstockError: A backend's TLS files are wrong.
        """
        self._grpc.use(backends)
        self._proxy.use(backends)

    def _tls(self, *protocols: str) -> ssl.SSLContext | None:
        options = self._options
        if not options.certificate:
            return None
        return server_context(options.certificate, options.key, options.client_ca, *protocols)

    async def start(self) -> None:
        """Opens the ports.

        Raises:
            SpecError: A port cannot be bound.
        """
        options = self._options
        if options.port is not None:
            listeners = self._bind(options.port)
            self.port = listeners[0].getsockname()[1]
            await self._grpc.start(listeners, self._grpc_tls)
            log.info("Running gRPC router at %s:%d", options.host, self.port)
        if options.rest_port is not None:
            listeners = self._bind(options.rest_port)
            self.rest_port = listeners[0].getsockname()[1]
            await self._http.start(listeners, self._http_tls)
            log.info("Exporting HTTP/REST API at: %s:%d", options.host, self.rest_port)
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    def _bind(self, port: int) -> Any:
        try:
            return bind(self._options.host, port, shared=self._options.shared)
        except BindError as error:
            raise SpecError(
                f"port {port}", expected="a free port", seen=str(error), remedy="give another port or host"
            ) from error

    async def stop(self) -> None:
        """Accepts nothing new and finishes the requests in flight, within the drain time."""
        seconds = self._options.drain_seconds
        stops = [self._http.stop(seconds)]
        if self.port is not None:
            stops.append(self._grpc.stop(seconds))
        await asyncio.gather(*stops)
        self.shadows.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        log.info("Drained; stopping")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self._proxy.sweep()
