"""Requests that a server replays before it answers with a version, made from what clients really sent.

TF Serving reads them from ``assets.extra/tf_serving_warmup_requests`` inside the version: TFRecords of ``PredictionLog``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError
from foundation.publish import published_file, storage_error
from foundation.saved_model import DEFAULT_SIGNATURE, MODEL_FILE, WARMUP_FILE
from foundation.tfrecord import framed_batch
from serving.experiments.log.read import tables
from serving.experiments.log.schema import INPUT, column_name
from serving.wire.writer import delimited

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_RECORDS: Final = 1000
"""TF Serving refuses a version with more."""
_KINDS: Final = {"predict": 6, "classify": 2, "regress": 3}
"""Method → the field of ``PredictionLog``."""
_SERVE: Final = "serve"
_STRING: Final = 7


@dataclass(frozen=True, slots=True)
class Warmup:
    """What was written.

    Attributes:
        file: The file.
        records: Requests in it.
        filled: Input → rows where the log has no value of its type, and zero or an empty text stands instead.
    """

    file: Path
    records: int
    filled: Mapping[str, int]


def write_warmup(directory: Path, experiment: str, version: Path, records: int = 100) -> Warmup:
    """Writes recent, distinct requests of an experiment into a version of its model.

    Args:
        directory: The log's directory.
        experiment: The experiment's name.
        version: The version's folder, with its SavedModel.
        records: Requests to write.

    Raises:
        DataError: There is no model, no log, or no request that fits one of the model's signatures.
        StorageError: The file cannot be written.
    """
    signatures = _signatures(version)
    filled: Counter[str] = Counter()
    chosen: dict[bytes, None] = {}
    for rows in _requests(directory, experiment):
        content = _record(rows, signatures, filled)
        if content:
            chosen[content] = None
        if len(chosen) >= min(records, MOST_RECORDS):
            break
    if not chosen:
        raise DataError(
            f"prediction log of {experiment}",
            expected=f"a request that fits a signature of {version}",
            seen="none",
            remedy="log inputs (log.inputs: true), and name a version of this experiment's model",
        )
    file = version / WARMUP_FILE
    with published_file(file) as temporary:
        temporary.write_bytes(framed_batch(chosen))
        temporary.chmod(0o644)
    return Warmup(file, len(chosen), dict(filled))


def _signatures(version: Path) -> dict[str, Any]:
    from google.protobuf.message import DecodeError

    from serving.wire.client_pb2 import SavedModel

    path = version / MODEL_FILE
    try:
        model = SavedModel.FromString(path.read_bytes())
    except OSError as error:
        raise storage_error(path, error) from error
    except DecodeError as error:
        raise DataError(f"{path}", expected="a SavedModel", seen="something else") from error
    graphs = [graph for graph in model.meta_graphs if _SERVE in graph.meta_info_def.tags]
    return dict(graphs[0].signature_def) if graphs else {}


def _requests(directory: Path, experiment: str) -> Iterator[list[dict[str, Any]]]:
    """Yields the rows of each successful request, newest first."""
    for table in tables(directory, experiment, newest_first=True):
        wanted = table.filter(_successful()).sort_by([("time", "descending")])
        for batch in wanted.to_batches(1024):
            rows: dict[str, list[dict[str, Any]]] = {}
            for row in batch.to_pylist():
                rows.setdefault(row["request_id"], []).append(row)
            for several in rows.values():
                yield sorted(several, key=lambda row: row["row_index"])


def _successful() -> Any:
    import pyarrow.compute as pc

    return (
        (pc.field("code") == 0) & ~pc.field("fell_back") & pc.is_in(pc.field("method"), value_set=_methods())
    )


def _methods() -> Any:
    import pyarrow as pa

    return pa.array(list(_KINDS), pa.string())


def _record(rows: list[dict[str, Any]], signatures: Mapping[str, Any], filled: Counter[str]) -> bytes:
    """Returns the ``PredictionLog`` of a request; empty if the model has no signature for it."""
    method, name = rows[0]["method"], rows[0]["signature"]
    signature = signatures.get(name or DEFAULT_SIGNATURE)
    inputs = {column.removeprefix(INPUT).removeprefix("_") for column in rows[0] if _is_input(column)}
    if signature is None or not inputs:
        return b""
    spec = delimited(1, delimited(1, b"warmup") + (delimited(3, name.encode()) if name else b""))
    if method == "predict":
        content = spec + _tensors(rows, signature, inputs, filled)
    else:
        content = spec + delimited(
            2, delimited(1, b"".join(delimited(1, one) for one in map(_example, rows)))
        )
    return delimited(_KINDS[method], delimited(1, content))


def _is_input(column: str) -> bool:
    return column.split("_", 1)[0] == INPUT


def _tensors(rows: list[dict[str, Any]], signature: Any, inputs: set[str], filled: Counter[str]) -> bytes:
    from serving.wire.tensors import encode

    only = len(signature.inputs) == 1
    parts = []
    for name, info in sorted(signature.inputs.items()):
        if only and info.dtype == _STRING and name not in inputs and "" not in inputs:
            # The features of serialized Examples were logged one by one.
            array = _objects([_example(row) for row in rows])
        else:
            column = column_name(INPUT, name if name in inputs or not only else "")
            array = _array(name, [row.get(column) for row in rows], info, filled)
        parts.append(delimited(2, delimited(1, name.encode()) + delimited(2, encode(array))))
    return b"".join(parts)


def _array(name: str, values: list[Any], info: Any, filled: Counter[str]) -> Any:
    """Returns values as a tensor of the signature's type and shape."""
    import numpy as np

    inner = [dim.size for dim in info.tensor_shape.dim][1:]
    cells = [_cell(name, value, info.dtype, inner, filled) for value in values]
    # A tensor has no holes: rows of another length than the first are replaced by some that have it.
    alike = [cell for cell in cells if cell.shape == cells[0].shape]
    return np.stack([alike[number % len(alike)] for number in range(len(cells))])


def _cell(name: str, value: Any, dtype: int, inner: list[int], filled: Counter[str]) -> Any:
    import numpy as np

    from serving.wire.dtypes import DType

    kind = DType(dtype).numpy
    shape = tuple(1 if size < 0 else size for size in inner)
    try:
        if value is None:
            raise ValueError("missing")
        array = np.array(_bytes(value), kind)
        if -1 not in inner or array.ndim != len(inner):
            array = array.reshape(
                [size if size >= 0 else -1 for size in inner] if inner.count(-1) < 2 else shape
            )
    except (ValueError, TypeError, OverflowError):
        filled[name] += 1
        array = np.full(shape, b"" if dtype == _STRING else 0, kind)
    return array


def _bytes(value: Any) -> Any:
    if isinstance(value, list):
        return [_bytes(item) for item in value]
    return value.encode() if isinstance(value, str) else value


def _objects(values: list[bytes]) -> Any:
    from serving.wire.tensors import objects

    return objects(values)


def _example(row: Mapping[str, Any]) -> bytes:
    """Returns a row's inputs as a serialized Example."""
    from serving.wire.client_pb2 import Example

    example = Example()
    for column, value in row.items():
        if not _is_input(column) or value is None:
            continue
        values = value if isinstance(value, list) else [value]
        feature = example.features.feature[column.removeprefix(INPUT).removeprefix("_")]
        if values and all(isinstance(one, float) for one in values):
            feature.float_list.value.extend(values)
        elif values and all(isinstance(one, int) for one in values):
            feature.int64_list.value.extend(map(int, values))
        elif values and all(isinstance(one, str | bytes) for one in values):
            feature.bytes_list.value.extend(_bytes(values))
    return bytes(example.SerializeToString(deterministic=True))
