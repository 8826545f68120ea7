"""After an interrupted run: executions that never ended are closed, and what they half wrote is removed.

Only called while the lock of the root is held, so nothing that is running can be meant.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.document.models import PipelineSpec
from pipeline.lineage.store import asked, is_absent, open_store
from pipeline.runs.book import RunBook


def sweep(spec: PipelineSpec, root: Path) -> list[str]:
    """Closes what an interrupted run left open.

    Returns:
        Nodes that were at work when it ended, each once.
    """
    closed = _close_runs(root)
    if not is_absent(spec.metadata, root):
        with asked(spec.metadata):
            closed += _close_executions(spec, root)
    return list(dict.fromkeys(closed))


def _close_runs(root: Path) -> list[str]:
    book = RunBook(root)
    closed = []
    for record in book.all():
        if record.state == "running":
            record.state = "interrupted"
            for node in (n for n in record.nodes if n.state == "running"):
                node.state = "interrupted"
                closed.append(node.node)
            book.write(record)
    return closed


def _close_executions(spec: PipelineSpec, root: Path) -> list[str]:
    from ml_metadata.proto import metadata_store_pb2 as pb

    store = open_store(spec.metadata, root)
    context = store.get_context_by_type_and_name("pipeline", spec.name)
    executions = store.get_executions_by_context(context.id) if context else []
    open_states = (pb.Execution.NEW, pb.Execution.RUNNING, pb.Execution.UNKNOWN)
    left = [e for e in executions if e.last_known_state in open_states]
    closed = []
    for execution in left:
        execution.last_known_state = pb.Execution.CANCELED
        node = execution.custom_properties["penstock_node"].string_value
        closed.append(node)
        _remove_outputs(root / "artifacts" / node, execution.id)
    if left:
        store.put_executions(left)
    return closed


def _remove_outputs(folder: Path, execution: int) -> None:
    for place in [*folder.glob(f"*/{execution}"), *folder.glob(f".system/*/{execution}")]:
        shutil.rmtree(place)
