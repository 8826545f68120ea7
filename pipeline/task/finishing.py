"""The end of a run whose nodes run in processes of their own: whichever is last writes the report."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from foundation.errors import PenstockError
from pipeline.bundle.binding import Bound
from pipeline.document.models import PipelineSpec
from pipeline.lineage.store import MlmdLineage
from pipeline.report import write_run_report
from pipeline.roots.base import Root
from pipeline.runners.job import Job
from pipeline.runs.book import RunBook, RunRecord
from pipeline.runs.finish import finish
from pipeline.task.planned import Planned
from pipeline.task.record import write_record
from pipeline.task.request import Request

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobPlace:
    """Where the run of a job belongs, as reports see it.

    Attributes:
        job: The run.
    """

    job: Job

    @property
    def loaded(self) -> JobPlace:
        """The document and its folder."""
        return self

    @property
    def spec(self) -> PipelineSpec:
        """The document."""
        return self.job.document

    @property
    def folder(self) -> Path:
        """The folder that relative paths of data start from."""
        return self.job.inputs.folder

    @property
    def root(self) -> Path:
        """The pipeline root."""
        return self.job.root

    @property
    def schema_file(self) -> Path:
        """Path of the reviewed schema, beside which an inferred one waits for review."""
        return self.folder / self.spec.schema_path()

    @property
    def runs(self) -> RunBook:
        """The records of all runs."""
        return RunBook(self.root)

    def lineage(self) -> MlmdLineage:
        """Returns a fresh view of ML Metadata."""
        return MlmdLineage(self.spec.metadata, self.root, self.spec.name)


def finished(root: Root, request: Request, planned: Planned, bound: Bound) -> RunRecord:
    """Brings the run's record up to date after a node has ended, and writes the report if the run has.

    A report that cannot be written does not change how the node ended: the log says why, and the node's next try, or any
    other node of the run that ends, writes it.

    Returns:
        The record.
    """
    record = write_record(root, request, planned)
    try:
        _report(record, JobPlace(bound.job))
    except PenstockError as error:
        log.warning("no report of run %s: %s", request.run, error)
    return record


def _report(record: RunRecord, place: JobPlace) -> None:
    if record.state == "complete":
        for said in finish(place, record):
            log.info("%s", said)
    elif record.state == "failed":
        place.runs.publish(record, write_run_report(place, record))
