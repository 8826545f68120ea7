"""Builds and compiles a graph into a TFX pipeline and its intermediate representation (IR); knows no component."""

from __future__ import annotations

import json
from typing import Any

from tfx.dsl.compiler.compiler import Compiler
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration import pipeline_pb2

from components.node import Build, load
from pipeline.graph import Graph


def build(name: str, graph: Graph, at: Build) -> Pipeline:
    """Returns the TFX pipeline of a graph, without a Beam engine: its arguments are decided when a node runs.

    Args:
        name: Name of the pipeline.
        graph: The nodes.
        at: What the nodes are built from.
    """
    built: dict[str, Any] = {}
    for node in graph:
        channels = {key: built[s.node].outputs[s.key] for key, s in node.sources.items()}
        made = load(node.declared.build)(at, **channels).with_id(node.id)
        for before in node.after:
            made.add_upstream_node(built[before])
        built[node.id] = made
    return Pipeline(
        pipeline_name=name,
        pipeline_root=str(at.places.root),
        components=list(built.values()),
        enable_cache=False,
        # The connection may hold a password; runners read it from the environment, so the IR holds none.
        metadata_connection_config=None,
    )


def compile_ir(pipeline: Pipeline, graph: Graph) -> pipeline_pb2.Pipeline:
    """Compiles a pipeline and adds to each node what its execution records: fingerprint and node id."""
    ir = Compiler().compile(pipeline)
    for node in ir.nodes:
        parameters = node.pipeline_node.parameters.parameters
        node_id = node.pipeline_node.node_info.id
        remembered = {
            "penstock_node": node_id,
            "penstock_fingerprint": graph.fingerprints[node_id],
            "penstock_parts": json.dumps(graph.parts[node_id], sort_keys=True),
        }
        for key, value in remembered.items():
            parameters[key].field_value.string_value = value
    return ir
