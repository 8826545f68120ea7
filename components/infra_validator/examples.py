"""Requests made from real test examples: serialized, or as the features of a signature.

Ingestion has already applied the privacy policy to these examples: dropped values are absent, hashed ones are hashes.
Only the features that the model reads are kept; ids and labels are not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.exports.groups import GROUP_FEATURE
from foundation.errors import DataError
from foundation.saved_model import DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE
from foundation.tfrecord import read_gz
from serving.client import DType, Signature, TensorInfo

SPLIT = "test"
_OURS = ("_id", GROUP_FEATURE)
"""What ingestion adds to a row and no model reads."""
ASKED = (DEFAULT_SIGNATURE, EXAMPLES_SIGNATURE)
"""The signatures to query; the first one that works is measured."""

_KINDS: Mapping[DType, tuple[str, Any]] = {
    DType.STRING: ("bytes_list", b""),
    DType.FLOAT: ("float_list", np.nan),
    DType.INT64: ("int64_list", np.iinfo(np.int64).min),
}
"""Input type → the ``tf.Example`` list, and the sentinel for a missing value (``docs/training.md``)."""


class UnaskableError(Exception):
    """A signature whose inputs cannot be made from examples; the text says which one and why."""


@dataclass(frozen=True)
class Batch:
    """The inputs of one request.

    Attributes:
        signature: Name of the signature.
        rows: Number of rows.
        inputs: Input → array whose first axis is the batch; text is an object array of bytes.
    """

    signature: str
    rows: int
    inputs: Mapping[str, np.ndarray]


def read_examples(folder: str, count: int) -> list[bytes]:
    """Returns the first examples of a split, reading its files in name order.

    Raises:
        DataError: There are none, or a file is damaged.
    """
    every = itertools.chain.from_iterable(map(read_gz, sorted(Path(folder).glob("*.gz"))))
    found = list(itertools.islice(every, count))
    if not found:
        raise DataError(f"examples {folder}", expected=f"at least one document in split {SPLIT}", seen="none")
    return found


class Questions:
    """Examples in the form that a model's signatures take.

    Args:
        records: Serialized examples.
        signatures: Name → signature.
    """

    def __init__(self, records: Sequence[bytes], signatures: Mapping[str, Signature]) -> None:
        self.skipped: dict[str, str] = {}
        self._columns: dict[str, dict[str, np.ndarray]] = {}
        examples = _parse(records)
        named = signatures.get(DEFAULT_SIGNATURE)
        kept = set(named.inputs) if named is not None else None
        for name in (n for n in ASKED if n in signatures):
            try:
                self._columns[name] = _inputs(name, signatures[name], examples, kept)
            except UnaskableError as error:
                self.skipped[name] = str(error)

    @property
    def signatures(self) -> list[str]:
        """The signatures that can be queried."""
        return list(self._columns)

    def batch(self, signature: str, rows: int, number: int = 0) -> Batch:
        """Returns request ``number`` with ``rows`` rows; it starts where the previous one ended and wraps around."""
        columns = self._columns[signature]
        total = len(next(iter(columns.values())))
        places: np.ndarray = np.arange(number * rows, (number + 1) * rows) % total
        return Batch(signature, rows, {name: column[places] for name, column in columns.items()})

    def every(self, signature: str, rows: int) -> Iterator[Batch]:
        """Yields requests until each example has been in one."""
        total = len(next(iter(self._columns[signature].values())))
        for number in range(-(-total // rows)):
            yield self.batch(signature, rows, number)


def _parse(records: Sequence[bytes]) -> list[Any]:
    from tensorflow.core.example import example_pb2

    return [example_pb2.Example.FromString(record) for record in records]


def _inputs(
    name: str, signature: Signature, examples: Sequence[Any], kept: set[str] | None
) -> dict[str, np.ndarray]:
    if name == EXAMPLES_SIGNATURE:
        if set(signature.inputs) != {"examples"}:
            raise UnaskableError(f"its inputs are {', '.join(sorted(signature.inputs))}, not examples")
        column: np.ndarray = np.empty(len(examples), object)
        column[:] = [_trimmed(example, kept) for example in examples]
        return {"examples": column}
    if not signature.inputs:
        raise UnaskableError("it has no inputs")
    return {alias: _column(alias, info, examples) for alias, info in sorted(signature.inputs.items())}


def _trimmed(example: Any, kept: set[str] | None) -> bytes:
    """Serializes an example with the features the model reads; all but what ingestion added if no signature names them."""
    features = type(example)()
    for name, value in example.features.feature.items():
        if name not in _OURS if kept is None else name in kept:
            features.features.feature[name].CopyFrom(value)
    serialized: bytes = features.SerializeToString(deterministic=True)
    return serialized


def _column(alias: str, info: TensorInfo, examples: Sequence[Any]) -> np.ndarray:
    rank = len(info.shape or ())
    if info.dtype not in _KINDS or rank not in (1, 2):
        raise UnaskableError(f"its input {alias} is DT_{info.dtype.name} of rank {rank}")
    kind, missing = _KINDS[info.dtype]
    values = [_values(alias, example, kind) for example in examples]
    longest = max(map(len, values))
    if rank == 1 and longest > 1:
        raise UnaskableError(f"its input {alias} takes one value per row, an example has {longest}")
    column: np.ndarray = np.full((len(values), max(longest, 1)), missing, info.dtype.numpy)
    for row, found in enumerate(values):
        column[row, : len(found)] = found
    return column[:, 0] if rank == 1 else column


def _values(alias: str, example: Any, kind: str) -> list[Any]:
    feature = example.features.feature.get(alias) if alias in example.features.feature else None
    if feature is None or feature.WhichOneof("kind") is None:
        return []
    if feature.WhichOneof("kind") != kind:
        raise UnaskableError(f"its input {alias} is not {kind.removesuffix('_list')} in the examples")
    return list(getattr(feature, kind).value)
