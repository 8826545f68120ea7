"""Rows of the gRPC messages of TF Serving's PredictionService."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from serving.experiments.payload import examples
from serving.experiments.payload.rows import Rows, cell, gathered, text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_FEWEST_VALUES: Final = 1024
"""A tensor may always have this many values, however small its message."""


def request(method: str, body: bytes, names: Collection[str] | None, most: int) -> Rows:
    """Reads a request.

    Args:
        method: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
        body: The serialized message.
        names: Features to read; None for all.
        most: Rows to read.

    Raises:
        Exception: The message is malformed; of any kind.
    """
    from serving.wire import requests_pb2

    if method == "predict":
        message = requests_pb2.PredictRequest.FromString(body)
        rows = _predict(message, names, most, len(body))
    else:
        message = requests_pb2.ExampleRequest.FromString(body)
        rows = _examples(message.input, names, most)
    if method != "multi_inference":
        rows.signature = _signature(b"".join(message.model_spec))
    return rows


def response(method: str, body: bytes, most: int) -> Rows:
    """Reads an answer; see ``request``."""
    from serving.wire import client_pb2

    if method == "predict":
        tensors = client_pb2.PredictResponse.FromString(body).outputs
        return _tensors(tensors, most, len(body))
    if method == "classify":
        return _result(client_pb2.ClassificationResponse.FromString(body).result, None, most)
    if method == "regress":
        return _result(None, client_pb2.RegressionResponse.FromString(body).result, most)
    return _multi_inference(client_pb2.MultiInferenceResponse.FromString(body), most)


@lru_cache(maxsize=1024)
def _signature(model_spec: bytes) -> str:
    from serving.wire import client_pb2

    return str(client_pb2.ModelSpec.FromString(model_spec).signature_name)


def _predict(message: Any, names: Collection[str] | None, most: int, size: int) -> Rows:
    tensors = {entry.key: entry.value for entry in message.inputs}
    if names is None:
        return examples.opened(_tensors(tensors, most, size))
    rows = _tensors({name: tensors[name] for name in names if name in tensors}, most, size)
    if len(rows.columns) < len(names):
        others = {name: tensor for name, tensor in tensors.items() if name not in names}
        rest = examples.opened(_tensors(others, most, size))
        found = {name: rest.columns[name] for name in names if name in rest.columns}
        if found and (not rows.columns or rows.count == rest.count):
            return Rows(rest.count, {**rows.columns, **found})
    return rows


def _tensors(tensors: Mapping[str, Any], most: int, size: int) -> Rows:
    """Returns tensors as rows if their first axes agree, otherwise everything as one row."""
    from serving.wire.tensors import decode

    arrays = {name: decode(tensor) for name, tensor in tensors.items()}
    lengths = {array.shape[0] for array in arrays.values() if array.ndim}
    together = len(lengths) == 1
    count = next(iter(lengths)) if together else 1
    rows = Rows(count if arrays else 0)
    for name, array in arrays.items():
        if array.size > max(size, _FEWEST_VALUES):
            # One value that is to fill a whole tensor: not worth the memory.
            rows.columns[name] = [None] * min(count, most)
        elif together and array.ndim:
            rows.columns[name] = _cells(array[:most])
        else:
            rows.columns[name] = [_whole(array)] * min(count, most)
    return rows


def _cells(array: Any) -> list[Any]:
    """Returns an array's rows as plain values."""
    if array.size == array.shape[0]:
        values = array.reshape(-1).tolist()
        return [text(value) for value in values] if array.dtype.hasobject else list(map(_number, values))
    values = array.tolist()
    return (
        [cell(_texts(value)) for value in values]
        if array.dtype.hasobject
        else [cell(value) for value in values]
    )


def _number(value: Any) -> Any:
    # NumPy's own types for half precision and bfloat16 come as floats; complex numbers have no column.
    return None if isinstance(value, complex) else value


def _whole(array: Any) -> Any:
    value = array.tolist()
    return cell(_texts(value) if array.dtype.hasobject else value)


def _texts(value: Any) -> Any:
    return [_texts(item) for item in value] if isinstance(value, list) else text(value)


def _examples(message: Any, names: Collection[str] | None, most: int) -> Rows:
    kind = message.WhichOneof("kind")
    if kind is None:
        return Rows()
    held = getattr(message, kind)
    # Protobuf merges messages that follow each other: an Example overrides its context.
    context = b"".join(held.context) if kind == "example_list_with_context" else b""
    found = [examples.read(context + one) for one in held.examples[:most]]
    if names is not None:
        found = [{name: row[name] for name in names if name in row} for row in found]
    return Rows(len(held.examples), gathered(found))


def _result(classes: Any, values: Any, most: int) -> Rows:
    if classes is not None:
        lists = [one.classes for one in classes.classifications[:most]]
        columns: dict[str, list[Any]] = {
            "classes": [[one.label for one in several] for several in lists],
            "scores": [[one.score for one in several] for several in lists],
        }
        return Rows(len(classes.classifications), columns)
    return Rows(len(values.regressions), {"value": [one.value for one in values.regressions[:most]]})


def _multi_inference(message: Any, most: int) -> Rows:
    """Returns the results of all tasks; an output is named ``SIGNATURE/OUTPUT``."""
    parts: Iterable[tuple[str, Rows]] = [
        (
            one.model_spec.signature_name,
            _result(one.classification_result, None, most)
            if one.HasField("classification_result")
            else _result(None, one.regression_result, most),
        )
        for one in message.results
    ]
    whole = Rows()
    for signature, rows in parts:
        whole.count = max(whole.count, rows.count)
        whole.columns.update({f"{signature}/{name}": values for name, values in rows.columns.items()})
    longest = min(whole.count, most)
    for values in whole.columns.values():
        values.extend([None] * (longest - len(values)))
    return whole
