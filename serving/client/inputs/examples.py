"""Rows of features as ``tf.Example``s, for signatures that take serialized ones and for classify and regress."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.client.errors import InputError
from serving.wire import client_pb2

Row = Mapping[str, Any]
"""Feature name → value, list of values, NumPy array, or None if it is missing."""


@dataclass(frozen=True)
class Feature:
    """The values of one feature.

    Attributes:
        kind: ``bytes``, ``float`` or ``int64``, as in ``tf.Example``.
        values: At least one, all of that kind.
    """

    kind: str
    values: Sequence[Any]


Example = Mapping[str, Feature]
"""Feature name → values. Missing features are absent."""
Examples = Sequence[Example]


def example(row: Row, kinds: Mapping[str, str] | None = None) -> Example:
    """Returns a row as an example.

    Text and bytes become ``bytes``, integers and booleans ``int64``, other numbers ``float``; a list that mixes integers
    and other numbers is ``float``. None and empty lists are omitted, which is how ``tf.Example`` marks missing values.

    Args:
        row: The features.
        kinds: Feature name → kind that the model reads; integers are converted for ``float`` features.

    Raises:
        InputError: No feature can hold a value.
    """
    if not isinstance(row, Mapping):
        raise InputError("example", expected="a mapping: feature name to value", seen=type(row).__name__)
    found = {
        str(name): _feature(str(name), value, (kinds or {}).get(name, "")) for name, value in row.items()
    }
    return {name: feature for name, feature in found.items() if feature.values}


def examples(rows: Row | Iterable[Row], kinds: Mapping[str, str] | None = None) -> list[Example]:
    """Returns one row or several as examples."""
    if isinstance(rows, Mapping):
        return [example(rows, kinds)]
    made = [example(row, kinds) for row in rows]
    if not made:
        raise InputError("examples", expected="at least one row of features", seen="none")
    return made


def _feature(name: str, value: Any, wanted: str) -> Feature:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    values = [v for v in value if v is not None] if isinstance(value, list | tuple) else [value]
    values = _as_wanted(
        [v.item() if isinstance(v, np.generic) else v for v in values if v is not None], wanted
    )
    if all(isinstance(v, str | bytes) for v in values):
        kind, values = "bytes", [v.encode() if isinstance(v, str) else v for v in values]
    elif all(isinstance(v, int) for v in values):
        kind, values = "int64", [int(v) for v in values]
    elif all(isinstance(v, int | float) for v in values):
        kind, values = "float", [float(v) for v in values]
    else:
        seen = ", ".join(sorted({type(v).__name__ for v in values}))
        raise InputError(
            f"feature {name!r}", expected="numbers, or text and bytes, in a flat list", seen=seen
        )
    if kind == "int64" and wanted == "float":
        kind, values = "float", [float(v) for v in values]
    return _checked(name, Feature(kind, values), wanted)


def _as_wanted(values: list[Any], wanted: str) -> list[Any]:
    """Undoes what pandas does to a column with missing values: NaN for them, and floats for integers."""
    if wanted in ("int64", "bytes"):
        values = [v for v in values if not (isinstance(v, float) and math.isnan(v))]
    if wanted == "int64":
        values = [int(v) if isinstance(v, float) and v.is_integer() else v for v in values]
    return values


def _checked(name: str, feature: Feature, wanted: str) -> Feature:
    if wanted and feature.values and feature.kind != wanted:
        raise InputError(f"feature {name!r}", expected=f"values of kind {wanted}", seen=feature.kind)
    if feature.kind == "int64" and any(not -(2**63) <= v < 2**63 for v in feature.values):
        raise InputError(f"feature {name!r}", expected="integers of 64 bits", seen="a larger one")
    if feature.kind == "float" and any(abs(v) > _LARGEST and abs(v) != np.inf for v in feature.values):
        raise InputError(f"feature {name!r}", expected="numbers that float32 can hold", seen="a larger one")
    return feature


_LARGEST = float(np.finfo(np.float32).max)


def example_proto(made: Example) -> Any:
    """Returns an example as a ``tf.Example`` message."""
    proto = client_pb2.Example()
    proto.features.SetInParent()
    for name, feature in made.items():
        getattr(proto.features.feature[name], f"{feature.kind}_list").value.extend(feature.values)
    return proto


def serialized(made: Iterable[Example]) -> list[bytes]:
    """Returns examples as serialized ``tf.Example``s."""
    return [example_proto(one).SerializeToString() for one in made]


def example_json(made: Example) -> dict[str, Any]:
    """Returns an example as TF Serving's REST API expects it: one value bare, several as a list, bytes as base64."""
    found: dict[str, Any] = {}
    for name, feature in made.items():
        values = [json_text(v) for v in feature.values] if feature.kind == "bytes" else list(feature.values)
        found[name] = values[0] if len(values) == 1 else values
    return found


def json_text(value: bytes) -> str | dict[str, str]:
    """Returns bytes as JSON text if they are UTF-8, otherwise as ``{"b64": …}``, which TF Serving decodes."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = "\0"
    return {"b64": base64.b64encode(value).decode("ascii")} if "\0" in text else text
