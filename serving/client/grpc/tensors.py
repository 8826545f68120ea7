"""Tensors of requests and answers: exact, without a Python object per number."""

from __future__ import annotations

from typing import Any

import numpy as np

from serving.client.errors import AnswerError
from serving.client.model import check_type
from serving.wire.dtypes import DType, dtype_of
from serving.wire.tensors import TensorParsingError, decode, shape_message


def write_tensor(array: np.ndarray, dtype: DType, tensor: Any) -> None:
    """Fills a ``Tensor`` with an array of the matching NumPy type."""
    tensor.dtype = int(dtype)
    tensor.tensor_shape.append(shape_message(array.shape))
    if dtype is DType.STRING:
        tensor.string_val.extend(array.ravel().tolist())
    else:
        tensor.tensor_content.append(array.tobytes())


def read_tensor(tensor: Any, name: str) -> np.ndarray:
    """Returns a ``Tensor`` as a writable array.

    Both typed fields and ``tensor_content`` are read; if there are fewer values than elements, the last one is
    repeated, as in TensorFlow.

    Raises:
        AnswerError: Its values do not fit its shape.
        UnsupportedError: Its type cannot be read.
    """
    check_type(dtype_of(tensor.dtype))
    try:
        array = decode(tensor, strict=True)
    except TensorParsingError as error:
        raise AnswerError(
            f"output {name!r}", expected="values that fit the tensor's shape", seen=str(error)
        ) from error
    return array if array.flags.writeable else array.copy()
