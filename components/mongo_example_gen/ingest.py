"""An ingestion from resolved files to published splits: look, read, check, publish."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import apache_beam as beam

from components.mongo_example_gen import checks, quarantine
from components.mongo_example_gen.blocks import WorkItem, plan_items, recognise_all
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import Plan, settle_types
from components.mongo_example_gen.report import Origin, report, write_report
from components.mongo_example_gen.sampling import look_and_settle
from components.mongo_example_gen.source import ResolvedInput, verify_unchanged
from components.mongo_example_gen.tally import Tally, kinds_of
from components.mongo_example_gen.worker import DISTINCT_KEYS, IngestItem, Job, Outcome
from foundation.publish import published_file, storage_error

MAX_PASSES = 3
OUTCOMES_FILE = "outcomes.pickle"


@dataclass(frozen=True)
class Request:
    """One ingestion."""

    config: DataConfig
    plan: Plan
    source: ResolvedInput
    base_folder: Path
    output: Path
    """Folder of the Examples artifact."""


def ingest(request: Request, make_pipeline: Callable[[], Any]) -> dict[str, Any]:
    """Reads an export and publishes its splits and its report.

    Args:
        request: What to ingest and where to.
        make_pipeline: Gives a new Beam pipeline; its runner is not known here.

    Returns:
        The report, as written to ``ingestion.json``.

    Raises:
        DataError: The export, or what comes of it, is not as it must be.
        StorageError: Something cannot be read or written.
    """
    began = time.monotonic()
    verify_unchanged(request.source, request.base_folder)
    paths = request.source.absolute_paths(request.base_folder)
    known = recognise_all(
        [(path, file.path) for path, file in zip(paths, request.source.files, strict=True)],
        request.config.format,
        request.config.namespace,
    )
    items = plan_items(known)
    plan, sample = look_and_settle(items, request.plan)
    kept = request.base_folder / request.config.bad_documents.folder / request.source.fingerprint[:12]
    _clear(request.output)
    with _temporary_folder(request.output) as temporary:
        job = Job(plan, str(temporary), str(kept), request.config.bad_documents.quarantine)
        job, outcomes, passes = _read_until_settled(items, job, make_pipeline)
        tally = _sum(outcomes)
        verify_unchanged(request.source, request.base_folder)
        quarantine.publish(kept, [outcome.bad_files for outcome in outcomes])
        _check(request, job.plan, tally, outcomes, sample.paths, kept)
        _publish(outcomes, temporary, request.output, job.plan)
    origin = Origin(
        request.source, known[0][2].label, known[0][2].dialect, str(kept), passes, time.monotonic() - began
    )
    content = report(tally, job.plan, origin)
    write_report(request.output, content)
    return content


def _read_until_settled(
    items: list[WorkItem], job: Job, make_pipeline: Callable[[], Any]
) -> tuple[Job, list[Outcome], int]:
    """Reads the export; again with wider types when documents contradict the sample.

    One more pass is enough: each pass sees all kinds of values, whatever the types are.
    """
    passes = 0
    while True:
        passes += 1
        outcomes = _run(items, job, make_pipeline)
        wider = settle_types(job.plan, kinds_of(_sum(outcomes)))
        if wider == job.plan or passes == MAX_PASSES:
            return job, outcomes, passes
        job = replace(job, plan=wider)
        for outcome in outcomes:
            _discard(job, outcome)


def _run(items: list[WorkItem], job: Job, make_pipeline: Callable[[], Any]) -> list[Outcome]:
    target = str(Path(job.temporary) / OUTCOMES_FILE)
    with make_pipeline() as pipeline:
        (
            pipeline
            | "ListItems" >> beam.Create(items)
            | "IngestItems" >> beam.ParDo(IngestItem(job)).with_output_types(Any)
            | "CollectOutcomes" >> beam.combiners.ToList()
            | "KeepOutcomes" >> beam.Map(_keep_outcomes, target)
        )
    outcomes: list[Outcome] = pickle.loads(Path(target).read_bytes())
    for outcome in outcomes:
        if outcome.error is not None:
            for other in outcomes:
                _discard(job, other)
            raise outcome.error
    return sorted(outcomes, key=lambda outcome: outcome.index)


def _keep_outcomes(outcomes: list[Outcome], target: str) -> None:
    with published_file(target) as temporary:
        temporary.write_bytes(pickle.dumps(outcomes))


def _discard(job: Job, outcome: Outcome) -> None:
    for name in outcome.bad_files:
        (Path(job.quarantine) / name).unlink(missing_ok=True)
    for name in outcome.shards.values():
        (Path(job.temporary) / name).unlink(missing_ok=True)


def _sum(outcomes: list[Outcome]) -> Tally:
    total: Tally = Counter()
    for outcome in outcomes:
        total.update(outcome.tally)
    return total


def _check(
    request: Request, plan: Plan, tally: Tally, outcomes: list[Outcome], known_paths: set[str], kept: Path
) -> None:
    checks.check_accounting(tally)
    checks.check_bad_documents(tally, request.config.bad_documents, str(kept))
    checks.check_paths(tally, plan, known_paths)
    labels = set().union(*(outcome.label_marks for outcome in outcomes))
    checks.check_label(tally, plan, len(labels))
    keys = set().union(*(outcome.keys for outcome in outcomes))
    checks.check_splits(tally, plan, len(keys), DISTINCT_KEYS)


def _clear(output: Path) -> None:
    """Removes what an attempt that was killed left behind."""
    if not output.is_dir():
        return
    for entry in output.iterdir():
        if entry.name.startswith((".ingest-", "Split-")):
            shutil.rmtree(entry)


@contextlib.contextmanager
def _temporary_folder(output: Path) -> Any:
    folder = output / f".ingest-{uuid4().hex[:12]}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(outcomes: list[Outcome], temporary: Path, output: Path, plan: Plan) -> None:
    """Gives shards their names by rename; only those that outcomes name, whatever retries have left behind."""
    try:
        for split in plan.splits:
            names = [outcome.shards[split] for outcome in outcomes if split in outcome.shards]
            folder = output / f"Split-{split}"
            folder.mkdir(parents=True)
            for number, name in enumerate(names):
                os.replace(temporary / name, folder / f"data_tfrecord-{number:05d}-of-{len(names):05d}.gz")
    except OSError as error:
        raise storage_error(output, error) from error
