"""The few changes made to ML Metadata outside a node: closing executions, marking artifacts as deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import asked, open_store, read_file

_OPEN = ("NEW", "RUNNING", "UNKNOWN")
"""States of an execution that has not ended."""


def close_executions(
    config: MetadataConfig, root: Path, pipeline: str, spared: Collection[str] = ()
) -> list[tuple[str, int]]:
    """Marks executions that never ended as cancelled.

    Args:
        config: Where the store is.
        root: Folder of the SQLite file unless the config names one.
        pipeline: Name of the pipeline.
        spared: Runs whose executions are left as they are.

    Returns:
        Node and execution id of each.

    Raises:
        MetadataError: The store does not answer, or has another version.
    """
    read = read_file(config, root, pipeline)
    if read is not None and not any(e.state in _OPEN and e.run not in spared for e in read[0]):
        return []
    from ml_metadata.proto import metadata_store_pb2 as pb

    with asked(config):
        store = open_store(config, root)
        context = store.get_context_by_type_and_name("pipeline", pipeline)
        executions = store.get_executions_by_context(context.id) if context else []
        others = _executions_of(store, spared)
        left = [e for e in executions if pb.Execution.State.Name(e.last_known_state) in _OPEN]
        left = [e for e in left if e.id not in others]
        for execution in left:
            execution.last_known_state = pb.Execution.CANCELED
        store.put_executions(left)
    return [(e.custom_properties["penstock_node"].string_value, e.id) for e in left]


def cancel(config: MetadataConfig, root: Path, run: str, node: str) -> list[int]:
    """Marks a node's executions in one run that have not ended as cancelled, and returns their ids.

    Raises:
        MetadataError: The store does not answer, or has another version.
    """
    from ml_metadata.proto import metadata_store_pb2 as pb

    with asked(config):
        store = open_store(config, root)
        context = store.get_context_by_type_and_name("pipeline_run", run)
        found = store.get_executions_by_context(context.id) if context else []
        mine = [e for e in found if e.custom_properties["penstock_node"].string_value == node]
        left = [e for e in mine if pb.Execution.State.Name(e.last_known_state) in _OPEN]
        for execution in left:
            execution.last_known_state = pb.Execution.CANCELED
        store.put_executions(left)
    return [int(e.id) for e in left]


def _executions_of(store: Any, runs: Collection[str]) -> set[int]:
    """Returns the executions of some runs."""
    contexts = [store.get_context_by_type_and_name("pipeline_run", run) for run in runs]
    return {e.id for context in contexts if context for e in store.get_executions_by_context(context.id)}


def mark_deleted(config: MetadataConfig, root: Path, artifacts: Sequence[int]) -> None:
    """Marks artifacts as deleted.

    Raises:
        MetadataError: The store does not answer, or has another version.
    """
    from ml_metadata.proto import metadata_store_pb2 as pb

    with asked(config):
        store = open_store(config, root)
        found = store.get_artifacts_by_id(artifacts)
        for artifact in found:
            artifact.state = pb.Artifact.DELETED
        store.put_artifacts(found)
