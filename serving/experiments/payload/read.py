"""Reads features and outputs by name; a body that cannot be read gives nothing and never an error."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.payload.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Collection

log = logging.getLogger(__name__)
GRPC: Final = "grpc"
MOST_BYTES: Final = 8 << 20
"""Larger bodies are not read: it would hold up everybody else."""


def features(api: str, method: str, body: bytes, names: Collection[str] | None = None) -> dict[str, Any]:
    """Returns features of a request's first row: the unit, or a context.

    Args:
        api: ``grpc`` or ``rest``.
        method: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
        body: The request's body: a protobuf message or JSON.
        names: Features to read; None for all.

    Returns:
        Name → number, bool, text, bytes that are not text, None for a missing value, or a nested list of these. The only input of a
        REST body that does not name it is called ``""``. Empty if the body cannot be read.
    """
    return request(api, method, body, names, 1).first()


def outputs(api: str, method: str, body: bytes) -> dict[str, Any]:
    """Returns the outputs of an answer's first row; see ``features``.

    A classification has ``classes`` and ``scores``, a regression ``value``; those of a MultiInference have their
    signature in front: ``SIGNATURE/value``.
    """
    return response(api, method, body, 1).first()


def request(
    api: str,
    method: str,
    body: bytes,
    names: Collection[str] | None = None,
    most: int = 100,
    most_bytes: int = MOST_BYTES,
) -> Rows:
    """Returns the rows of a request.

    Args:
        api: ``grpc`` or ``rest``.
        method: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
        body: The request's body.
        names: Features to read; None for all.
        most: Rows to read.
        most_bytes: Size above which the body is not read.

    Returns:
        The rows; none if the body cannot be read.
    """
    if not body or len(body) > most_bytes:
        return Rows()
    try:
        if api == GRPC:
            from serving.experiments.payload import protobuf

            return protobuf.request(method, body, names, most)
        from serving.experiments.payload import rest

        return rest.request(method, body, names, most)
    except Exception as error:  # noqa: BLE001  (a client may send anything; only the backend answers to that)
        log.debug("A %s request over %s could not be read: %s", method, api, type(error).__name__)
        return Rows()


def response(api: str, method: str, body: bytes, most: int = 100, most_bytes: int = MOST_BYTES) -> Rows:
    """Returns the rows of an answer; see ``request``."""
    if not body or len(body) > most_bytes:
        return Rows()
    try:
        if api == GRPC:
            from serving.experiments.payload import protobuf

            return protobuf.response(method, body, most)
        from serving.experiments.payload import rest

        return rest.response(method, body, most)
    except Exception as error:  # noqa: BLE001  (a backend may answer anything; only the client judges that)
        log.debug("A %s answer over %s could not be read: %s", method, api, type(error).__name__)
        return Rows()
