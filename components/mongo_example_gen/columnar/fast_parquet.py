"""Parquet at columnar speed: the wanted paths of a batch in the shape of the columnar JSON path."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.exports.arrow import list_array
from components.exports.parquet_rows import is_date, is_mixed
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.fast import convert_table
from components.mongo_example_gen.columnar.leaves import RefusedError
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.columnar.shapes import Node, wanted_tree
from components.mongo_example_gen.plan import Plan


def convert_columns(table: pa.Table, plan: Plan, tally: Tally) -> tuple[Rows | None, list[int]]:
    """Converts the rows that can be converted as columns.

    Args:
        table: A normalised batch.
        plan: What to take; types are settled.
        tally: Counts of the converted rows are added here.

    Returns:
        The rows, if any, and the indexes of those that are left to be converted one by one.
    """
    everything = list(range(table.num_rows))
    tree = wanted_tree(plan)
    if tree is None or not everything:
        return None, everything
    refused: np.ndarray = np.zeros(table.num_rows, bool)
    try:
        arrays = {name: _top(table, name, node, refused) for name, node in tree.children.items()}
    except RefusedError:
        return None, everything
    good = np.flatnonzero(~refused).tolist()
    shaped = pa.table(arrays).filter(pa.array(~refused)) if refused.any() else pa.table(arrays)
    rows, rest = convert_table(shaped, plan, tally)
    left = sorted([*np.flatnonzero(refused).tolist(), *(good[i] for i in rest)])
    return rows, left


def _top(table: pa.Table, name: str, node: Node, refused: np.ndarray) -> pa.Array:
    if name not in table.column_names:
        return pa.nulls(table.num_rows)
    chunks = table.column(name).chunks
    return _shaped(chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks), node, refused, lists=0)


def _shaped(array: pa.Array, node: Node, refused: np.ndarray, lists: int) -> pa.Array:
    """Keeps the wanted parts of an array; rows with a value that no column can convert are marked as refused."""
    kind = array.type
    if pa.types.is_null(kind):
        return array
    if pa.types.is_list(kind) and not node.scalar_only and not (lists and not node.children):
        lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
        present = array.is_valid().to_numpy(zero_copy_only=False)
        items: np.ndarray = np.zeros(int(lengths.sum()), bool)
        shaped = _shaped(array.flatten(), node, items, lists + 1)
        np.logical_or.at(refused, np.repeat(np.arange(len(array)), lengths)[items], True)
        return list_array(shaped, lengths, present)
    if node.children and pa.types.is_struct(kind) and not is_mixed(kind) and not is_date(kind):
        names = [kind.field(i).name for i in range(kind.num_fields)]
        parts = {
            name: _shaped(pc.struct_field(array, [names.index(name)]), child, refused, lists)
            if name in names
            else pa.nulls(len(array))
            for name, child in node.children.items()
        }
        return pa.StructArray.from_arrays(list(parts.values()), list(parts), mask=array.is_null())
    plain = pa.types.is_boolean(kind) or pa.types.is_string(kind) or kind in (pa.int64(), pa.float64())
    if not node.children and (plain or is_date(kind)):
        return array
    refused |= array.is_valid().to_numpy(zero_copy_only=False)
    return pa.nulls(len(array))
