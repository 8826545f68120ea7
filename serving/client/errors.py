"""The errors of the client.

    PenstockError
    └── ClientError
        ├── InputError            the values do not fit the model's inputs; nothing was sent
        ├── UnsupportedError      the transport does not support it; nothing was sent
        ├── AnswerError           the answer does not follow TF Serving's protocol
        └── CallError             the call failed: ``code``, ``message``, ``model``, ``attempts``
            ├── RefusedError      INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE: the request is wrong
            ├── NotFoundError     NOT_FOUND: no such model or version
            ├── UnavailableError  UNAVAILABLE, or no connection
            └── DeadlineError     DEADLINE_EXCEEDED, from the server or the caller's own limit

``message`` is the server's own text, word for word.
"""

from __future__ import annotations

from foundation.errors import PenstockError
from serving.codes import Code


class ClientError(PenstockError):
    """Root of the client's errors."""


class InputError(ClientError):
    """The values do not fit the model's inputs; nothing was sent."""


class UnsupportedError(ClientError):
    """The transport does not support the call; nothing was sent."""


class AnswerError(ClientError):
    """The server's answer does not follow the protocol."""


class CallError(ClientError):
    """A call that the server refused or that did not reach it.

    Args:
        code: The canonical status code. Over REST it is derived from the HTTP status, which is coarser.
        message: The server's own text, or the client's if no answer came.
        model: The model, with its version or label; empty for calls about the whole server.
        http_status: The HTTP status, over REST.
        attempts: The number of attempts.
    """

    def __init__(
        self, code: Code, message: str, *, model: str = "", http_status: int | None = None, attempts: int = 1
    ) -> None:
        self.code, self.message, self.model = code, message, model
        self.http_status, self.attempts = http_status, attempts
        super().__init__(model or "server", seen=message)

    def render(self) -> str:
        """Returns the code, the model, the server's text and, after retries, the number of attempts."""
        said = f"{self.code.name}: {self.message}"
        about = f"{self.model}: {said}" if self.model else said
        return f"{about} (after {self.attempts} attempts)" if self.attempts > 1 else about

    def after(self, attempts: int) -> CallError:
        """Returns the same error with the number of attempts."""
        return type(self)(
            self.code, self.message, model=self.model, http_status=self.http_status, attempts=attempts
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Keeps all fields when the error is pickled."""
        return (_rebuild, (type(self), self.code, self.message, self.model, self.http_status, self.attempts))


class RefusedError(CallError):
    """The request is wrong: INVALID_ARGUMENT, FAILED_PRECONDITION or OUT_OF_RANGE."""


class NotFoundError(CallError):
    """There is no such model or version."""


class UnavailableError(CallError):
    """The server cannot be reached, or cannot take the request now."""


class DeadlineError(CallError):
    """No answer came in time."""


_KINDS = {
    Code.INVALID_ARGUMENT: RefusedError,
    Code.FAILED_PRECONDITION: RefusedError,
    Code.OUT_OF_RANGE: RefusedError,
    Code.NOT_FOUND: NotFoundError,
    Code.UNAVAILABLE: UnavailableError,
    Code.DEADLINE_EXCEEDED: DeadlineError,
}


def call_error(code: Code, message: str, *, model: str = "", http_status: int | None = None) -> CallError:
    """Returns the error for a status, of the class that its code selects."""
    return _KINDS.get(code, CallError)(code, message, model=model, http_status=http_status)


def _rebuild(
    kind: type[CallError], code: Code, message: str, model: str, http_status: int | None, attempts: int
) -> CallError:
    return kind(code, message, model=model, http_status=http_status, attempts=attempts)
