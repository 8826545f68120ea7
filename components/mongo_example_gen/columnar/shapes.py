"""Finds the Arrow schema of the wanted paths in a block of JSON lines.

Each path gets the shape that most of a few sampled documents have. Arrow then rejects other documents by row number, and
these are converted one by one. Other paths are not parsed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from components.exports.extended_json import WRAPPER_KEYS
from components.mongo_example_gen.plan import ID, Plan

KEY = "key"
NUMBER_WRAPPERS = ("$numberInt", "$numberLong", "$numberDouble", "$numberDecimal")
_WRAPPERS = sorted(WRAPPER_KEYS)
"""Arrow refuses a document with one of them where a path leads through: it looks like a document and is a scalar."""
_NEEDS_INT = {KEY, "string", "date", "bool", "bytes"}


@dataclass
class Node:
    """A place in the tree of wanted paths."""

    children: dict[str, Node] = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)
    """Wanted types of the value; ``key`` for ids and split keys."""
    scalar_only: bool = False
    column: int | None = None
    """Number of the column that is read here."""

    def at(self, path: str) -> Node:
        """Returns the place at a dotted path below, made if there is none."""
        node = self
        for part in path.split("."):
            node = node.children.setdefault(part, Node())
        return node

    def columns(self) -> Iterator[int]:
        """Yields the numbers of the columns that are read here and below."""
        if self.column is not None:
            yield self.column
        for child in self.children.values():
            yield from child.columns()


@dataclass
class Odd:
    """Values of samples that do not have the shape that is chosen.

    Attributes:
        columns: Numbers of the columns that have some.
        values: How many there are.
    """

    columns: set[int] = field(default_factory=set)
    values: int = 0

    def add(self, node: Node, values: int) -> None:
        """Adds values at a place, which concern all columns at it and below."""
        if values and (columns := set(node.columns())):
            self.columns |= columns
            self.values += values


def wanted_tree(plan: Plan, apart: Collection[int] = ()) -> Node | None:
    """Returns the tree of wanted paths, or None if one path leads through another.

    Args:
        plan: What to take.
        apart: Numbers of the columns that are left out.
    """
    root = Node()
    for path in (ID, plan.split_by):
        node = root.at(path)
        node.uses.add(KEY)
        node.scalar_only = True
    for number, column in enumerate(plan.columns):
        if number not in apart:
            node = root.at(column.path)
            node.uses.add(column.type or "unknown")
            node.scalar_only |= column.list is False
            node.column = number
    return None if _has_both(root) else root


def _has_both(node: Node) -> bool:
    return bool(node.children and node.uses) or any(_has_both(child) for child in node.children.values())


def arrow_schema(root: Node, samples: Sequence[Any], odd: Odd | None = None) -> pa.Schema:
    """Returns the schema for a block of documents like the samples.

    Args:
        root: The wanted paths.
        samples: Parsed documents.
        odd: Values that the schema refuses are added here.
    """
    odd = Odd() if odd is None else odd
    return pa.schema(
        [
            (name, _shape(child, [s[name] for s in samples if name in s], odd))
            for name, child in root.children.items()
        ]
    )


def _shape(node: Node, samples: list[Any], odd: Odd, in_list: bool = False) -> pa.DataType:
    looks = list(map(_look, samples))
    counted = Counter(look for look in looks if look != "null")
    if not counted:
        return pa.null()
    most, times = counted.most_common(1)[0]
    odd.add(node, counted.total() - times)
    chosen = samples
    if times < len(samples):
        chosen = [sample for sample, look in zip(samples, looks, strict=True) if look == most]
    shape = _shape_of(node, most, chosen, odd, in_list)
    if pa.types.is_null(shape):
        odd.add(node, times)
    return shape


def _shape_of(node: Node, most: str, chosen: list[Any], odd: Odd, in_list: bool) -> pa.DataType:
    """Returns the shape of values that look alike, null if Arrow cannot read them for their use."""
    if "unknown" in node.uses:
        return pa.null()
    if most == "array":
        if node.scalar_only or (in_list and not node.children):
            return pa.null()
        items = _shape(node, [item for sample in chosen for item in sample], odd, in_list=True)
        return pa.list_(items)
    if node.children:
        if most != "document":
            return pa.null()
        named = {name: [s[name] for s in chosen if name in s] for name in node.children}
        fields = [(name, _shape(child, named[name], odd)) for name, child in node.children.items()]
        return pa.struct([*fields, *((key, pa.null()) for key in _WRAPPERS if key not in node.children)])
    return _leaf(node, most, chosen, odd)


def _look(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    key = next(iter(value), "")
    if key in NUMBER_WRAPPERS:
        return "number wrapper"
    return key if key in ("$oid", "$date") else "document"


def _leaf(node: Node, most: str, chosen: list[Any], odd: Odd) -> pa.DataType:
    if most == "number":
        return _number(node, any(isinstance(value, float) for value in chosen))
    if most == "number wrapper":
        return pa.struct([(name, pa.string()) for name in NUMBER_WRAPPERS])
    if most == "$oid":
        return pa.struct([("$oid", pa.string())])
    if most == "$date":
        inner, times = Counter(_look(value["$date"]) for value in chosen).most_common(1)[0]
        odd.add(node, len(chosen) - times)
        types = {
            "string": pa.string(),
            "number": pa.int64(),
            "number wrapper": pa.struct([("$numberLong", pa.string())]),
        }
        return pa.struct([("$date", types.get(inner, pa.null()))])
    return {"bool": pa.bool_(), "string": pa.string()}.get(most, pa.null())


def _number(node: Node, fractions: bool) -> pa.DataType:
    needs_int = node.uses & _NEEDS_INT
    if needs_int:
        return pa.int64() if not fractions else pa.float64() if needs_int == {KEY} else pa.null()
    return pa.float64() if fractions or "float" in node.uses else pa.int64()
