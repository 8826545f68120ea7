"""The REST front end put together: the API behind an HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from serving.http.front import HttpServer
from serving.http.handler import Limits
from serving.server.rest.api import RestApi

if TYPE_CHECKING:
    from serving.server.config.options import Options
    from serving.server.metrics import Metrics
    from serving.server.models.manager import ModelManager
    from serving.server.request_log import RequestLog

MAX_BODY_BYTES: Final = 2**31 - 1
"""Request bodies are never larger, whatever the flag says; gRPC messages neither."""


def build_http_server(
    inference: Any,
    manager: ModelManager,
    options: Options,
    metrics: Metrics,
    request_log: RequestLog,
) -> HttpServer:
    """Puts the HTTP front end together; it listens once it is started."""
    api = RestApi(inference, manager, options, metrics, request_log)
    limit = min(options.rest_api_max_body_bytes or MAX_BODY_BYTES, MAX_BODY_BYTES)
    return HttpServer(api, Limits(body_bytes=limit))
