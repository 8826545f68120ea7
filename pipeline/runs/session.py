"""A loaded document with its lineage, runs and plan: what all commands share."""

from __future__ import annotations

import hashlib
import signal
import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from components.node import Inputs
from foundation.errors import PenstockError
from foundation.stores.mirror import in_store, mirror_of
from pipeline.code import installed_code
from pipeline.document.loader import LoadedSpec
from pipeline.document.production import resources_words
from pipeline.graph import Graph, make_graph
from pipeline.inputs import read_inputs
from pipeline.lineage.store import MlmdLineage
from pipeline.plan import Plan, Selection, make_plan
from pipeline.preflight.memory import Memory
from pipeline.preflight.remarks import Review, located, refuse
from pipeline.runners.base import Event, RunFailedError, deciding, runner_for
from pipeline.runners.job import Job
from pipeline.runs import leftovers
from pipeline.runs.book import NodeRecord, RunBook, RunRecord, new_run_id
from pipeline.runs.environment import code_version, installed_packages
from pipeline.runs.listener import RunListener
from pipeline.runs.lock import Hold, held
from pipeline.runs.sweep import sweep
from pipeline.task.signals import Terminated, heard


@dataclass(frozen=True)
class Session:
    """A loaded document and the files and folders that belong to it.

    Attributes:
        loaded: The document.
    """

    loaded: LoadedSpec

    def __post_init__(self) -> None:
        """Has every process of a run, wherever it is started, find the same metadata file."""
        spec = self.loaded.spec.with_metadata_at(self.loaded.folder)
        object.__setattr__(self, "loaded", replace(self.loaded, spec=spec))

    @property
    def root(self) -> Path:
        """Folder for artifacts, metadata, runs and logs; for a root in a store, its mirror on this machine."""
        if in_store(self.loaded.spec.root):
            return mirror_of(self.loaded.spec.root)
        return (self.loaded.folder / self.loaded.spec.root).resolve()

    @property
    def schema_file(self) -> Path:
        """Path of the reviewed schema, whether it exists or not."""
        path = self.loaded.folder / self.loaded.spec.schema_path()
        return path.parent.resolve() / path.name

    @property
    def runs(self) -> RunBook:
        """The records of all runs."""
        return RunBook(self.root)

    def lineage(self) -> MlmdLineage:
        """Returns a fresh view of ML Metadata."""
        return MlmdLineage(self.loaded.spec.metadata, self.root, self.loaded.spec.name)

    @cached_property
    def inputs(self) -> Inputs:
        """Reads what the document refers to: export, schema, earlier statistics.

        Raises:
            DataError: The export is missing or empty.
            StorageError: The schema cannot be read.
        """
        return read_inputs(self.loaded.spec, self.loaded.folder, self.schema_file, self.lineage)

    def graph(self) -> Graph:
        """Returns the nodes with their fingerprints."""
        return self._graph

    @cached_property
    def _graph(self) -> Graph:
        return make_graph(self.loaded.spec, self.inputs)

    def plan(self, selection: Selection | None = None) -> Plan:
        """Returns what a run would do."""
        return make_plan(self.graph(), self.lineage(), selection)

    def review(self, plan: Plan, remote: bool = False) -> Review:
        """Looks for what would stop the nodes of a plan, on a part of the export.

        Args:
            plan: What would run; nothing is read where nothing would.
            remote: Whether to read from an export in a store, too.

        Raises:
            PenstockError: The export or the schema cannot be read.
        """
        nodes = [n.node.id for n in plan.to_run]
        if not nodes:
            return Review()
        from pipeline.engines.checking import remarks
        from pipeline.preflight.review import review  # loads the checks, which an unchanged run does not need

        made = [self.graph().fingerprints[node] for node in nodes]
        code = installed_code().digest(["pipeline.preflight.review"])
        key = hashlib.sha256(" ".join([*made, code]).encode()).hexdigest()
        engines = located(self.loaded, remarks(self.loaded.spec, plan.beam, self.loaded.folder))
        found = review(self.loaded, self.inputs, nodes, remote, Memory(self.root, key))
        return replace(found, remarks=(*engines, *found.remarks))

    def costs(self, plan: Plan) -> list[str]:
        """Returns what decides the costs of a plan: of its Beam steps where they are paid by use, of its nodes under a scheduler.

        Args:
            plan: What would run.
        """
        from pipeline.engines.checking import costs

        spec = self.loaded.spec
        given = resources_words(spec.production, [n.node.id for n in plan.to_run])
        return [*costs(spec, plan.beam), *([given] if given and plan.to_run else [])]

    def run(self, selection: Selection, listener: RunListener) -> RunRecord:
        """Runs the nodes that need to run.

        Args:
            selection: The part that was requested.
            listener: Receives the plan and every event.

        Returns:
            The finished record; if nothing needed to run, its state is ``unchanged`` and nothing was written.

        Raises:
            RunFailedError: A node failed.
            LockedError: Another run holds the root.
            PenstockError: The run cannot end well, as a part of the export shows; nothing was written.
            KeyboardInterrupt: The user ended it; everything is closed by then.
            Terminated: SIGTERM ended it; everything is closed by then.
        """
        run = new_run_id()
        with heard(signal.SIGTERM), held(self.root, run) as lock:
            closed = sweep(self.loaded.spec, self.root)
            leftovers.sweep(self.loaded, self.root)
            plan = self.plan(selection)
            if plan.to_run:
                runner_for(self.loaded.spec.run.orchestrator).prepare()
            reviewed = self.review(plan, remote=True)
            refuse(reviewed.remarks)
            record = self._record(run, plan)
            listener.reviewed(reviewed)
            listener.planned(plan, closed, record)
            if not plan.to_run:
                record.state = "unchanged"
                return record
            self._carry_out(plan, record, listener, lock)
        return record

    def _record(self, run: str, plan: Plan) -> RunRecord:
        nodes = [
            NodeRecord(n.node.id, n.action, n.reason, execution=n.execution, inputs=list(n.node.inputs))
            for n in plan.nodes
        ]
        spec = self.loaded.spec
        return RunRecord(
            id=run,
            pipeline=spec.name,
            state="running",
            started=time.time(),
            document=spec.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            span=self.inputs.data.span,
            code=self._code(),
            nodes=nodes,
            notes=plan.notes,
        )

    def _code(self) -> str:
        own = (parts["user code"] for parts in self.graph().parts.values())
        return code_version(self.loaded.folder, self.loaded.files, own)

    def _carry_out(self, plan: Plan, record: RunRecord, listener: RunListener, lock: Hold) -> None:
        document, book = self.loaded.spec, self.runs
        record.packages = installed_packages()
        book.write(record)
        job = Job(document, self.inputs, self.root, record.id, book.path(record.id))
        failures = []
        ended = "failed"
        try:
            with closing(runner_for(document.run.orchestrator).execute(plan, job)) as events:
                for event in events:
                    failures += [event.failure] if event.failure else []
                    self._note(record, event)
                    listener.happened(event)
            if failure := deciding(failures):
                raise RunFailedError(failure)
            ended = "complete"
        except (KeyboardInterrupt, Terminated):
            ended = "interrupted"
            raise
        except PenstockError as error:
            record.error = str(error)
            raise
        finally:
            record.state, record.ended = ended, time.time()
            for node in record.nodes:
                node.state = "interrupted" if node.state == "running" else node.state
            book.write(record)
            if lock.still():  # else what is open belongs to the run that has it now
                sweep(document, self.root)

    def _note(self, record: RunRecord, event: Event) -> None:
        if event.node and not event.progress:
            node = record.node(event.node)
            node.state, node.seconds, node.execution = event.state, event.seconds, event.execution
            node.withheld, node.cpu = event.withheld, event.cpu
            self.runs.write(record)
