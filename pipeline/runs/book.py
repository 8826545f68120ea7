"""The record of each run: what was asked, what every node did, how it ended. One small file a run."""

from __future__ import annotations

import datetime
import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from foundation.errors import DataError, near_miss
from foundation.publish import write_text


@dataclass
class NodeRecord:
    """What one node did in one run.

    Attributes:
        node: Its id.
        action: What was planned: run, cached, skip, resolve.
        reason: Why.
        state: planned, running, done, cached, failed, skipped.
        seconds: Wall time.
        execution: Id of its execution in ML Metadata.
        inputs: Nodes whose artifacts it takes.
    """

    node: str
    action: str
    reason: str
    state: str = "planned"
    seconds: float = 0.0
    execution: int | None = None
    inputs: list[str] = field(default_factory=list)


@dataclass
class RunRecord:
    """One run.

    Attributes:
        id: Its id; sorts by time.
        pipeline: Name of the pipeline.
        state: running, complete, failed, interrupted.
        started: Seconds since the epoch.
        ended: Seconds since the epoch, 0 while it runs.
        document: The whole document as it was used; holds no secret by construction.
        span: Span of the export.
        code: Version of the code of the person's project, where it is under git.
        nodes: The nodes in order.
        error: The error that ended it, one line.
        report: Path of the HTML report.
    """

    id: str
    pipeline: str
    state: str
    started: float
    ended: float = 0.0
    document: dict[str, Any] = field(default_factory=dict)
    span: int | None = None
    code: str = ""
    nodes: list[NodeRecord] = field(default_factory=list)
    error: str = ""
    report: str = ""

    @property
    def seconds(self) -> float:
        """Wall time from start to end, 0 while it runs."""
        return max(0.0, self.ended - self.started)

    def node(self, node_id: str) -> NodeRecord:
        """Returns the record of a node."""
        return next(n for n in self.nodes if n.node == node_id)


class RunBook:
    """All runs of one pipeline root.

    Args:
        root: The pipeline root.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "runs"

    def path(self, run: str) -> Path:
        """Returns the folder of a run."""
        return self.folder / run

    def write(self, record: RunRecord) -> None:
        """Writes a record; a reader never sees half of one."""
        write_text(self.path(record.id) / "run.json", json.dumps(asdict(record), indent=1))

    def all(self) -> list[RunRecord]:
        """Returns all runs, oldest first."""
        files = sorted(self.folder.glob("*/run.json"))
        return [_read(file) for file in files]

    def find(self, run: str | None = None) -> RunRecord:
        """Returns a run by its id or the beginning of it; without one, the newest.

        Raises:
            DataError: There is none, or several begin so.
        """
        runs = self.all()
        found = [r for r in runs if r.id.startswith(run)] if run else runs[-1:]
        if len(found) == 1:
            return found[0]
        known = [r.id for r in runs]
        seen = f"{len(found)} of them" if found else near_miss(run or "", known) or f"{len(runs)} other runs"
        raise DataError(
            f"run {run or 'latest'}", expected="one run of that id", seen=seen, remedy="penstock runs"
        )


def _read(file: Path) -> RunRecord:
    value = json.loads(file.read_text(encoding="utf-8"))
    return RunRecord(**{**value, "nodes": [NodeRecord(**n) for n in value["nodes"]]})


def new_run_id() -> str:
    """Returns an id that sorts by time and never repeats."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
