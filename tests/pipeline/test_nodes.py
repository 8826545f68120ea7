"""The list of nodes: each comes after what it uses, and its build function exists."""

from __future__ import annotations

import inspect

import pytest

from components.node import Declaration, Source, load
from pipeline.nodes import NODES


def test_ids_are_unique() -> None:
    assert len({n.id for n in NODES}) == len(NODES)


@pytest.mark.parametrize("node", NODES, ids=lambda n: n.id)
def test_a_node_comes_after_everything_it_can_use(node: Declaration) -> None:
    before = [n.id for n in NODES[: NODES.index(node)]]
    sources = [
        Source.parse(t)
        for given in node.inputs.values()
        for t in ((given,) if isinstance(given, str) else given)
    ]
    assert {s.node for s in sources} | set(node.after) <= set(before)


def test_an_input_takes_the_first_available_alternative() -> None:
    node = Declaration("N", "m:f", {"schema": ("A.schema", "B.schema"), "drift": "C.anomalies"})
    assert node.sources(["B"]) == {"schema": Source("B", "schema")}
    assert node.sources(["A", "B"]) == {"schema": Source("A", "schema")}


@pytest.mark.component
@pytest.mark.parametrize("node", NODES, ids=lambda n: n.id)
def test_a_node_is_built_by_a_function_that_takes_its_inputs(node: Declaration) -> None:
    parameters = inspect.signature(load(node.build)).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    assert takes_any or set(node.inputs) <= set(parameters)
