"""Documents, graphs and lineages for tests that need no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.exports.source import InputFile, ResolvedInput
from components.node import Inputs
from pipeline.document.models import PipelineSpec
from pipeline.graph import Graph, make_graph
from pipeline.lineage.records import Artifact, Execution
from pipeline.lineage.store import MemoryLineage

DOCUMENT: dict[str, Any] = {
    "name": "learners",
    "data": {"mongo_export": "export.jsonl", "label": "retained"},
    "features": {"lessons": "zscore", "country": {"vocabulary": 10}},
    "evaluate": {"metrics": ["auc"], "slices": ["country"], "gates": {"auc": 0.7}},
    "push": {"to": "served"},
}


def resolved(fingerprint: str = "f1", span: int | None = None) -> ResolvedInput:
    """An export as it would be on disk."""
    return ResolvedInput(span, None, (InputFile("export.jsonl", 100, 0),), fingerprint)


@pytest.fixture
def graph_of(tmp_path: Path) -> Callable[..., Graph]:
    """Makes the graph of the document with some sections replaced."""

    def make(
        data: ResolvedInput | None = None,
        schema: str | None = None,
        previous: bool = False,
        key: str = "",
        new: ResolvedInput | None = None,
        **sections: Any,
    ) -> Graph:
        spec = PipelineSpec.model_validate({**DOCUMENT, **sections})
        return make_graph(spec, Inputs(tmp_path, data or resolved(), new, schema, previous, key))

    return make


def history_of(
    graph: Graph, folder: Path, run: str = "r1", seconds: float = 10.0, first: int = 1
) -> MemoryLineage:
    """A lineage in which every node of the graph has run once and written a file; ids count from ``first``."""
    import json

    keys = {
        node.id: {s.key for n in graph for s in n.sources.values() if s.node == node.id} for node in graph
    }
    ids = {node.id: number for number, node in enumerate(graph, start=first)}
    executions, artifacts = [], []
    for node in graph:
        number = ids[node.id]
        uri = folder / node.id / str(number)
        uri.mkdir(parents=True, exist_ok=True)
        artifacts.append(Artifact(number, "Model" if node.id == "Trainer" else "Thing", str(uri), "LIVE"))
        properties = {
            "penstock_fingerprint": graph.fingerprints[node.id],
            "penstock_parts": json.dumps(graph.parts[node.id]),
        }
        outputs = dict.fromkeys(keys[node.id], (number,))
        outputs = outputs or {"model" if node.id == "Trainer" else "out": (number,)}
        inputs = {key: (ids[source.node],) for key, source in node.sources.items()}
        executions.append(
            Execution(number, node.id, "COMPLETE", properties, run, 100.0, 100.0 + seconds, inputs, outputs)
        )
    return MemoryLineage(executions, artifacts)
