"""Checks, binds and announces the server's ports."""

from __future__ import annotations

import logging
import socket

from serving.http import sockets
from serving.server.config.options import Options
from serving.server.status import Code, ServingError

log = logging.getLogger(__name__)


def check_free(host: str, port: int, protocol: str) -> None:
    """Refuses a port that is already in use.

    Raises:
        ServingError: UNAVAILABLE, with the address.
    """
    try:
        sockets.check_free(host, port, protocol)
    except sockets.BindError as error:
        raise ServingError(Code.UNAVAILABLE, str(error)) from error


def bind_http(options: Options) -> list[socket.socket]:
    """Returns the listening sockets of the REST API's port.

    Raises:
        ServingError: UNAVAILABLE if the address cannot be bound.
    """
    try:
        return sockets.bind(options.host, options.http_port, shared=options.worker_processes > 1)
    except sockets.BindError as error:
        raise ServingError(Code.UNAVAILABLE, str(error)) from error


def announce(options: Options) -> None:
    """Logs where the server listens, in the format that tools look for."""
    if options.port:
        log.info("Running gRPC ModelServer at %s ...", options.grpc_address)
    if options.grpc_socket_path:
        log.info("Running gRPC ModelServer at UNIX socket %s ...", options.grpc_socket_path)
    if options.http_port:
        log.info("Exporting HTTP/REST API at:%s:%d ...", options.host or "localhost", options.http_port)
    elif options.rest_api_port:
        log.error(
            "server_options.http_port cannot be same as grpc_port. "
            "Please use a different port for HTTP/REST API. Skipped exporting HTTP/REST API."
        )
