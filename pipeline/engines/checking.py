"""What the Beam engines of all nodes that would run have to say before: what would stop them, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.document.models import PipelineSpec
from pipeline.engines.base import Context, engine_for, only_here
from pipeline.preflight.remarks import Remark


def remarks(spec: PipelineSpec, nodes: Iterable[str], folder: Path = Path()) -> list[Remark]:
    """Returns what would stop the Beam steps of nodes, each reason once.

    Args:
        spec: The document.
        nodes: The nodes with Beam steps that would run.
        folder: Folder of the document.
    """
    found: dict[str, Remark] = {}
    for node in nodes:
        here = only_here(spec, node)
        context = Context(spec.name, node=node, root=spec.root, home=folder, only_here=here)
        for remark in engine_for(spec.run, node).check(spec.run, context):
            found.setdefault(str(remark), remark)
    return list(found.values())


def costs(spec: PipelineSpec, nodes: Iterable[str]) -> list[str]:
    """Returns what decides the costs of the nodes' Beam steps, each sentence once.

    Args:
        spec: The document.
        nodes: The nodes with Beam steps that would run.
    """
    engines = {spec.run.engine(node): engine_for(spec.run, node) for node in nodes}
    return [line for engine in engines.values() for line in engine.costs(spec.run)]
