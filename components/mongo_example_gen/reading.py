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
from foundation.storage import locate
from foundation.stores.exchange import Exchange, workbench

MAX_PASSES = 3
OUTCOMES_FILE, STRATA_FILE = "outcomes.pickle", "strata.pickle"


@dataclass(frozen=True)
class Request:
    """One ingestion."""

    config: DataConfig
    plan: Plan
    source: ResolvedInput
    base_folder: Path
    output: Path
    """Folder of the Examples artifact."""
    exchange: str = ""
    """Address beneath which workers write that do not see this machine's disk; empty: they see it."""


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
        shards = Exchange(temporary, request.exchange and f"{request.exchange}/shards")
        bad = Exchange(work, request.exchange and f"{request.exchange}/bad")
        job = Job(plan, shards.there, bad.there, request.config.bad_documents.quarantine)
        reader = _Reader(_within_reach(items, bad), make_pipeline, shards, bad)
        job, outcomes, passes = reader.until_settled(job, kinds)
        reader.pick_up(outcomes)
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


def _within_reach(items: list[WorkItem], exchange: Exchange) -> list[WorkItem]:
    """Returns the items with files that workers elsewhere do not see laid out for them, under their names in reports."""
    paths = {part.path for item in items for part in item.parts}
    there = {path: exchange.lay_out(locate(path)) for path in sorted(paths)}
    parts = (tuple(replace(part, path=there[part.path]) for part in item.parts) for item in items)
    return [replace(item, parts=found) for item, found in zip(items, parts, strict=True)]


@dataclass(frozen=True)
class _Reader:
    """Reads all work items with Beam, as often as it takes."""

    items: list[WorkItem]
    make_pipeline: Callable[[], Any]
    shards: Exchange
    bad: Exchange
    """For bad documents, and for documents that workers elsewhere do not see otherwise."""

    def until_settled(self, job: Job, kinds: dict[str, set[str]]) -> tuple[Job, list[Outcome], int]:
        """Reads the export, and again with wider types if documents contradict the sample.

        One more pass is enough: each pass sees all kinds of values whatever the types.
        """
        passes = 0
        while True:
            passes += 1
            check_rules(job.plan)
            if job.plan.stratified and job.strata is None:
                job = replace(job, strata=self._find_strata(job))
            outcomes = self._run(job)
            wider = settle_types(job.plan, _both(kinds_of(_sum(outcomes)), kinds))
            if wider == job.plan or passes == MAX_PASSES:
                return job, outcomes, passes
            job = replace(job, plan=wider, strata=None)
            self._discard(outcomes)

    def pick_up(self, outcomes: list[Outcome]) -> None:
        """Brings what workers elsewhere have written to this machine's disk."""
        self.shards.pick_up(
            [name for one in outcomes for name in (*one.shards.values(), *one.groups.values())]
        )
        bad = [name for one in outcomes for name in one.bad_files]
        if bad and self.bad.address:
            quarantine.make_private(self.bad.here)
        for file in self.bad.pick_up(bad):
            file.chmod(0o600)

    def _run(self, job: Job) -> list[Outcome]:
        with self.make_pipeline() as pipeline:
            (
                pipeline
                | "ListItems" >> beam.Create(self.items)
                | "IngestItems" >> beam.ParDo(IngestItem(job)).with_output_types(Any)
                | "CollectOutcomes" >> beam.combiners.ToList()
                | "KeepOutcomes" >> beam.Map(_keep, self.shards.there, OUTCOMES_FILE)
            )
        outcomes: list[Outcome] = self._kept(OUTCOMES_FILE)
        for outcome in outcomes:
            if outcome.error is not None:
                self._discard(outcomes)
                raise outcome.error
        return sorted(outcomes, key=lambda outcome: outcome.index)

    def _find_strata(self, job: Job) -> Strata:
        """Reads keys and strata of all documents and derives the bounds between splits."""
        with self.make_pipeline() as pipeline:
            (
                pipeline
                | "ListItemsForStrata" >> beam.Create(self.items)
                | "GatherStrata"
                >> beam.ParDo(GatherStrata(job.plan, self.shards.there)).with_output_types(Any)
                | "CollectStrata" >> beam.combiners.ToList()
                | "KeepStrata" >> beam.Map(_keep, self.shards.there, STRATA_FILE)
            )
        gathered: list[str | PenstockError] = self._kept(STRATA_FILE)
        for result in gathered:
            if isinstance(result, PenstockError):
                raise result
        files = self.shards.pick_up(sorted(map(str, gathered)))
        strata = find_bounds(files, self.shards.here, job.plan.shares)
        for file in files:
            file.unlink()
        return replace(strata, mixed=self.shards.lay_out(Path(strata.mixed)))

    def _kept(self, name: str) -> Any:
        (file,) = self.shards.pick_up([name])
        return pickle.loads(file.read_bytes())

    def _discard(self, outcomes: list[Outcome]) -> None:
        self.bad.remove([name for one in outcomes for name in one.bad_files])
        self.shards.remove([name for one in outcomes for name in one.shards.values()])


def _keep(found: list[Any], there: str, name: str) -> None:
    """Keeps what the workers have returned where the node picks it up."""
    with workbench(there) as folder, published_file(folder / name) as temporary:
        temporary.write_bytes(pickle.dumps(found))


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
