"""A sample row for a model: a real one from its warm-up requests, or one made up from its signature."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from foundation.errors import PenstockError
from foundation.saved_model import DEFAULT_SIGNATURE, WARMUP_FILE
from foundation.tfrecord import read_records

if TYPE_CHECKING:
    from serving.client import ModelMetadata, Signature, TensorInfo


@dataclass(frozen=True)
class Sample:
    """One row for one signature.

    Attributes:
        signature: Name of the signature.
        row: Input → value; text may be bytes.
        real: Whether it comes from the model's warm-up requests.
    """

    signature: str
    row: Mapping[str, Any]
    real: bool


def warmup_sample(version: Path) -> Sample | None:
    """Returns the first row of a version's warm-up requests, preferring ``serving_default``; None if there are none."""
    found = None
    for request in _requests(version / WARMUP_FILE):
        signature = request.model_spec.signature_name or DEFAULT_SIGNATURE
        row = _first_row(request)
        if row and (found is None or signature == DEFAULT_SIGNATURE):
            found = Sample(signature, row, real=True)
        if found is not None and found.signature == DEFAULT_SIGNATURE:
            break
    return found


def made_sample(metadata: ModelMetadata) -> Sample | None:
    """Returns a made-up row with the right names, types and ranks; None for a model without signatures."""
    names = sorted(n for n in metadata.signatures if not n.startswith("__"))
    chosen = DEFAULT_SIGNATURE if DEFAULT_SIGNATURE in names else next(iter(names), None)
    if chosen is None:
        return None
    signature: Signature = metadata.signatures[chosen]
    return Sample(chosen, {n: _made(info) for n, info in sorted(signature.inputs.items())}, real=False)


def _made(info: TensorInfo) -> Any:
    label = info.dtype.label
    value: Any = 1
    if label == "string":
        value = "text"
    elif label == "bool":
        value = True
    elif "float" in label or label in ("half", "double"):
        value = 1.0
    for size in reversed((info.shape or ())[1:]):
        value = [value] * max(1, size)
    return value


def _first_row(request: Any) -> dict[str, Any] | None:
    """Returns the first row of a request; None if its tensors have no rows or cannot be read."""
    from serving.client.grpc.tensors import read_tensor

    try:
        rows = {
            name: read_tensor(tensor, name)[:1].tolist() for name, tensor in sorted(request.inputs.items())
        }
    except (PenstockError, IndexError):
        return None
    return {name: row[0] for name, row in rows.items()} if all(rows.values()) else None


def _requests(file: Path) -> Iterator[Any]:
    """Yields the Predict requests of a warm-up file; an unreadable file yields nothing, as the server reports it."""
    from serving.wire import client_pb2

    try:
        for record in read_records(file.read_bytes()):
            log = client_pb2.PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                yield log.predict_log.request
    except (OSError, ValueError, DecodeError):
        return


def is_missing(value: Any) -> bool:
    """Returns whether a value is the mark for a missing value in Penstock's models."""
    if isinstance(value, list):
        return all(map(is_missing, value))
    return value in (b"", "", -(2**63)) or (isinstance(value, float) and math.isnan(value))
