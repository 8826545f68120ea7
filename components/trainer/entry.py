"""Enters Transform's graph where the fields of each type are joined already, past an input for each field.

A served model has its scalars side by side, or parses them in one operation. Through the front door each would become three
tensors (the values, places and shape of a sparse one), only to be joined behind it. TensorFlow Transform has no side door;
so the part of the graph behind the join is copied into the function that is being traced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import tensorflow as tf

from components.transform.joined import Values, join

PARTS = ("values", "rows", "fields", "batch")
"""Attributes of ``Values``; ``joined_string_rows`` is the name of one in the graph."""


def name_of(dtype: tf.DType, part: str) -> str:
    """Returns what a joined tensor is called in the graph."""
    return f"joined_{dtype.name}_{part}"


class Entry:
    """The part of Transform's graph behind the join.

    Args:
        graph: Graph of the loaded function.
        fields: Type → its fields in the order of their numbers.
        outputs: Name of a matrix → its tensor in the graph.
    """

    def __init__(
        self, graph: tf.Graph, fields: Mapping[tf.DType, Sequence[str]], outputs: Mapping[str, tf.Tensor]
    ) -> None:
        self._graph, self._fields, self._outputs = graph, dict(fields), dict(outputs)
        operations = {op.name.rpartition("/")[2]: op.name for op in graph.get_operations()}
        names = [name_of(dtype, part) for dtype in fields for part in PARTS]
        self._places = {name: operations[name] for name in names if name in operations}
        self.exists = len(self._places) == len(names)
        """Whether the graph has such a place; one that was made by names has not."""

    def join(self, raw: Mapping[str, tf.Tensor | tf.SparseTensor]) -> dict[str, tf.Tensor]:
        """Joins raw tensors, dense or sparse, as Transform does.

        Args:
            raw: Field → ``[batch]`` or ``[batch, width]``, sentinels included.
        """
        joined: dict[str, tf.Tensor] = {}
        for dtype, names in self._fields.items():
            values: Values = join([raw[name] for name in names])
            joined |= {name_of(dtype, part): getattr(values, part) for part in PARTS}
        return joined

    def matrices(self, joined: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Copies the part behind the join into the function that is being traced, and returns its outputs.

        Args:
            joined: Result of ``join``.
        """
        into = tf.compat.v1.get_default_graph()
        fed = {self._places[name]: tensor for name, tensor in joined.items()}
        captured = {inner.op.name: into.capture(outer) for outer, inner in self._graph.captures}
        held = {node.name for node in self._behind.node}
        given = tf.graph_util.import_graph_def(
            self._behind,
            input_map={f"{name}:0": tensor for name, tensor in (fed | captured).items() if name in held},
            return_elements=[tensor.name for tensor in self._outputs.values()],
            name="transform",
        )
        shaped = zip(self._outputs.items(), given, strict=True)
        return {name: tf.ensure_shape(tensor, like.shape) for (name, like), tensor in shaped}

    @cached_property
    def _behind(self) -> tf.compat.v1.GraphDef:
        """The nodes between the join and the outputs; what is fed is a placeholder.

        Raises:
            RuntimeError: An output depends on a field by another way than the join.
        """
        whole = self._graph.as_graph_def()
        nodes = {node.name: node for node in whole.node}
        fed = set(self._places.values()) | {inner.op.name for _, inner in self._graph.captures}
        wanted = _reached([tensor.op.name for tensor in self._outputs.values()], nodes, fed)
        inputs = {tensor.op.name for tensor in self._graph.inputs} - fed
        if around := sorted(wanted & inputs):
            raise RuntimeError(
                f"Transform's outputs depend on {', '.join(around)} by another way than the join"
            )
        behind = tf.compat.v1.GraphDef(versions=whole.versions, library=whole.library)
        for node in whole.node:
            if node.name in fed & wanted:
                behind.node.append(_placeholder(self._graph.get_operation_by_name(node.name).outputs[0]))
            elif node.name in wanted:
                kept = behind.node.add()
                kept.CopyFrom(node)
                kept.input[:] = [one for one in node.input if one[0] != "^" or one[1:] in wanted]
        return behind


def _reached(ends: Iterable[str], nodes: Mapping[str, tf.compat.v1.NodeDef], fed: set[str]) -> set[str]:
    """Returns the nodes that some depend on, up to those that are fed.

    What only has to run before does not count: it orders look-ups, the label's among them.
    """
    found, ahead = set[str](), list(ends)
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            if name not in fed:
                ahead += [one.partition(":")[0] for one in nodes[name].input if one[0] != "^"]
    return found


def _placeholder(tensor: tf.Tensor) -> tf.compat.v1.NodeDef:
    node = tf.compat.v1.NodeDef(name=tensor.op.name, op="Placeholder")
    node.attr["dtype"].type = tensor.dtype.as_datatype_enum
    return node
