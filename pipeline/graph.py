"""The document as nodes and edges, without TensorFlow: what to run, and what each node depends on.

A node's fingerprint is a hash of everything that can change its result: its slice of the document, its code, the
external data it reads, and the fingerprints of the nodes whose artifacts it uses. Mere ordering (``after``) is not part
of it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from components.node import Declaration, Document, Inputs, Source
from foundation.outside import Outside
from foundation.own_code.closure import OwnCode
from foundation.user_code import code_of
from pipeline.code import Code, installed_code
from pipeline.nodes import NODES


@dataclass(frozen=True)
class Node:
    """One step of the pipeline.

    Attributes:
        declared: Its declaration.
        sources: Input key → the output it uses.
        after: Nodes that must succeed first, without passing artifacts.
        settings: The document's settings for this node, JSON-serialisable.
        user_code: ``/abs/file.py:function`` references to the user's own code.
        external: Digest of what the node reads from outside the pipeline.
        base_model: Whether the latest blessed model is an input (warm start).
        outside: Whether what the node left outside the root still stands, given the folder of its result file.
        unfinished: How an earlier result in a folder goes on, empty if it stands.
        blessed_model: Whether the run's model is an input if it is blessed, else the last one that was.
    """

    declared: Declaration
    sources: Mapping[str, Source] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    settings: object = None
    user_code: tuple[str, ...] = ()
    external: str = ""
    base_model: bool = False
    outside: Callable[[Path], Outside] | None = None
    unfinished: Callable[[Path], str] = lambda folder: ""
    blessed_model: bool = False

    @property
    def id(self) -> str:
        """Name of the node, unique in the graph."""
        return self.declared.id

    @property
    def inputs(self) -> tuple[str, ...]:
        """Nodes whose artifacts this one uses, each once."""
        return tuple(dict.fromkeys(s.node for s in self.sources.values()))

    @property
    def resolver(self) -> bool:
        """Whether the node only looks up artifacts; such a node always runs and is never shown as work."""
        return self.declared.resolver


@dataclass(frozen=True)
class Graph:
    """All nodes in topological order.

    Attributes:
        nodes: The nodes.
        fingerprints: Node id → its fingerprint.
        parts: Node id → what its fingerprint is made of, by name.
        notes: What the fingerprints cannot cover, one sentence each.
    """

    nodes: tuple[Node, ...]
    fingerprints: dict[str, str] = field(default_factory=dict)
    parts: dict[str, dict[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Node]:
        """Iterates over the nodes in order."""
        return iter(self.nodes)

    def node(self, node_id: str) -> Node:
        """Returns the node with this id.

        Raises:
            KeyError: There is none.
        """
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    @property
    def ids(self) -> list[str]:
        """Ids of all nodes, in order."""
        return [n.id for n in self.nodes]

    def upstream(self, node_id: str) -> set[str]:
        """Returns every node that ``node_id`` depends on, by data or order."""
        found: set[str] = set()
        todo = [node_id]
        while todo:
            node = self.node(todo.pop())
            new = set(node.inputs + node.after) - found
            found |= new
            todo += new
        return found

    def downstream(self, node_id: str) -> set[str]:
        """Returns every node that depends on ``node_id``, by data or order."""
        return {n.id for n in self.nodes if node_id in self.upstream(n.id)}


def make_graph(
    document: Document, inputs: Inputs, declared: Sequence[Declaration] = NODES, code: Code | None = None
) -> Graph:
    """Returns the graph of a document with every node's fingerprint.

    Args:
        document: The document.
        inputs: What it refers to: export, schema, earlier statistics.
        declared: The possible nodes, in topological order.
        code: Where the nodes' code is; by default this installation.

    Raises:
        UserCodeError: A file of the user's own code is missing or does not parse.
    """
    present: list[str] = []
    nodes = []
    for declaration in declared:
        if declaration.when(document, inputs):
            nodes.append(_node(declaration, document, inputs, present))
            present.append(declaration.id)
    own = {
        r: code_of(r, inputs.code_folder) for r in dict.fromkeys(r for node in nodes for r in node.user_code)
    }
    return _fingerprinted(tuple(nodes), code or installed_code(), own)


def _node(declared: Declaration, document: Document, inputs: Inputs, present: Sequence[str]) -> Node:
    return Node(
        declared,
        sources=declared.sources(present),
        after=tuple(node for node in declared.after if node in present),
        settings=declared.settings(document, inputs),
        user_code=declared.user_code(document, inputs),
        external=declared.external(document, inputs),
        base_model=declared.base_model(document, inputs),
        outside=partial(declared.outside, document, inputs) if declared.outside else None,
        unfinished=partial(declared.unfinished, document),
        blessed_model=declared.blessed_model(document, inputs),
    )


def _fingerprinted(nodes: tuple[Node, ...], code: Code, own: Mapping[str, OwnCode]) -> Graph:
    fingerprints: dict[str, str] = {}
    parts: dict[str, dict[str, str]] = {}
    codes = code.digests({n.id: [n.declared.build.partition(":")[0], *n.declared.code] for n in nodes})
    for node in nodes:
        parts[node.id] = {
            "settings": _digest(json.dumps(node.settings, sort_keys=True)),
            "code": codes[node.id],
            "user code": "".join(own[reference].digest for reference in node.user_code),
            "external": node.external,
            "inputs": _digest("".join(fingerprints[i] for i in node.inputs)),
        }
        fingerprints[node.id] = _digest(node.id + json.dumps(parts[node.id], sort_keys=True))
    notes = dict.fromkeys(note for each in own.values() for note in each.notes)
    return Graph(nodes, fingerprints, parts, tuple(notes))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
