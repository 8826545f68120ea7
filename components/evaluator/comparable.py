"""Whether the last blessed model can be judged on these rows: whether they hold what it reads, as it was trained on it.

A model takes a feature that is no longer there for one without a value, and answers. Its metrics then say how well it
does without the feature, so that a worse model would pass for no worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from foundation.errors import DataError
from foundation.saved_model import MODEL_FILE

FEW_ROWS = 300
"""With fewer rows, a feature that both models read may lack every value by chance: fewer than 1 in 100 rows may have it."""
_PARSER = "ParseExampleV2"
_KINDS = {"DT_INT64": "int", "DT_FLOAT": "float", "DT_STRING": "text"}
_WORDS = {"int": "whole numbers", "float": "numbers", "text": "text"}


@dataclass(frozen=True)
class Need:
    """One feature that a model reads from serialized Examples.

    Attributes:
        kind: int, float or text.
        required: Whether the model fails on a row without it.
    """

    kind: str
    required: bool


def needs(model: str) -> dict[str, Need]:
    """Returns feature → what a model reads of it, also what its own ``preprocessing_fn`` does; from its graph alone.

    Args:
        model: Folder of the SavedModel.

    Raises:
        DataError: There is no SavedModel.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    file = Path(model) / MODEL_FILE
    try:
        saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    except OSError as error:
        raise DataError(f"model {model}", expected=f"the file {MODEL_FILE}", seen=str(error)) from error
    graph = saved.meta_graphs[0].graph_def
    found: dict[str, Need] = {}
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        by_name = {node.name: node for node in nodes}
        for node in nodes:
            if node.op == _PARSER:
                found.update(_parsed(node, by_name))
    return found


def _parsed(node: Any, by_name: Mapping[str, Any]) -> Iterator[tuple[str, Need]]:
    import tensorflow as tf
    from tensorflow.core.framework import types_pb2

    def value(name: str) -> Any:
        source = by_name.get(name.partition(":")[0])
        return (
            None if source is None or source.op != "Const" else tf.make_ndarray(source.attr["value"].tensor)
        )

    def kinds(attribute: str) -> list[str]:
        return [_KINDS[types_pb2.DataType.Name(one)] for one in node.attr[attribute].list.type]

    _, _, sparse, dense, ragged, *defaults = node.input
    for keys, attribute in ((sparse, "sparse_types"), (ragged, "ragged_value_types")):
        names = value(keys)
        if names is not None:
            yield from (
                (k.decode(), Need(kind, False)) for k, kind in zip(names, kinds(attribute), strict=True)
            )
    names = value(dense)
    if names is not None:
        for key, kind, default in zip(names, kinds("Tdense"), defaults, strict=True):
            known = value(default)
            yield key.decode(), Need(kind, known is not None and known.size == 0)


@dataclass
class Sight:
    """What was seen of the features that a model reads.

    Attributes:
        retyped: Feature → the kind that its values have now.
        unseen: Features of which no row had a value.
        failing: Features that the model requires and some row lacks.
    """

    retyped: dict[str, str] = field(default_factory=dict)
    unseen: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()

    @property
    def usable(self) -> bool:
        """Whether the model can be asked for these rows at all."""
        return not self.retyped and not self.failing

    def __add__(self, other: Sight) -> Sight:
        """Returns what was seen on the rows of both."""
        return Sight(
            {**self.retyped, **other.retyped}, self.unseen & other.unseen, self.failing | other.failing
        )


def look(rows: pa.RecordBatch, needed: Mapping[str, Need]) -> Sight:
    """Returns what a batch holds of the features that a model reads.

    Args:
        rows: Every feature of the rows, whatever the schema says.
        needed: Feature → what the model reads of it.
    """
    retyped, unseen, failing = {}, set(), set()
    for name, need in needed.items():
        index = rows.schema.get_field_index(name)
        kind, having = ("", 0) if index < 0 else _content(rows.column(index))
        if not having:
            unseen.add(name)
        elif kind != need.kind:
            retyped[name] = kind
        if need.required and having < rows.num_rows:
            failing.add(name)
    return Sight(retyped, frozenset(unseen), frozenset(failing))


def _content(column: pa.Array) -> tuple[str, int]:
    """Returns the kind of a list column's values, and how many rows have one."""
    import pyarrow.compute as pc

    if pa.types.is_null(column.type):
        return "", 0
    item = column.type.value_type
    kind = "int" if pa.types.is_integer(item) else "float" if pa.types.is_floating(item) else "text"
    return kind, int(pc.sum(pc.greater(pc.list_value_length(column), 0)).as_py() or 0)


def why_not(sight: Sight, needed: Mapping[str, Need], shared: Iterable[str], rows: int) -> str:
    """Returns why a model cannot be judged; empty if it can.

    Args:
        sight: What was seen of its features on all rows.
        needed: Feature → what it reads of it.
        shared: Features that the new model reads in the same way.
        rows: Number of rows.
    """
    spared = set(shared) if rows < FEW_ROWS else set()
    retyped = [
        f"{name} as {_WORDS[needed[name].kind]}, now {_WORDS[kind]}"
        for name, kind in sorted(sight.retyped.items())
    ]
    gone = sorted((sight.unseen - spared) | (sight.failing & sight.unseen))
    partly = [
        f"{name}, which some rows lack" for name in sorted(sight.failing - set(gone) - set(sight.retyped))
    ]
    parts = [*retyped, *(f"{name}, which no row has" for name in gone), *partly]
    return f"it reads {'; '.join(parts)}" if parts else ""
