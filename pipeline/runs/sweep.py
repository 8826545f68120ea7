"""Cleans up after an interrupted run: closes executions that never ended and removes their partial output.

Only called while the root is locked, so no execution that is still running can be affected.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.document.models import PipelineSpec
from pipeline.lineage.changes import close_executions
from pipeline.runners.partial_outputs import remove_outputs
from pipeline.runs.book import RunBook


def sweep(spec: PipelineSpec, root: Path) -> list[str]:
    """Closes what an interrupted run left open.

    Returns:
        Nodes that were running when it ended, each once.
    """
    closed = _close_runs(root)
    for node, execution in close_executions(spec.metadata, root, spec.name, _of_tasks(root)):
        closed.append(node)
        remove_outputs(root / "artifacts" / node, execution)
    return list(dict.fromkeys(closed))


def _close_runs(root: Path) -> list[str]:
    book = RunBook(root)
    closed = []
    for record in book.written(alone=True):
        if record.state == "running" and not record.tasks:
            closed += record.interrupt()
            book.write(record)
    return closed


def _of_tasks(root: Path) -> set[str]:
    """Returns the runs of schedulers that have not ended: what they have open is at work, or they try it again."""
    return {record.id for record in RunBook(root).written() if record.tasks}
