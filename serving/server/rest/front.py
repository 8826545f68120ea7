"""Assembles the REST front end: the API behind an HTTP server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from serving.http.budget import Budget, default_bytes
from serving.http.front import HttpServer
from serving.http.handler import Handler, Limits
from serving.server.rest.api import RestApi
from serving.server.rest.experiments import RestExperiments

if TYPE_CHECKING:
    from serving.server.arms.arms import Arms
    from serving.server.config.options import Options
    from serving.server.metrics import Metrics
    from serving.server.models.manager import ModelManager
    from serving.server.request_log import RequestLog
    from serving.server.rest.experiments import OwnEndpoints

MAX_BODY_BYTES: Final = 2**31 - 1
"""The upper limit for request bodies, whatever the flag says; the same as for gRPC messages."""


def build_http_server(
    inference: Any,
    manager: ModelManager,
    options: Options,
    metrics: Metrics,
    request_log: RequestLog,
    arms: Arms | None = None,
    own: OwnEndpoints | None = None,
) -> HttpServer:
    """Builds the HTTP front end; it listens once started.

    Args:
        inference: Runs models.
        manager: Knows the models.
        options: The server's options.
        metrics: Counts requests.
        request_log: Logs samples of requests.
        arms: The experiments, if there are any.
        own: Their endpoints.
    """
    budget = Budget(options.rest_api_max_bytes_in_flight or default_bytes())
    api = RestApi(inference, manager, options, metrics, request_log, budget)
    limit = min(options.rest_api_max_body_bytes or MAX_BODY_BYTES, MAX_BODY_BYTES)
    handler: Handler = api if arms is None or own is None else RestExperiments(api, arms, own)
    return HttpServer(handler, Limits(body_bytes=limit), budget)
