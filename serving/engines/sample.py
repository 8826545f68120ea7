"""A row to ask a model with: a real one out of its warm-up requests, or one made from what it says of its inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from foundation.errors import PenstockError

if TYPE_CHECKING:
    from serving.client import ModelMetadata, Signature, TensorInfo

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
DEFAULT = "serving_default"
_PREDICT_LOG, _REQUEST = 6, 1
"""Numbers of ``PredictionLog.predict_log`` and ``PredictLog.request``."""
_BYTES = 2
"""Wire type of a field that begins with its length."""


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
    """Returns the first row of a version's warm-up requests, those of ``serving_default`` before others; None without."""
    found = None
    for request in _requests(version / WARMUP_FILE):
        signature = request.model_spec.signature_name or DEFAULT
        row = _first_row(request)
        if row and (found is None or signature == DEFAULT):
            found = Sample(signature, row, real=True)
        if found is not None and found.signature == DEFAULT:
            break
    return found


def made_sample(metadata: ModelMetadata) -> Sample | None:
    """Returns a row whose values are made up, with the right names, types and ranks; None for a model without signatures."""
    names = sorted(n for n in metadata.signatures if not n.startswith("__"))
    chosen = DEFAULT if DEFAULT in names else next(iter(names), None)
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
    """Returns the first row of a request, None where its tensors have no rows or cannot be read."""
    from serving.client.tensors import read_tensor

    try:
        rows = {
            name: read_tensor(tensor, name)[:1].tolist() for name, tensor in sorted(request.inputs.items())
        }
    except (PenstockError, IndexError):
        return None
    return {name: row[0] for name, row in rows.items()} if all(rows.values()) else None


def _requests(file: Path) -> Iterator[Any]:
    """Yields the Predict requests of a warm-up file; one that cannot be read yields nothing, the server tells of it."""
    from serving.wire.protos import message

    try:
        content = file.read_bytes()
    except OSError:
        return
    for record in _records(content):
        log = _field(record, _PREDICT_LOG)
        request = _field(log, _REQUEST) if log else None
        if request is None:
            continue
        parsed = message("PredictRequest")()
        try:
            parsed.ParseFromString(request)
        except DecodeError:
            return
        yield parsed


def _records(content: bytes) -> Iterator[bytes]:
    """Yields the records of a TFRecord file: a length, its checksum, the bytes, their checksum."""
    place = 0
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 8], "little")
        yield content[place + 12 : place + 12 + size]
        place += size + 16


def _field(content: bytes, number: int) -> bytes | None:
    """Returns the last length-delimited field of a number in a serialized message; other wire types end the search."""
    found, place = None, 0
    while place < len(content):
        key, place = _varint(content, place)
        if key & 7 != _BYTES:
            return found
        size, place = _varint(content, place)
        if key >> 3 == number:
            found = content[place : place + size]
        place += size
    return found


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(content):
        byte = content[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            break
    return value, place


def is_missing(value: Any) -> bool:
    """Says whether a value is how Penstock's models write that there is none."""
    if isinstance(value, list):
        return all(map(is_missing, value))
    return value in (b"", "", -(2**63)) or (isinstance(value, float) and math.isnan(value))
