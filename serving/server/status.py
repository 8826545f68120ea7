"""Status codes and the one error of the server: what goes wrong leaves as a gRPC status or an HTTP answer."""

from __future__ import annotations

from typing import Final

from serving.codes import Code

__all__ = ["Code", "ServingError", "http_status"]


_HTTP: Final = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}


class ServingError(Exception):
    """A request, a load or a reload that failed, with the status a client sees.

    Args:
        code: The canonical code.
        message: The text for the client, in TF Serving's wording where clients match on it.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def http_status(code: Code) -> int:
    """The HTTP status of a code, as TF Serving's REST API maps it; what has no own mapping is 500."""
    return _HTTP.get(code, 500)
