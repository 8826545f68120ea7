"""Tells which outputs of a graph may loop or wait, from its ops alone.

TensorFlow can stop a run in a loop or in an op that waits. Everything else runs each of its ops once and cannot be
stopped between them, so such a run needs no means of being stopped. An op that is not known counts as one that waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LOOPS: Final = {"Enter", "Exit", "LoopCond", "NextIteration"}
_LOOPS.update({f"Ref{name}" for name in _LOOPS})
_CALLS: Final = {
    *("PartitionedCall", "StatefulPartitionedCall", "If", "StatelessIf", "Case", "StatelessCase"),
}
"""Ops that run a function at most once."""
_QUICK: Final = {
    *("VarHandleOp", "ReadVariableOp", "VarIsInitializedOp", "VariableShape", "ResourceGather"),
    *("ResourceGatherNd", "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"),
    *("Variable", "VariableV2", "Assign", "AssignAdd", "AssignSub", "IsVariableInitialized"),
    *("HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2", "LookupTableFind"),
    *("LookupTableFindV2", "LookupTableSize", "LookupTableSizeV2", "MutableDenseHashTableV2"),
    *("Assert", "Print", "PrintV2", "Timestamp", "Multinomial", "RandomShuffle"),
    *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal"),
}
"""Ops with state that never wait for anything."""
_ENTRIES: Final = {"Enter", "RefEnter"}
_EXITS: Final = {"Exit", "RefExit"}
_SWITCHES: Final = {"Switch", "RefSwitch", "_SwitchN"}
_JOINS: Final = {"Merge", "RefMerge", *_EXITS}


class Loops:
    """Searches one graph.

    Args:
        graph_def: The graph, whose custom ops are loaded.
    """

    def __init__(self, graph_def: Any) -> None:
        self._nodes = {node.name: node for node in graph_def.node}
        self._functions = {function.signature.name: function for function in graph_def.library.function}
        self._known_functions: dict[str, bool] = {}
        self._known_ops: dict[str, bool] = {}
        self._without: set[str] = set()

    def behind(self, tensor: str) -> set[str]:
        """Returns the nodes that may loop or wait while a tensor is computed."""
        seen, found = set(), set()
        for name, node in self._sources(tensor, self._without):
            seen.add(name)
            if self._waits(node):
                found.add(name)
        if not found:
            self._without |= seen
        return found

    def outside(self, names: Iterable[str]) -> list[str]:
        """Returns the nodes that are not in a loop themselves, which other nodes may be put before."""
        consumers: dict[str, list[str]] = {}
        stack = []
        for node in self._nodes.values():
            for source in node.input:
                consumers.setdefault(_node_name(source), []).append(node.name)
            if not node.input:
                stack.append((node.name, 0))
        depths: dict[str, int] = {}
        while stack:
            name, depth = stack.pop()
            if name in depths:
                continue
            depths[name] = depth
            op = self._nodes[name].op
            inside = depth + (op in _ENTRIES) - (op in _EXITS)
            stack.extend((consumer, inside) for consumer in consumers.get(name, ()))
        return sorted(name for name in names if depths.get(name) == 0)

    def may_be_dead(self, tensor: str) -> bool:
        """Returns whether a tensor may have no value, as it is in a branch of a condition."""
        return any(node.op in _SWITCHES for _, node in self._sources(tensor, set(), _JOINS))

    def _sources(
        self, tensor: str, without: set[str], until: Iterable[str] = ()
    ) -> Iterator[tuple[str, Any]]:
        """Yields the nodes that a tensor is computed from."""
        stack, seen = [_node_name(tensor)], set(without)
        while stack:
            name = stack.pop()
            if name in seen or name not in self._nodes:
                continue
            seen.add(name)
            node = self._nodes[name]
            if node.op in until:
                continue
            yield name, node
            stack.extend(_node_name(source) for source in node.input)

    def _waits(self, node: Any) -> bool:
        if node.op in self._functions:
            return self._function_waits(node.op)
        if node.op in _CALLS:
            return any(self._function_waits(name) for name in _called(node))
        known = self._known_ops.get(node.op)
        if known is None:
            known = self._known_ops[node.op] = _op_waits(node.op)
        return known

    def _function_waits(self, name: str) -> bool:
        known = self._known_functions.get(name)
        if known is None:
            self._known_functions[name] = True  # A function that calls itself loops.
            function = self._functions.get(name)
            known = function is None or any(self._waits(node) for node in function.node_def)
            self._known_functions[name] = known
        return known


def _op_waits(name: str) -> bool:
    from tensorflow.core.framework import types_pb2
    from tensorflow.python.framework import op_def_registry

    if name in _QUICK:
        return False
    known = op_def_registry.get(name)
    if name in _LOOPS or known is None or known.is_stateful:
        return True
    values = (*known.input_arg, *known.output_arg)
    if any(value.is_ref or value.type in (types_pb2.DT_VARIANT, types_pb2.DT_RESOURCE) for value in values):
        return True
    return any(attr.type in ("func", "list(func)") for attr in known.attr)


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        for function in value.list.func:
            yield function.name


def _node_name(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
