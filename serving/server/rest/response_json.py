"""The bodies of answers, byte for byte as TF Serving's JSON writer lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from serving.server.rest.float_text import float_texts
from serving.server.rest.json_text import leaf_texts, many_lines, one_line, quoted
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_BYTES_SUFFIX: Final = "_bytes"


def predictions(outputs: Mapping[str, Any]) -> bytes:
    """Returns the answer in rows: one entry per instance.

    Args:
        outputs: Arrays by output name, all with the same first axis.

    Raises:
        ServingError: INVALID_ARGUMENT if the first axes differ or are missing, or JSON cannot carry a type.
    """
    if not outputs:
        raise _invalid("Cannot convert empty tensor map to JSON")
    batch = _batch_size(outputs)
    if not batch:
        return b'{\n    "predictions": []\n}'
    if len(outputs) == 1:
        name, values = next(iter(outputs.items()))
        return _encoded('{\n    "predictions": [' + _rows(name, values, batch) + "\n    ]\n}")
    keys = [f"{quoted(name)}: " for name in outputs]
    columns = [_entries(name, values, batch, depth=3) for name, values in outputs.items()]
    rows = (",\n            ".join(map(str.__add__, keys, row)) for row in zip(*columns, strict=True))
    body = ",\n".join(f"        {{\n            {row}\n        }}" for row in rows)
    return _encoded('{\n    "predictions": [\n' + body + "\n    ]\n}")


def columns(outputs: Mapping[str, Any]) -> bytes:
    """Returns the answer in columns: every output as a whole.

    Args:
        outputs: Arrays by output name.

    Raises:
        ServingError: INVALID_ARGUMENT if JSON cannot carry a type.
    """
    if not outputs:
        raise _invalid("Cannot convert empty tensor map to JSON")
    if len(outputs) == 1:
        name, values = next(iter(outputs.items()))
        return _encoded('{\n    "outputs": ' + _column(name, values, 1) + "\n}")
    body = ",\n".join(
        f"        {quoted(name)}: {_column(name, values, 2)}" for name, values in outputs.items()
    )
    return _encoded('{\n    "outputs": {\n' + body + "\n    }\n}")


def classifications(results: Sequence[Sequence[tuple[bytes, float]]]) -> bytes:
    """Returns the answer to ``:classify``: each example's labels and scores.

    Raises:
        ServingError: INVALID_ARGUMENT if there is none.
    """
    if not results:
        raise _invalid("Cannot convert empty ClassificationResults to JSON")
    labels = leaf_texts(
        np.array([label for row in results for label, _ in row], object), as_bytes=False, depth=0
    )
    scores = leaf_texts(
        np.array([score for row in results for _, score in row], np.float32), as_bytes=False, depth=0
    )
    pairs = iter([f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)])
    rows = [f"[{', '.join(next(pairs) for _ in row)}]" for row in results]
    return _encoded('{\n    "results": [' + ", ".join(rows) + "\n    ]\n}")


def regressions(results: Sequence[float]) -> bytes:
    """Returns the answer to ``:regress``: each example's value.

    Raises:
        ServingError: INVALID_ARGUMENT if there is none.
    """
    if not results:
        raise _invalid("Cannot convert empty RegressionResults to JSON")
    texts = leaf_texts(np.array(results, np.float32), as_bytes=False, depth=0)
    return _encoded('{\n    "results": [' + ", ".join(texts) + "]\n}")


def error(message: str) -> bytes:
    """Returns the body of an error."""
    return ('{\n    "error": ' + quoted(message) + "\n}").encode("utf-8", "replace")


def _batch_size(outputs: Mapping[str, Any]) -> int:
    size: int | None = None
    for name, values in outputs.items():
        if not values.ndim:
            raise _invalid(f"Tensor name: {name} has no shape information ")
        here = values.shape[0]
        if size not in (None, here):
            raise _invalid(f"Tensor name: {name} has inconsistent batch size: {here} expecting: {size}")
        size = here
    return size or 0


def _rows(name: str, values: np.ndarray, batch: int) -> str:
    """Returns the entries of the first axis, joined."""
    if values.ndim == 2 and values.shape[1] == 1 and values.dtype.char in "fd":
        return f"[{'], ['.join(float_texts(np.ascontiguousarray(values).reshape(-1)))}]"
    return ", ".join(_entries(name, values, batch, depth=2))


def _entries(name: str, values: np.ndarray, batch: int, depth: int) -> list[str]:
    """Returns the JSON of every entry of the first axis."""
    texts = leaf_texts(values, as_bytes=name.endswith(_BYTES_SUFFIX), depth=depth + values.ndim - 1)
    inner = values.shape[1:]
    if not inner:
        return texts
    size = len(texts) // batch
    if len(inner) == 1:
        return (
            [f"[{', '.join(texts[start : start + size])}]" for start in range(0, len(texts), size)]
            if size
            else ["[]"] * batch
        )
    return [one_line(texts[row * size : (row + 1) * size], inner) for row in range(batch)]


def _column(name: str, values: np.ndarray, depth: int) -> str:
    texts = leaf_texts(values, as_bytes=name.endswith(_BYTES_SUFFIX), depth=depth + values.ndim)
    return many_lines(texts, values.shape, depth)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)
