"""The server's one error class, which becomes a gRPC status or an HTTP answer."""

from __future__ import annotations

from serving.codes import Code

__all__ = ["Code", "ServingError"]


class ServingError(Exception):
    """A failed request, load or reload, with the status that a client sees.

    Args:
        code: The canonical code.
        message: The text for the client, in TF Serving's wording if clients match on it.
    """

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"
