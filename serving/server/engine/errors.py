"""TensorFlow's errors as the server's."""

from __future__ import annotations

from typing import Any

from serving.server.status import Code, ServingError


def op_error(error: Any) -> ServingError:
    """Returns TensorFlow's error as the server's, with the op's code and text."""
    return ServingError(Code(error.error_code), error.message)


def as_serving_error(error: Exception) -> ServingError:
    """Returns what a run raised as the server's error.

    Raises:
        Exception: The error itself, if it is neither the server's nor the client's fault.
    """
    from tensorflow.python.framework import errors

    if isinstance(error, errors.OpError):
        return op_error(error)
    if isinstance(error, UnicodeDecodeError):
        # TensorFlow's text quotes client input that Python could not decode.
        return ServingError(Code.INVALID_ARGUMENT, error.object.decode(errors="replace"))
    if isinstance(error, (TypeError, ValueError)):
        # A value that cannot become a tensor, such as an object that is not a string.
        return ServingError(Code.INVALID_ARGUMENT, str(error))
    raise error
