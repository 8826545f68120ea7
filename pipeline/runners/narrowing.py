"""Has nodes look up in ML Metadata what they need and no more, however many runs there have been.

TFX finds a node's execution, and what fed it, by its contexts: it reads all executions of the pipeline, all of the run
and all of the node over all runs, and keeps those that are in each. Here every node of a run gets one context more, its
own, and those who read from it ask for that one alone.
"""

from __future__ import annotations

from typing import Any

from pipeline.lineage.store import RUN_PROPERTY
from pipeline.runners.light import pipeline_pb2

TASK = "penstock.task"
"""Type of the context of one node in one run."""
_PIPELINE, _RUN, _NODE = "pipeline", "pipeline_run", "node"
"""TFX's types of contexts."""
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"
"""Type of the nodes that make no artifacts."""


def narrow(ir: pipeline_pb2.Pipeline) -> None:
    """Adds each node's own context to a compiled pipeline and has its readers ask for that; executions note their run.

    What a resolver finds over all runs is asked for by the node that made it, whose context names the pipeline. Where it
    names only a type, the nodes of this pipeline that make that type are asked; if none does, everything is read.

    Args:
        ir: The compiled pipeline of one run; changed in place.
    """
    run = ir.runtime_spec.pipeline_run_id.field_value.string_value
    for node in (one.pipeline_node for one in ir.nodes):
        own = node.contexts.contexts.add()
        own.type.name = TASK
        own.name.field_value.string_value = _name(ir, run, node.node_info.id)
        node.parameters.parameters[RUN_PROPERTY].field_value.string_value = run
        for given in node.inputs.inputs.values():
            made = [part for channel in given.channels for part in _by_producer(ir, channel)]
            del given.channels[:]
            given.channels.extend(made)
            for channel in given.channels:
                _narrow_channel(ir, run, channel)


def _by_producer(ir: pipeline_pb2.Pipeline, channel: Any) -> list[Any]:
    """Returns a channel for each node that makes what is asked for by type alone; the channel itself if none does."""
    if [query.type.name for query in channel.context_queries] != [_PIPELINE]:
        return [channel]
    wanted, parts = channel.artifact_query.type.name, []
    for node in (one.pipeline_node for one in ir.nodes):
        given = {output.artifact_spec.type.name for output in node.outputs.outputs.values()}
        if wanted in given and node.node_info.type.name != _RESOLVER:
            part = pipeline_pb2.InputSpec.Channel()
            part.CopyFrom(channel)
            query = part.context_queries.add()
            query.type.name = _NODE
            query.name.field_value.string_value = f"{ir.pipeline_info.id}.{node.node_info.id}"
            parts.append(part)
    return parts or [channel]


def _narrow_channel(ir: pipeline_pb2.Pipeline, run: str, channel: Any) -> None:
    asked = {query.type.name: query for query in channel.context_queries}
    if asked.keys() == {_PIPELINE, _RUN, _NODE} and _value(asked[_RUN]) == run:
        del channel.context_queries[:]
        query = channel.context_queries.add()
        query.type.name = TASK
        query.name.field_value.string_value = _name(ir, run, channel.producer_node_query.id)
    elif asked.keys() == {_PIPELINE, _NODE}:
        channel.context_queries.remove(asked[_PIPELINE])


def _value(query: Any) -> str:
    return str(query.name.field_value.string_value)


def _name(ir: pipeline_pb2.Pipeline, run: str, node: str) -> str:
    return f"{ir.pipeline_info.id}.{run}.{node}"
