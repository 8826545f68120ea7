"""Compiles a job's document to TFX's intermediate representation, once per run, in a process the runner chooses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from components.node import Build, Places
from foundation.publish import published_file
from pipeline.build import build, compile_ir
from pipeline.graph import make_graph
from pipeline.runners.job import Job


def compile_job(job: Job, nodes: Collection[str] | None = None) -> pipeline_pb2.Pipeline:
    """Returns the compiled pipeline of a run.

    Args:
        job: The run.
        nodes: The nodes that it needs, with all that they depend on; others would only be imported. None: all.
    """
    at = Build(job.document, job.inputs, Places(job.root / "artifacts", job.root / "tuning"))
    graph = make_graph(job.document, job.inputs)
    if nodes is not None:
        graph = replace(graph, nodes=tuple(node for node in graph if node.id in nodes))
    ir = compile_ir(build(job.document.name, graph, at), graph)
    runtime_parameter_utils.substitute_runtime_parameter(ir, {"pipeline-run-id": job.run})
    return ir


def write_ir(job: Job, nodes: Collection[str] | None = None) -> None:
    """Compiles the needed nodes of a job and writes the result for the other processes to read."""
    with published_file(job.ir_file) as temporary:
        temporary.write_bytes(compile_job(job, nodes).SerializeToString(deterministic=True))
