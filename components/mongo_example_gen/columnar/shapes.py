"""Finds the Arrow schema of the wanted paths in a block of JSON lines.

Each path gets the shape that most of a few sampled documents have. Arrow then rejects other documents by row number, and
these are converted one by one. Other paths are not parsed.
"""

from __future__ import annotations

from collections import Counter
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


def wanted_tree(plan: Plan) -> Node | None:
    """Returns the tree of wanted paths, or None if one path leads through another."""
    root = Node()
    wanted: list[tuple[str, str, bool | None]] = [(ID, KEY, None), (plan.split_by, KEY, None)]
    wanted += [(column.path, column.type or "unknown", column.list) for column in plan.columns]
    for path, use, is_list in wanted:
        node = root
        for part in path.split("."):
            node = node.children.setdefault(part, Node())
        node.uses.add(use)
        node.scalar_only |= is_list is False or use == KEY
    return None if _has_both(root) else root


def _has_both(node: Node) -> bool:
    return bool(node.children and node.uses) or any(_has_both(child) for child in node.children.values())


def arrow_schema(root: Node, samples: list[Any]) -> pa.Schema:
    """Returns the schema for a block of documents like the samples."""
    return pa.schema(
        [
            (name, _shape(child, [s[name] for s in samples if name in s]))
            for name, child in root.children.items()
        ]
    )


def _shape(node: Node, samples: list[Any], in_list: bool = False) -> pa.DataType:
    looks = Counter(look for sample in samples if (look := _look(sample)) != "null")
    if not looks or "unknown" in node.uses:
        return pa.null()
    most = looks.most_common(1)[0][0]
    chosen = [sample for sample in samples if _look(sample) == most]
    if most == "array":
        if node.scalar_only or (in_list and not node.children):
            return pa.null()
        items = _shape(node, [item for sample in chosen for item in sample], in_list=True)
        return pa.list_(items)
    if node.children:
        if most != "document":
            return pa.null()
        named = {name: [s[name] for s in chosen if name in s] for name in node.children}
        fields = [(name, _shape(child, named[name])) for name, child in node.children.items()]
        return pa.struct([*fields, *((key, pa.null()) for key in _WRAPPERS if key not in node.children)])
    return _leaf(node, most, chosen)


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


def _leaf(node: Node, most: str, chosen: list[Any]) -> pa.DataType:
    if most == "number":
        return _number(node, any(isinstance(value, float) for value in chosen))
    if most == "number wrapper":
        return pa.struct([(name, pa.string()) for name in NUMBER_WRAPPERS])
    if most == "$oid":
        return pa.struct([("$oid", pa.string())])
    if most == "$date":
        inner = Counter(_look(value["$date"]) for value in chosen).most_common(1)[0][0]
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
