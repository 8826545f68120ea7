"""Rows of the prediction log as the documents that a pipeline reads: features at their paths, label, weight, arm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import DataError
from serving.experiments.log.join import usable
from serving.experiments.log.schema import INPUT, is_value

if TYPE_CHECKING:
    from serving.experiments.log.join import Labelled

ABOUT: Final = "penstock"
"""The document inside each row that says where it comes from: ``penstock.weight`` and so on in ``data.fields``."""
_SMALLEST: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Shape:
    """How features become documents again.

    Attributes:
        paths: Feature → its dotted path in the documents; others keep their name.
        types: Feature → the type that ``data.fields`` declares.
        key: Dotted path that gets the unit's hash, for the split; empty for none.
        at: Dotted path that gets the time of the prediction; empty for none.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    at: str = ""


def documents(table: Any, found: Mapping[str, Labelled], label: str, shape: Shape) -> Any:
    """Returns the rows of labelled requests as documents.

    Args:
        table: A table of the log.
        found: Request id → its label and unit.
        label: Name of the feature with the label.
        shape: How features become documents.

    Raises:
        DataError: Names collide.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = usable(table, Counter())
    table = table.filter(pc.is_in(table["request_id"], value_set=pa.array(list(found), pa.string())))
    labels = [found[request] for request in table["request_id"].to_pylist()]
    columns: dict[str, Any] = {}
    for name in table.column_names:
        if is_value(name) and name.split("_", 1)[0] == INPUT:
            feature = name[len(INPUT) + 1 :] or INPUT
            kind = shape.types.get(feature, "")
            columns[shape.paths.get(feature, feature)] = _feature(table[name].combine_chunks(), kind)
    path = shape.paths.get(label, label)
    if path in columns:
        raise DataError(
            f"label {label}",
            expected="a name that no input has",
            seen="an input of that name",
            remedy="name it otherwise with --label; a model that is told its label predicts it",
        )
    columns[path] = _labels(
        [one.value for one in found.values()], [one.value for one in labels], shape.types.get(label, "")
    )
    keys = [one.unit for one in labels]
    if shape.key and shape.key not in columns:
        columns[shape.key] = pa.array(keys, pa.string())
    about = _about(table, keys)
    columns.setdefault("_id", _ids(table))
    if shape.at and shape.at not in columns:
        columns[shape.at] = about[f"{ABOUT}.at"]
    if ABOUT in columns:
        raise DataError(
            f"prediction log: input {ABOUT}",
            expected="no input of this name: it holds the weight and the arm",
            seen="one",
        )
    return nested({**columns, **about})


def _ids(table: Any) -> Any:
    """Returns the id of each document: the request's, with the row's number behind it from the second row on."""
    import pyarrow.compute as pc

    row = table["row_index"].cast("string")
    numbered = pc.binary_join_element_wise(table["request_id"], row, "-")
    return pc.if_else(pc.equal(table["row_index"], 0), table["request_id"], numbered)


def _about(table: Any, keys: list[str]) -> dict[str, Any]:
    """Returns where each row comes from."""
    import pyarrow as pa
    import pyarrow.compute as pc

    propensity = table["propensity"].combine_chunks()
    chance = pc.multiply(propensity, table["sampling"].combine_chunks())
    parts = {
        "request_id": table["request_id"],
        "row": table["row_index"].cast("int64"),
        "unit": pa.array(keys, pa.string()),
        "arm": table["arm"],
        "version": table["version"],
        "propensity": propensity,
        "weight": pc.divide(1.0, chance),
        "at": table["time"].cast(pa.timestamp("ms", "UTC"), safe=False),
    }
    return {f"{ABOUT}.{name}": column for name, column in parts.items()}


def _feature(array: Any, kind: str) -> Any:
    """Returns an input without the values that stand for missing ones, in the type that the document declares."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(array.type):
        inner = _feature(array.flatten(), kind)
        kept = pc.is_valid(inner)
        if pc.all(kept).as_py() in (True, None):
            return pa.ListArray.from_arrays(_offsets(array), inner, mask=array.is_null())
        parent = pc.list_parent_indices(array).filter(kept).to_numpy()
        return _grouped(inner.drop_null(), parent, array)
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_nan(array), None, array)
        if kind == "int":
            array = pc.if_else(pc.equal(pc.round(array), array), array, None).cast("int64", safe=False)
    elif pa.types.is_integer(array.type):
        array = pc.if_else(pc.equal(array, _SMALLEST), None, array)
    elif pa.types.is_string(array.type):
        return pc.if_else(pc.equal(array, ""), None, array)
    if pa.types.is_integer(array.type):
        casts = {
            "bool": pa.bool_(),
            "date": pa.timestamp("ms", "UTC"),
            "float": pa.float64(),
            "string": pa.string(),
        }
        return array.cast(casts[kind]) if kind in casts else array
    return array


def _offsets(array: Any) -> Any:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    return pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())


def _grouped(values: Any, parent: Any, array: Any) -> Any:
    """Returns values as the lists of their parents."""
    import numpy as np
    import pyarrow as pa

    counts = np.bincount(parent, minlength=len(array))
    offsets = pa.array(np.concatenate([[0], np.cumsum(counts)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values, mask=array.is_null())


def _labels(every: Sequence[Any], values: Sequence[Any], kind: str) -> Any:
    """Returns labels as bools if all of them are 0 or 1, and as what they are otherwise."""
    import pyarrow as pa

    if any(isinstance(value, str) for value in every):
        return pa.array([str(value) for value in values], pa.string())
    if kind in ("bool", "") and all(value in (0, 1) for value in every):
        return pa.array(list(map(bool, values)), pa.bool_())
    if kind == "int" and all(float(value).is_integer() for value in every):
        return pa.array(list(map(int, values)), pa.int64())
    return pa.array(list(map(float, values)), pa.float64())


def nested(columns: Mapping[str, Any]) -> Any:
    """Returns columns with dotted paths as documents.

    Raises:
        DataError: A path is a value and a document.
    """
    import pyarrow as pa

    tree: dict[str, Any] = {}
    for path, column in columns.items():
        *parents, last = path.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise _both(path)
        if last in place:
            raise _both(path)
        place[last] = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pa.table({name: _struct(part) for name, part in tree.items()})


def _struct(part: Any) -> Any:
    import pyarrow as pa

    if not isinstance(part, dict):
        return part
    arrays = [_struct(inner) for inner in part.values()]
    return pa.StructArray.from_arrays(arrays, list(part))


def _both(path: str) -> DataError:
    return DataError(
        f"field {path}",
        expected="paths of which none is the beginning of another",
        seen="a value and a document at one path",
        remedy="name the label or the split's key otherwise",
    )
