"""News of labels: enough of them that the last training cannot have seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipeline.announce.news import News
from pipeline.lineage.trace import trace
from pipeline.nodes import NODES

if TYPE_CHECKING:
    from pipeline.announce.airflow import AssetEvent
    from pipeline.lineage.store import Lineage

_READERS = frozenset(node.id for node in NODES if node.reads_export)


@dataclass(frozen=True)
class Training:
    """The last training.

    Attributes:
        run: The run that trained.
        read_at: When its data began to be read, in seconds since the epoch: by this run or, where it was reused, by an earlier one.
    """

    run: str
    read_at: float


def last_training(lineage: Lineage) -> Training | None:
    """Returns the last training that came to its end, whether its model was blessed or not; None before the first."""
    executions = {one.id: one for one in lineage.executions()}
    known = lineage.artifacts()
    trained = [e for e in executions.values() if e.node == "Trainer" and e.state == "COMPLETE"]
    last = max(trained, key=lambda e: e.id, default=None)
    if last is None:
        return None
    made = (known[i] for ids in last.outputs.values() for i in ids if i in known)
    model = next(artifact for artifact in made if artifact.type == "Model")
    read = [executions[step.execution] for step in trace(lineage, model).back if step.node in _READERS]
    return Training(last.run, max((one.started for one in read), default=last.started))


def new_labels(experiments: Sequence[str], count: int, enough: int, training: Training | None) -> News:
    """Returns the news of labels.

    It is sent once for each training, and again when as many labels as make a training have come since it was sent:
    the run that it started may have failed.

    Args:
        experiments: Whose labels they are.
        count: Labels since the last training.
        enough: How many make a training: ``production.retrain.new_labels``.
        training: The last training.
    """
    since = datetime.fromtimestamp(training.read_at, UTC).isoformat() if training else None
    extra = {"labels": count, "since": since, "experiments": sorted(set(experiments))}

    def same(event: AssetEvent) -> bool:
        told = event.extra
        of_these = (
            "since" in told and told["since"] == since and told.get("experiments") == extra["experiments"]
        )
        return of_these and count < int(told["labels"]) + enough

    return News("labels", extra, same)
