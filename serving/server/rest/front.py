"""The REST front end put together: the API behind an HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serving.http.front import HttpServer
from serving.server.rest.api import RestApi

if TYPE_CHECKING:
    from serving.server.config.options import Options
    from serving.server.metrics import Metrics
    from serving.server.models.manager import ModelManager
    from serving.server.request_log import RequestLog


def build_http_server(
    inference: Any,
    manager: ModelManager,
    options: Options,
    metrics: Metrics,
    request_log: RequestLog,
) -> HttpServer:
    """Puts the HTTP front end together; it listens once it is started."""
    api = RestApi(inference, manager, options, metrics, request_log)
    return HttpServer(api, options.rest_api_max_body_bytes)
