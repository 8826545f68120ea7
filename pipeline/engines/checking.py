"""Checks of the Beam engines of all nodes that would run."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.document.models import PipelineSpec
from pipeline.engines.base import Context, engine_for
from pipeline.preflight.remarks import Remark


def remarks(spec: PipelineSpec, nodes: Iterable[str]) -> list[Remark]:
    """Returns what would stop the Beam steps of nodes, each reason once.

    Args:
        spec: The document.
        nodes: The nodes with Beam steps that would run.
    """
    found: dict[str, Remark] = {}
    for node in nodes:
        for remark in engine_for(spec.run, node).check(spec.run, Context(spec.name, node=node)):
            found.setdefault(str(remark), remark)
    return list(found.values())
