"""A node of a run asks ML Metadata for what feeds it by one context, a resolver by its producer's."""

from __future__ import annotations

from pipeline.lineage.store import RUN_PROPERTY
from pipeline.runners.light import pipeline_pb2
from pipeline.runners.narrowing import TASK, narrow


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


def test_an_execution_notes_its_run() -> None:
    parameters = ir_of().nodes[0].pipeline_node.parameters.parameters
    assert parameters[RUN_PROPERTY].field_value.string_value == "r1"
