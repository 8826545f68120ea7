"""Runs the checks that concern the nodes to be run."""

from __future__ import annotations

from collections.abc import Collection

from components.node import Inputs
from foundation.errors import DataError
from pipeline.document.loader import LoadedSpec
from pipeline.preflight import outputs, schema
from pipeline.preflight.memory import Memory
from pipeline.preflight.remarks import Remark, Review

READERS = frozenset({"MongoExampleGen", "Transform", "ExampleValidator"})
"""Nodes for whose errors a part of the export is looked at: where none of them runs, a run has looked at it before."""


def review(
    loaded: LoadedSpec,
    inputs: Inputs,
    nodes: Collection[str],
    remote: bool = False,
    memory: Memory | None = None,
) -> Review:
    """Looks for what would stop a run.

    Args:
        loaded: The document.
        inputs: What it refers to.
        nodes: The nodes to be run.
        remote: Whether to read from an export in a store, too.
        memory: What the same look found before.

    Raises:
        DataError: The export cannot be read.
        PenstockError: Anything else that an ingestion would end with at once.
    """
    wanted = frozenset(nodes)
    remarks = list(outputs.remarks(loaded, wanted))
    if "ExampleValidator" in wanted:
        remarks += schema.remarks(loaded, inputs)
    weighed = "Trainer" in wanted and isinstance(loaded.spec.train.class_weights, dict)
    if not wanted & READERS and not weighed:
        return Review(tuple(remarks))
    found = memory.recall() if memory else None
    skipped = "" if found is not None else _why_not(loaded, inputs, remote)
    if found is None and not skipped:
        found = _of_documents(loaded, inputs, wanted)
        if memory:
            memory.keep(found)
    return Review((*remarks, *(found or ())), skipped)


def _why_not(loaded: LoadedSpec, inputs: Inputs, remote: bool) -> str:
    from foundation.storage import is_remote

    data = loaded.spec.data
    if data.bigquery:
        return "the data come from a query"
    if data.changes is not None:
        return "the export holds changes, which are folded first"
    if not remote and any(is_remote(file.path) for file in inputs.data.files):
        return "the export is in a store; a run reads a part of it before it starts"
    return ""


def _of_documents(loaded: LoadedSpec, inputs: Inputs, wanted: frozenset[str]) -> list[Remark]:
    from components.mongo_example_gen.preview import preview, refusals
    from pipeline.preflight import label, types

    spec = loaded.spec
    seen = preview(spec.data, spec.ingested_fields(), inputs.data, loaded.folder)
    remarks: list[Remark] = []
    if "MongoExampleGen" in wanted:
        for error in refusals(seen, spec.data):
            remarks.append(Remark(error if seen.whole else _of_a_part(error, seen.documents), seen.whole))
    if not seen.labels:
        return remarks  # whatever else is wrong follows from that
    if "Transform" in wanted:
        remarks += types.remarks(loaded, seen)
    if wanted & {"Transform", "Trainer", "EvaluationGate"}:
        remarks += label.remarks(loaded, seen)
    return remarks


def _of_a_part(error: DataError, documents: int) -> DataError:
    subject = f"in {documents:,} documents of the export: {error.subject}"
    return DataError(subject, expected=error.expected, seen=error.seen, remedy=error.remedy)
