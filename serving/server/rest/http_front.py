"""The HTTP server: uvicorn on the event loop that gRPC uses too."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import uvicorn

from serving.server.rest.api import RestApi
from serving.server.rest.app import asgi_app

if TYPE_CHECKING:
    from serving.server.manager import ModelManager
    from serving.server.metrics import Metrics
    from serving.server.options import Options
    from serving.server.request_log import RequestLog


class HttpServer:
    """The HTTP front end of one server process.

    Args:
        api: Answers requests.
        options: The server's options.
    """

    def __init__(self, api: RestApi, options: Options) -> None:
        self._api = api
        config = uvicorn.Config(
            asgi_app(api),
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(config)

    async def start(self, sockets: list[socket.socket]) -> None:
        """Begins to answer.

        Args:
            sockets: Bound listening sockets; the server closes them when it stops.
        """
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=sockets)
        self._sockets = sockets

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Accepts nothing more and finishes the requests in flight, for at most the grace time."""
        self._api.health.draining = True
        self._server.config.timeout_graceful_shutdown = max(1, round(grace_seconds))
        await self._server.shutdown(sockets=self._sockets)
        self._api.close()


def build_http_server(
    inference: Any,
    manager: ModelManager,
    options: Options,
    metrics: Metrics,
    request_log: RequestLog,
) -> HttpServer:
    """Puts the HTTP front end together; it listens once it is started."""
    return HttpServer(RestApi(inference, manager, options, metrics, request_log), options)
