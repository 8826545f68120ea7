"""The dotted paths of an export as a tree, filled block by block.

A block's documents are taken apart level by level, all values of a key at once, so that counting is the interpreter's
own loops over lists, not ours over values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

from bson.datetime_ms import DatetimeMS

from components.exports import extended_json
from components.exports.coerce import kind_of, kind_of_text
from components.exports.names import looks_like_a_name, looks_like_data
from foundation.coarse import FEWEST
from pipeline.look.leaf import Leaf

MOST_KEYS = 100
"""A sub-document with more keys than this is a map whose keys are data."""
_SPREAD_KEYS = 8
_SPREAD, _SPREAD_ODDLY = 0.05, 0.5
"""A sub-document with this many keys is such a map, too, where most of them are in a smaller share of the documents;
the second share is for keys that are no identifiers, such as names of people."""
_DEPTH = 8
ROOT = "(a key of the documents)"
_OIDS = re.compile(r"(?:[0-9a-fA-F]{24},)*[0-9a-fA-F]{24}", re.ASCII)
_NUMBER_WRAPPERS = {
    "$numberInt": ("int", int),
    "$numberLong": ("int", int),
    "$numberDouble": ("float", float),
}

Owners = list[int] | None
"""For each value, the index of its document in the block; None: every value has its own document."""


class Node:
    """A path: its own values and the paths below it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.leaf = Leaf(path)
        self.children: dict[str, Node] = {}
        self.there = 0
        """Documents that have the path, with any value."""
        self.holding = 0
        """Documents whose value there is neither null nor a document."""
        self.documents = 0
        """Values that are documents."""
        self.arrays = 0
        self.items = 0
        """Items of arrays."""
        self.inner_arrays = 0
        """Items of arrays that are arrays themselves: no feature can hold those."""
        self.in_array = False
        """Whether the path leads into or through an array."""
        self.is_map = False
        self.keys: set[str] = set()

    def merge(self, other: Node) -> None:
        """Merges the counts of another node for the same path."""
        self.leaf.merge(other.leaf)
        for name in ("there", "holding", "documents", "arrays", "items", "inner_arrays"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.in_array |= other.in_array
        self.keys |= other.keys
        self.is_map = self.is_map or other.is_map or len(self.keys) > MOST_KEYS
        if self.is_map:
            self.children.clear()
            return
        for key, child in other.children.items():
            if key in self.children:
                self.children[key].merge(child)
            else:
                self.children[key] = child

    def find_maps(self) -> Iterator[str]:
        """Turns sub-documents whose keys are spread thinly, such as names of users, into maps; yields their paths."""
        few, odd = (max(FEWEST, share * self.documents) for share in (_SPREAD, _SPREAD_ODDLY))
        thin = sum(
            child.there < (few if looks_like_a_name(key) else odd) for key, child in self.children.items()
        )
        if self.path and len(self.children) >= _SPREAD_KEYS and 2 * thin > len(self.children):
            self.is_map = True
            self.children.clear()
            yield self.path
        for child in self.children.values():
            yield from child.find_maps()

    def walk(self) -> Iterator[Node]:
        """Yields this path and those below, in order of first appearance."""
        yield self
        for child in self.children.values():
            yield from child.walk()


class Tree:
    """All paths of an export.

    Args:
        all_text: Whether values are cells of a CSV file.
    """

    def __init__(self, all_text: bool) -> None:
        self.all_text = all_text
        self.documents = 0
        self.root = Node("")
        self.left_out: dict[str, None] = {}

    def merge(self, other: Tree) -> None:
        """Merges the counts of other documents of the same export."""
        self.documents += other.documents
        self.root.merge(other.root)
        maps = {node.path: None for node in self.root.walk() if node.is_map}
        self.left_out |= other.left_out | maps

    def settle(self) -> None:
        """Decides, once all documents are counted, which keys are data."""
        self.left_out |= dict.fromkeys(self.root.find_maps())

    def take(self, documents: list[dict[str, Any]], wrapped: bool) -> None:
        """Counts a block of documents.

        Args:
            documents: Parsed documents.
            wrapped: Whether their leaves are still Extended JSON.
        """
        self.documents += len(documents)
        self._descend(self.root, documents, None, wrapped, 0)

    def _descend(
        self, node: Node, documents: list[dict[str, Any]], owners: Owners, wrapped: bool, depth: int
    ) -> None:
        counts = Counter(chain.from_iterable(documents))
        if self._is_map(node, counts):
            return
        for key, count in counts.items():
            if key not in node.children and not self._admit(node, key):
                continue
            if count == len(documents):
                values, inner = [d[key] for d in documents], owners
            else:
                values = [d[key] for d in documents if key in d]
                inner = owners and [o for d, o in zip(documents, owners, strict=True) if key in d]
            self._values(node.children[key], values, inner, wrapped, depth + 1)

    def _is_map(self, node: Node, counts: Counter[str]) -> bool:
        """Returns whether a sub-document's keys are data: there are too many, or they look like ids."""
        new = counts.keys() - node.keys
        if node.is_map or not node.path or not new:
            return node.is_map
        node.keys |= new
        if len(node.keys) > MOST_KEYS or any(map(looks_like_data, new)):
            node.is_map = True
            node.children.clear()
            self.left_out[node.path] = None
        return node.is_map

    def _admit(self, node: Node, key: str) -> bool:
        if not key or "." in key or "${" in key or looks_like_data(key):
            self.left_out[node.path or ROOT] = None
            return False
        node.children[key] = Node(f"{node.path}.{key}" if node.path else key)
        return True

    def _values(self, node: Node, values: list[Any], owners: Owners, wrapped: bool, depth: int) -> None:
        node.there += len(values) if owners is None else len(set(owners))
        types = set(map(type, values))
        if list in types:
            values, owners = _flatten(node, values, owners)
            types = set(map(type, values))
            node.items += len(values)
            node.inner_arrays += sum(type(value) is list for value in values) if list in types else 0
        while list in types:
            values, owners = _flatten(node, values, owners)
            types = set(map(type, values))
        node.in_array |= owners is not None
        held: list[list[int]] = []
        before = node.leaf.values
        for kind in types:
            chosen = values if len(types) == 1 else [v for v in values if type(v) is kind]
            whose = owners and (
                owners
                if len(types) == 1
                else [o for v, o in zip(values, owners, strict=True) if type(v) is kind]
            )
            if kind is dict:
                self._objects(node, chosen, whose, wrapped, depth, held)
            else:
                self._leaves(node, kind, chosen, whose, held)
        node.holding += node.leaf.values - before if owners is None else len(set(chain.from_iterable(held)))

    def _leaves(
        self, node: Node, kind: type, values: list[Any], owners: Owners, held: list[list[int]]
    ) -> None:
        if self.all_text and kind is str:
            kinds = [kind_of_text(value) for value in values]
            for name in set(kinds):
                node.leaf.take(
                    name, [v for v, k in zip(values, kinds, strict=True) if k == name], as_text=True
                )
        elif kind in (str, int, float, bool, type(None)):
            node.leaf.take(kind_of(values[0]), values)
        else:
            _take_rare(node.leaf, values)
        if owners is not None and kind is not type(None):
            held.append(owners)

    def _objects(
        self,
        node: Node,
        values: list[Any],
        owners: Owners,
        wrapped: bool,
        depth: int,
        held: list[list[int]],
    ) -> None:
        """Separates documents from the wrappers of Extended JSON."""
        heads = [next(iter(value), "") for value in values] if wrapped else []
        wrappers = {head for head in set(heads) if head.startswith("$")}
        documents, whose = values, owners
        if wrappers:
            documents, whose = [], None if owners is None else []
        for head in wrappers:
            alone = len(wrappers) == 1 and heads.count(head) == len(heads)
            same = values if alone else [v for v, h in zip(values, heads, strict=True) if h == head]
            _unwrap(node.leaf, head, same)
            if owners is not None:
                held.append([o for o, h in zip(owners, heads, strict=True) if h == head])
        if wrappers and not wrappers.issuperset(heads):
            documents = [v for v, h in zip(values, heads, strict=True) if h not in wrappers]
            whose = owners and [o for o, h in zip(owners, heads, strict=True) if h not in wrappers]
        node.documents += len(documents)
        if documents and depth < _DEPTH:
            self._descend(node, documents, whose, wrapped, depth)
        elif documents:
            node.leaf.take("deep", documents)


def _flatten(node: Node, values: list[Any], owners: Owners) -> tuple[list[Any], list[int]]:
    flat: list[Any] = []
    whose: list[int] = []
    for index, value in enumerate(values):
        owner = owners[index] if owners is not None else index
        if type(value) is list:
            node.arrays += 1
            flat += value
            whose += [owner] * len(value)
        else:
            flat.append(value)
            whose.append(owner)
    return flat, whose


def _unwrap(leaf: Leaf, head: str, values: list[dict[str, Any]]) -> None:
    """Counts wrappers that start with the same key; unusual ones go through the Extended JSON reader."""
    inner = [value[head] for value in values]
    plain = set(map(len, values)) == {1} and set(map(type, inner)) == {str}
    if plain and head == "$oid" and _OIDS.fullmatch(",".join(inner)):
        leaf.take("objectid", inner)
        return
    if plain and head == "$date":
        leaf.take("date", inner)
        return
    if plain and head in _NUMBER_WRAPPERS:
        kind, read = _NUMBER_WRAPPERS[head]
        try:
            leaf.take(kind, list(map(read, inner)))
        except ValueError:
            _unwrap_one_by_one(leaf, values)
        return
    _unwrap_one_by_one(leaf, values)


def _unwrap_one_by_one(leaf: Leaf, values: list[dict[str, Any]]) -> None:
    decoded = []
    for value in values:
        try:
            decoded.append(extended_json.decode_value(value))
        except extended_json.ExtendedJsonError:
            leaf.take("malformed", [None])
    _take_rare(leaf, decoded)


def _take_rare(leaf: Leaf, values: list[Any]) -> None:
    by_kind: dict[str, list[Any]] = {}
    for value in values:
        by_kind.setdefault(kind_of(value), []).append(value)
    for kind, same in by_kind.items():
        dates = kind == "date" and all(isinstance(value, DatetimeMS) for value in same)
        simple = kind in ("int", "float", "string", "bool", "objectid", "null")
        leaf.take(kind, [int(v) for v in same] if dates else same if simple else [str(v) for v in same])
