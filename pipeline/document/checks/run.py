"""Contradictions in the ``run`` section: Beam engines for nodes that no pipeline has, or that have no Beam steps."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from foundation.errors import near_miss
from pipeline.document.models import PipelineSpec

DEFAULT = "default"


def engines(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds engines for nodes that Beam does not run."""
    if isinstance(spec.run.beam, str):
        return
    from pipeline.nodes import NODES

    known = [node.id for node in NODES if node.beam]
    others = {node.id for node in NODES} - set(known)
    for name in spec.run.beam:
        if name == DEFAULT or name in known:
            continue
        what = f"{name} has no Beam steps" if name in others else f"no node {name!r}"
        guess = "" if name in others else near_miss(name, [DEFAULT, *known])
        remedy = guess or f"nodes with Beam steps are {', '.join(known)}, and {DEFAULT} stands for all others"
        yield Problem(("run", "beam", name), what, remedy=remedy, on_key=True)
