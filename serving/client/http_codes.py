"""What an HTTP status says of the status code behind it."""

from __future__ import annotations

from typing import Final

from serving.codes import Code

_BY_HTTP: Final = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    408: Code.DEADLINE_EXCEEDED,
    409: Code.ABORTED,
    413: Code.RESOURCE_EXHAUSTED,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    500: Code.INTERNAL,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


def code_of_http(status: int) -> Code:
    """Returns the code behind an HTTP status.

    HTTP is coarser: 400 stands for INVALID_ARGUMENT, FAILED_PRECONDITION and OUT_OF_RANGE, and the first is returned.
    """
    return _BY_HTTP.get(status, Code.UNKNOWN)
