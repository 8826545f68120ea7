"""Reads one export: samples it, writes shards, checks the result and publishes the shards."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import apache_beam as beam

from components.exports import tally as count
from components.exports.blocks import WorkItem, plan_items, recognise_all, whole_files
from components.exports.changes.folding import Folded, fold_changes
from components.exports.formats.base import FileFormat, Known
from components.exports.source import ResolvedInput, verify_unchanged
from components.exports.tally import Tally, kinds_of
from components.mongo_example_gen import checks, quarantine
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.misfits import check_features, check_values
from components.mongo_example_gen.plan import Plan, settle_types
from components.mongo_example_gen.privacy.protect import check_rules
from components.mongo_example_gen.report import Origin
from components.mongo_example_gen.sampling import look
from components.mongo_example_gen.splits.dealing import GatherStrata
from components.mongo_example_gen.splits.strata import Strata, find_bounds
from components.mongo_example_gen.worker import DISTINCT_KEYS, IngestItem, Job, Outcome
from foundation.errors import PenstockError
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


@dataclass(frozen=True)
class Reading:
    """The result of reading one export."""

    plan: Plan
    """The plan with the types that were found."""
    tally: Tally
    labels: frozenset[str]
    """Digests of up to two different values of the label of each work item."""
    keys: int
    """Number of distinct split keys, up to a limit."""
    origin: Origin
    paths: set[str]
    """Dotted paths of fields found in a sample, for near misses."""


def read(
    request: Request,
    make_pipeline: Callable[[], Any],
    kinds: dict[str, set[str]],
    checked: Callable[[Reading], None] | None = None,
) -> Reading:
    """Reads an export into shards, with group digests if configured.

    Args:
        request: What to read and where to write.
        make_pipeline: Returns a new Beam pipeline.
        kinds: Feature → kinds of values in other spans, which the types must hold too.
        checked: Called with the result before it is published.

    Raises:
        DataError: The export is invalid, or its data fails a check.
        StorageError: Something cannot be read or written.
    """
    verify_unchanged(request.source, request.base_folder)
    paths = request.source.absolute_paths(request.base_folder)
    known = recognise_all(
        [(path, file.path) for path, file in zip(paths, request.source.files, strict=True)],
        request.config.format,
        request.config.namespace,
        may_be_empty=not request.plan.labelled,
    )
    with quarantine.workplace(request.base_folder / request.config.bad_documents.folder) as work:
        documents, bad = _last_states(request, known, work)
        found = known[0][2] if known else FileFormat("none")
        return _read_documents(request, documents, bad, found, work, make_pipeline, kinds, checked)


def _last_states(request: Request, known: Known, work: Path) -> tuple[Folded, tuple[str, ...]]:
    """Returns the files to read, with change events folded, and the files of bad events."""
    if request.config.changes is None or not known:
        return Folded(known, Counter()), ()
    folder = work / "changes"
    quarantine.make_private(folder)
    writer = quarantine.QuarantineWriter(work, request.config.bad_documents.quarantine)
    memory = request.config.changes.memory_mb * 2**20
    try:
        return fold_changes(known, folder, request.config.namespace, memory, writer.add), writer.close()
    except BaseException:
        writer.abort()
        raise


def _read_documents(
    request: Request,
    documents: Folded,
    bad_events: tuple[str, ...],
    found: FileFormat,
    work: Path,
    make_pipeline: Callable[[], Any],
    kinds: dict[str, set[str]],
    checked: Callable[[Reading], None] | None,
) -> Reading:
    kept = work.parent / request.source.fingerprint[:12]
    items = plan_items(documents.known)
    if not request.plan.labelled:  # predictions are in the order of the documents
        items = whole_files(items)
    sample = look(items, request.plan)
    plan = settle_types(request.plan, _both(sample.kinds, kinds))
    clear(request.output)
    with _temporary_folder(request.output) as temporary:
        job = Job(plan, str(temporary), str(work), request.config.bad_documents.quarantine)
        job, outcomes, passes = _read_until_settled(items, job, make_pipeline, kinds)
        tally = _sum(outcomes)
        tally.update(documents.tally)
        verify_unchanged(request.source, request.base_folder)
        checks.check_bytes(_sum(outcomes), documents.known)
        quarantine.publish(kept, work, [bad_events, *(outcome.bad_files for outcome in outcomes)])
        origin = Origin(request.source, found.kind, found.dialect, str(kept), passes)
        labels = frozenset().union(*(outcome.label_marks for outcome in outcomes))
        keys = len(set().union(*(outcome.keys for outcome in outcomes)))
        reading = Reading(job.plan, tally, labels, keys, origin, sample.paths)
        if checked is not None:
            checked(reading)
        _publish(outcomes, temporary, request.output, job.plan)
        _publish_groups(outcomes, temporary, request.output, job.plan)
    return reading


def _both(one: dict[str, set[str]], other: dict[str, set[str]]) -> dict[str, set[str]]:
    return {name: one.get(name, set()) | other.get(name, set()) for name in {*one, *other}}


def _read_until_settled(
    items: list[WorkItem], job: Job, make_pipeline: Callable[[], Any], kinds: dict[str, set[str]]
) -> tuple[Job, list[Outcome], int]:
    """Reads the export, and again with wider types if documents contradict the sample.

    One more pass is enough: each pass sees all kinds of values whatever the types.
    """
    passes = 0
    while True:
        passes += 1
        check_rules(job.plan)
        if job.plan.stratified and job.strata is None:
            job = replace(job, strata=_find_strata(items, job, make_pipeline))
        outcomes = _run(items, job, make_pipeline)
        wider = settle_types(job.plan, _both(kinds_of(_sum(outcomes)), kinds))
        if wider == job.plan or passes == MAX_PASSES:
            return job, outcomes, passes
        job = replace(job, plan=wider, strata=None)
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


def _find_strata(items: list[WorkItem], job: Job, make_pipeline: Callable[[], Any]) -> Strata:
    """Reads keys and strata of all documents and derives the bounds between splits."""
    target = str(Path(job.temporary) / "strata.pickle")
    with make_pipeline() as pipeline:
        (
            pipeline
            | "ListItemsForStrata" >> beam.Create(items)
            | "GatherStrata" >> beam.ParDo(GatherStrata(job.plan, job.temporary)).with_output_types(Any)
            | "CollectStrata" >> beam.combiners.ToList()
            | "KeepStrata" >> beam.Map(_keep_outcomes, target)
        )
    gathered: list[str | PenstockError] = pickle.loads(Path(target).read_bytes())
    for result in gathered:
        if isinstance(result, PenstockError):
            raise result
    folder = Path(job.temporary)
    files = [folder / str(name) for name in sorted(map(str, gathered))]
    strata = find_bounds(files, folder, job.plan.shares)
    for file in files:
        file.unlink()
    return strata


def _keep_outcomes(outcomes: list[Any], target: str) -> None:
    with published_file(target) as temporary:
        temporary.write_bytes(pickle.dumps(outcomes))


def _discard(job: Job, outcome: Outcome) -> None:
    for name in outcome.bad_files:
        (Path(job.quarantine) / name).unlink(missing_ok=True)
    for name in outcome.shards.values():
        (Path(job.temporary) / name).unlink(missing_ok=True)


def _sum(outcomes: list[Outcome]) -> Tally:
    return sum_of(outcome.tally for outcome in outcomes)


def sum_of(tallies: Iterable[Tally]) -> Tally:
    """Sums tallies."""
    total: Tally = Counter()
    for tally in tallies:
        total.update(tally)
    return total


def check(request: Request, readings: Sequence[Reading]) -> None:
    """Checks all readings together.

    Raises:
        DataError: A check fails.
    """
    plan, tally = readings[-1].plan, sum_of(reading.tally for reading in readings)
    checks.check_accounting(tally)
    if not plan.labelled and not tally[count.READ]:
        return  # a day without documents to predict for
    checks.check_bad_documents(tally, request.config.bad_documents, readings[-1].origin.quarantine)
    known = set().union(*(reading.paths for reading in readings))
    checks.check_paths(tally, plan, known)
    check_features(tally, plan, known)
    checks.check_label(tally, plan, len(frozenset().union(*(reading.labels for reading in readings))))
    check_values(tally, plan, request.config.misfits)
    checks.check_split_key(tally, plan, known)
    checks.check_splits(tally, plan, max(reading.keys for reading in readings), DISTINCT_KEYS)


def clear(output: Path) -> None:
    """Removes the remains of a killed attempt."""
    if not output.is_dir():
        return
    for entry in output.iterdir():
        if entry.name.startswith((".ingest-", "Split-")):
            shutil.rmtree(entry)
        elif entry.name.startswith("groups-"):
            entry.unlink()


@contextlib.contextmanager
def _temporary_folder(output: Path) -> Any:
    folder = output / f".ingest-{uuid4().hex[:12]}"
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _publish(outcomes: list[Outcome], temporary: Path, output: Path, plan: Plan) -> None:
    """Renames the shards that outcomes name, ignoring remains of retried attempts."""
    try:
        for split in plan.splits:
            names = [outcome.shards[split] for outcome in outcomes if split in outcome.shards]
            folder = output / f"Split-{split}"
            folder.mkdir(parents=True)
            for number, name in enumerate(names):
                os.replace(temporary / name, folder / f"data_tfrecord-{number:05d}-of-{len(names):05d}.gz")
    except OSError as error:
        raise storage_error(output, error) from error


def group_files(folder: Path, plan: Plan) -> dict[str, Path]:
    """Returns split → file with the quasi-identifier digests of its rows; empty if none are declared."""
    if not plan.privacy.quasi_identifiers:
        return {}
    return {split: folder / f"groups-{split}.u64" for split in plan.splits}


def _publish_groups(outcomes: list[Outcome], temporary: Path, output: Path, plan: Plan) -> None:
    for split, target in group_files(output, plan).items():
        with published_file(target) as unfinished, unfinished.open("wb") as out:
            for outcome in outcomes:
                if split in outcome.groups:
                    with (temporary / outcome.groups[split]).open("rb") as file:
                        shutil.copyfileobj(file, out)
