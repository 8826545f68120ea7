"""Rows of the gRPC messages of TF Serving's PredictionService."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from serving.experiments.payload import examples, tensors
from serving.experiments.payload.rows import Rows, gathered
from serving.wire.writer import delimited

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


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
        spec, entries = _maps(body)
        rows = _predict(entries, names, most, len(body))
    else:
        message = requests_pb2.ExampleRequest.FromString(body)
        spec = message.model_spec
        rows = _examples(message.input, names, most)
    if method != "multi_inference":
        rows.signature = _signature(b"".join(spec))
    return rows


def response(method: str, body: bytes, most: int) -> Rows:
    """Reads an answer; see ``request``."""
    from serving.wire import client_pb2

    if method == "predict":
        return tensors.rows(_maps(body)[0], most, len(body))
    if method == "classify":
        return _result(client_pb2.ClassificationResponse.FromString(body).result, None, most)
    if method == "regress":
        return _result(None, client_pb2.RegressionResponse.FromString(body).result, most)
    return _multi_inference(client_pb2.MultiInferenceResponse.FromString(body), most)


@lru_cache(maxsize=1024)
def _signature(model_spec: bytes) -> str:
    from serving.wire import client_pb2

    return str(client_pb2.ModelSpec.FromString(model_spec).signature_name)


def _maps(body: bytes) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Returns the fields 1 and 2 of a Predict as bytes: ModelSpec and inputs, or outputs and ModelSpec."""
    from serving.wire import requests_pb2

    parts = requests_pb2.ExamplesWithContext.FromString(
        body
    )  # the message that declares just these two, as bytes
    return parts.examples, parts.context


def _predict(entries: Sequence[bytes], names: Collection[str] | None, most: int, size: int) -> Rows:
    if names is None:
        return examples.opened(tensors.rows(entries, most, size))
    begins = tuple(delimited(1, name.encode()) for name in names)
    rows = tensors.rows([entry for entry in entries if entry.startswith(begins)], most, size)
    if len(rows.columns) == len(names):
        return rows
    # Inside of serialized Examples, or written in another order of fields.
    whole = examples.opened(tensors.rows(entries, most, size))
    whole.columns = {name: whole.columns[name] for name in names if name in whole.columns}
    return whole


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
