"""The record of each run: what was requested, what every node did, how it ended. One small file per run."""

from __future__ import annotations

import datetime
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from foundation.errors import DataError, near_miss
from foundation.publish import write_text
from foundation.result import Part, Result
from foundation.stores.mirror import address_of, in_store, mirror_of
from pipeline.runs.lock import running


@dataclass
class NodeRecord(Part):
    """What one node did in one run."""

    node: str
    """Its id."""
    action: str
    """The planned action: run, cached, skip, resolve."""
    reason: str
    """Why."""
    state: str = "planned"
    """planned, running, done, cached, failed, interrupted."""
    seconds: float = 0.0
    """Wall time."""
    execution: int | None = None
    """Id of its execution in ML Metadata."""
    inputs: list[str] = field(default_factory=list)
    """Nodes whose artifacts it uses."""
    withheld: str = ""
    """What it did not do although it ended well, such as ``nothing pushed``."""
    cpu: float = 0.0
    """User and system seconds of its process and all that this started; 0 where nobody counted them."""


@dataclass
class RunRecord(Result):
    """One run: what was requested, what every node did, how it ended."""

    FILE: ClassVar[str] = "run.json"
    REMEDY: ClassVar[str] = "remove the folder of that run; its artifacts stay"

    id: str
    """Its id; sorts by time."""
    pipeline: str
    """Name of the pipeline."""
    state: str
    """running, complete, failed, interrupted."""
    started: float
    """Seconds since the epoch."""
    ended: float = 0.0
    """Seconds since the epoch, 0 while it runs."""
    document: dict[str, Any] = field(default_factory=dict)
    """The whole document as it was used; a document cannot hold secrets."""
    span: int | None = None
    """Span of the export."""
    code: str = ""
    """Git commit of the user's project; without git ``sha256:`` and a digest of its document and own code."""
    packages: dict[str, str] = field(default_factory=dict)
    """Version of Python and of every installed package; missing in older records."""
    nodes: list[NodeRecord] = field(default_factory=list)
    """The nodes in order."""
    error: str = ""
    """The error that ended it, one line."""
    report: str = ""
    """Path of the HTML report; of a root in a store, its address."""
    notes: list[str] = field(default_factory=list)
    """What a person should know besides, such as a rollback that was respected."""
    tasks: bool = False
    """Whether a scheduler ran it, each node in a process of its own: then nobody holds the root, and only it ends the run."""
    same_as: str = ""
    """For a run with nothing to do: the recorded run of the same results, whose report is named here."""

    @property
    def seconds(self) -> float:
        """Wall time from start to end, 0 while it runs."""
        return max(0.0, self.ended - self.started)

    def interrupt(self) -> list[str]:
        """Notes that the run has ended by itself; returns the nodes that were running."""
        self.state = "interrupted"
        stopped = [node for node in self.nodes if node.state == "running"]
        for node in stopped:
            node.state = "interrupted"
        return [node.node for node in stopped]

    def node(self, node_id: str) -> NodeRecord:
        """Returns the record of a node."""
        return next(n for n in self.nodes if n.node == node_id)


class RunBook:
    """The records of all runs of one pipeline root; of a root in a store, those of other machines as well.

    Args:
        root: The pipeline root, or the mirror of one in a store.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "runs"

    def path(self, run: str) -> Path:
        """Returns the folder of a run."""
        return self.folder / run

    def write(self, record: RunRecord) -> None:
        """Writes a record; readers never see a partial one."""
        record.write(self.path(record.id))
        if in_store(address_of(self.folder)):
            from pipeline.roots.opening import open_root

            there = open_root(address_of(self.folder.parent))
            there.publish(f"{self.folder.name}/{record.id}/{RunRecord.FILE}", record.text().encode())

    def publish(self, record: RunRecord, page: Path) -> None:
        """Writes a record that points to the report of its run, which goes where all machines find it.

        Args:
            record: The record.
            page: The report, in the run's folder.
        """
        record.report = address_of(page)
        if in_store(record.report):
            from pipeline.roots.opening import open_root

            there = open_root(address_of(self.folder.parent))
            there.publish(f"{self.folder.name}/{record.id}/{page.name}", page.read_bytes())
        self.write(record)

    def report(self, record: RunRecord) -> str:
        """Returns where the report of a run is on this machine, to which it is brought if it is in a store."""
        if not in_store(record.report):
            return record.report
        from pipeline.roots.opening import open_root

        address, _, name = record.report.rpartition("/")
        page = mirror_of(record.report)
        if content := open_root(address).read(name):
            write_text(page, content.decode())
        return str(page) if page.exists() else record.report

    def all(self) -> list[RunRecord]:
        """Returns all runs, oldest first; one whose process has been killed is interrupted."""
        alive = running(self.folder.parent)
        records = self.written()
        for record in records:
            if record.state == "running" and record.id != alive and not record.tasks:
                record.interrupt()
        return records

    def written(self, alone: bool = False) -> list[RunRecord]:
        """Returns all runs as their records say, oldest first.

        Args:
            alone: Whether this process holds the root's lock, so that no run of another machine is alive.
        """
        if in_store(address_of(self.folder)):
            self._bring(alone)
        files = self.folder.glob(f"*/{RunRecord.FILE}")
        # Ids that a scheduler gives do not sort by time.
        return sorted((RunRecord.read(file.parent) for file in files), key=lambda one: (one.started, one.id))

    def _bring(self, alone: bool) -> None:
        """Brings the records that other machines have written; not those of runs which they alone know to be alive."""
        from pipeline.roots.opening import open_root

        there = open_root(address_of(self.folder.parent))
        for path in there.list(self.folder.name):
            run, _, name = path.removeprefix(f"{self.folder.name}/").partition("/")
            mine = RunRecord.find(self.path(run)) if name == RunRecord.FILE else None
            if name != RunRecord.FILE or (mine and mine.state != "running"):
                continue
            record = RunRecord.from_json(json.loads(there.read(path) or b"{}"))
            if alone or record.tasks or record.state != "running":
                record.write(self.path(run))

    def find(self, run: str | None = None) -> RunRecord:
        """Returns a run by its id or the start of one; without one, the newest.

        Raises:
            DataError: No run matches, or several do.
        """
        runs = self.all()
        found = [r for r in runs if r.id.startswith(run)] if run else runs[-1:]
        if len(found) == 1:
            return found[0]
        known = [r.id for r in runs]
        seen = f"{len(found)} of them" if found else near_miss(run or "", known) or f"{len(runs)} other runs"
        raise DataError(
            f"run {run or 'latest'}", expected="one run with that id", seen=seen, remedy="penstock runs"
        )


def new_run_id() -> str:
    """Returns an id that sorts by time and never repeats."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
