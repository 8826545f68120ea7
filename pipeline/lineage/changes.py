"""The few changes made to ML Metadata outside a node: closing executions, marking artifacts as deleted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.document.models import MetadataConfig
from pipeline.lineage.store import asked, open_store, read_file

_OPEN = ("NEW", "RUNNING", "UNKNOWN")
"""States of an execution that has not ended."""


def close_executions(config: MetadataConfig, root: Path, pipeline: str) -> list[tuple[str, int]]:
    """Marks executions that never ended as cancelled.

    Returns:
        Node and execution id of each.

    Raises:
        MetadataError: The store does not answer, or has another version.
    """
    read = read_file(config, root, pipeline)
    if read is not None and not any(execution.state in _OPEN for execution in read[0]):
        return []
    from ml_metadata.proto import metadata_store_pb2 as pb

    with asked(config):
        store = open_store(config, root)
        context = store.get_context_by_type_and_name("pipeline", pipeline)
        executions = store.get_executions_by_context(context.id) if context else []
        left = [e for e in executions if pb.Execution.State.Name(e.last_known_state) in _OPEN]
        for execution in left:
            execution.last_known_state = pb.Execution.CANCELED
        store.put_executions(left)
    return [(e.custom_properties["penstock_node"].string_value, e.id) for e in left]


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
