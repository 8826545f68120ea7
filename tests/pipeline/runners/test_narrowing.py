"""A node of a run asks ML Metadata for what feeds it by one context, a resolver by its producer's."""

from __future__ import annotations

from pipeline.lineage.store import RUN_PROPERTY
from pipeline.runners.light import pipeline_pb2
from pipeline.runners.narrowing import TASK, narrow

RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


def ir_of(*queries: tuple[str, str]) -> pipeline_pb2.Pipeline:
    """Returns a pipeline whose Trainer asks Transform by some contexts, as TFX's compiler writes them."""
    ir = pipeline_pb2.Pipeline()
    ir.pipeline_info.id = "learners"
    ir.runtime_spec.pipeline_run_id.field_value.string_value = "r1"
    for name in ("Transform", "Trainer"):
        ir.nodes.add().pipeline_node.node_info.id = name
    channel = ir.nodes[1].pipeline_node.inputs.inputs["graph"].channels.add()
    channel.producer_node_query.id = "Transform"
    for kind, name in queries:
        query = channel.context_queries.add()
        query.type.name, query.name.field_value.string_value = kind, name
    narrow(ir)
    return ir


def asked(ir: pipeline_pb2.Pipeline) -> list[tuple[str, str]]:
    (channel,) = ir.nodes[1].pipeline_node.inputs.inputs["graph"].channels
    return [(q.type.name, q.name.field_value.string_value) for q in channel.context_queries]


PIPELINE, RUN, NODE = ("pipeline", "learners"), ("pipeline_run", "r1"), ("node", "learners.Transform")


def test_a_result_of_the_run_is_asked_for_by_its_nodes_own_context() -> None:
    ir = ir_of(PIPELINE, RUN, NODE)
    assert asked(ir) == [(TASK, "learners.r1.Transform")]
    (own,) = ir.nodes[0].pipeline_node.contexts.contexts
    assert (own.type.name, own.name.field_value.string_value) == (TASK, "learners.r1.Transform")


def test_results_of_all_runs_are_asked_for_by_their_node() -> None:
    assert asked(ir_of(PIPELINE, NODE)) == [NODE]


def test_what_names_no_node_or_another_run_stays() -> None:
    assert asked(ir_of(PIPELINE)) == [PIPELINE]
    assert asked(ir_of(PIPELINE, ("pipeline_run", "r0"), NODE)) == [PIPELINE, ("pipeline_run", "r0"), NODE]


def test_what_is_asked_for_by_type_is_asked_of_the_nodes_that_make_it() -> None:
    ir = pipeline_pb2.Pipeline()
    ir.pipeline_info.id = "learners"
    for name, kind in (("Trainer", "x.Trainer"), ("Baseline", RESOLVER)):
        node = ir.nodes.add().pipeline_node
        node.node_info.id, node.node_info.type.name = name, kind
        node.outputs.outputs["model"].artifact_spec.type.name = "Model"
    for wanted in ("Model", "ModelBlessing"):
        channel = ir.nodes[1].pipeline_node.inputs.inputs[wanted].channels.add()
        channel.artifact_query.type.name = wanted
        query = channel.context_queries.add()
        query.type.name, query.name.field_value.string_value = PIPELINE
    narrow(ir)
    inputs = ir.nodes[1].pipeline_node.inputs.inputs
    found = {
        key: [(q.type.name, q.name.field_value.string_value) for c in one.channels for q in c.context_queries]
        for key, one in inputs.items()
    }
    assert found == {"Model": [("node", "learners.Trainer")], "ModelBlessing": [PIPELINE]}


def test_an_execution_notes_its_run() -> None:
    parameters = ir_of().nodes[0].pipeline_node.parameters.parameters
    assert parameters[RUN_PROPERTY].field_value.string_value == "r1"
