"""Turns one work item into shards: read, convert, split, encode, write; safe to retry.

Each attempt writes under its own temporary names and only files named in the outcome are published, so a retried bundle
leaves nothing behind that looks like a result.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO
from uuid import uuid4

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.metrics import Metrics
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.exports import tally as count
from components.exports.arrow import list_array
from components.exports.blocks import WorkItem, check_bad, read_part
from components.exports.changes.undeclared import refuse_changes
from components.exports.groups import GROUP_FEATURE, group_numbers
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.convert import convert_block
from components.mongo_example_gen.columnar.fitting import Shapes
from components.mongo_example_gen.columnar.rows import Rows, in_order
from components.mongo_example_gen.keyed import Keys
from components.mongo_example_gen.plan import EVALUATED_SPLIT, Plan
from components.mongo_example_gen.privacy.groups import group_digests
from components.mongo_example_gen.privacy.protect import Door
from components.mongo_example_gen.quarantine import QuarantineWriter
from components.mongo_example_gen.shards import ShardWriter
from components.mongo_example_gen.splits.assigning import dealt
from components.mongo_example_gen.splits.strata import Strata
from foundation.errors import PenstockError
from foundation.privacy import read_key
from foundation.publish import storage_error
from foundation.stores.exchange import workbench

DISTINCT_KEYS = 1000
"""Distinct split keys are counted up to this limit."""


@dataclass(frozen=True)
class Job:
    """Settings shared by all work items."""

    plan: Plan
    temporary: str
    """Where shards go under temporary names: ``Exchange.there``."""
    quarantine: str
    """Where bad documents go under temporary names: ``Exchange.there`` of a private folder."""
    keep_documents: bool
    strata: Strata | None = None
    """Bounds of the strata, where splits are stratified."""


@dataclass
class Outcome:
    """The result of one work item."""

    index: int
    tally: Tally = field(default_factory=Counter)
    shards: dict[str, str] = field(default_factory=dict)
    """Split → temporary name, for splits with rows."""
    groups: dict[str, str] = field(default_factory=dict)
    """Split → temporary name of its quasi-identifier digests."""
    bad_files: tuple[str, ...] = ()
    label_marks: set[str] = field(default_factory=set)
    """Digests of up to two different values of the label."""
    keys: set[str] = field(default_factory=set)
    """Digests of split keys, up to ``DISTINCT_KEYS``."""
    error: PenstockError | None = None


@contextlib.contextmanager
def _without_search_for_cycles() -> Iterator[None]:
    """Turns the garbage collector off: documents have no cycles, and a search would visit all objects of TensorFlow and Beam."""
    searching = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searching:
            gc.enable()


class IngestItem(beam.DoFn):
    """Ingests work items; data errors are returned as outcomes so that Beam does not alter their messages."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def process(self, item: WorkItem) -> Iterator[Outcome]:
        """Yields the outcome of one item."""
        try:
            outcome = self._ingested(item)
        except PenstockError as error:
            outcome = Outcome(item.index, error=error)
        except OSError as error:
            outcome = Outcome(item.index, error=storage_error(self._job.temporary, error))
        yield outcome

    def _ingested(self, item: WorkItem) -> Outcome:
        with workbench(self._job.temporary) as shards, workbench(self._job.quarantine) as bad:
            writer = _ItemWriter(replace(self._job, temporary=str(shards), quarantine=str(bad)), item)
            try:
                with _without_search_for_cycles():
                    writer.run()
            except BaseException:
                writer.abort()
                raise
        _tell(writer.outcome.tally)
        return writer.outcome


def _tell(tally: Tally) -> None:
    """Has Beam count too, so that an engine elsewhere shows it while a job runs, and the run's summary afterwards."""
    quarantined = sum(number for key, number in tally.items() if key[0] == "quarantined")
    told = {"documents": tally[count.READ], "quarantined": quarantined, "bytes": tally[count.BYTES_READ]}
    for name, number in told.items():
        Metrics.counter("penstock", name).inc(number)


class _ItemWriter:
    """One attempt at one work item."""

    def __init__(self, job: Job, item: WorkItem) -> None:
        self._job, self._item, self.outcome = job, item, Outcome(item.index)
        self._attempt = uuid4().hex[:12]
        self._encoder = RecordBatchToExamplesEncoder()
        self._shards: dict[str, ShardWriter] = {}
        self._groups: dict[str, IO[bytes]] = {}
        self._door = Door(job.plan, self.outcome.tally)
        self._keys = Keys(job.plan, self.outcome.tally)
        self._secret = read_key(job.plan.privacy)
        self._quarantine = QuarantineWriter(Path(job.quarantine), job.keep_documents)

    def run(self) -> None:
        """Reads, converts and writes the whole item."""
        shapes = Shapes()
        for part in self._item.parts:
            for block in read_part(part):
                refuse_changes(block, part)
                rows, bad = convert_block(
                    block, part.format.kind, self._job.plan, self.outcome.tally, shapes=shapes
                )
                check_bad(part, block, [index for index, _ in bad])
                self._quarantine.add(part, block, bad)
                if rows and not self._job.plan.labelled:
                    whole = in_order(rows)
                    self._write(whole, self._keys.columns(block, part.format.kind, whole.places))
                    continue
                for batch in rows:
                    self._write(batch)
        for split, shard in self._shards.items():
            shard.close()
            self.outcome.shards[split] = shard.path.name
        for split, file in self._groups.items():
            file.close()
            self.outcome.groups[split] = Path(file.name).name
        self.outcome.bad_files = self._quarantine.close()
        if not self._job.plan.labelled:  # there are no splits, and no id is made up
            for counted in (count.KEY_FALLBACK, count.KEY_BLOCKED, count.MADE_ID):
                self.outcome.tally.pop(counted, None)

    def abort(self) -> None:
        """Removes everything this attempt wrote."""
        for shard in self._shards.values():
            shard.abort()
        for file in self._groups.values():
            file.close()
            Path(file.name).unlink(missing_ok=True)
        self._quarantine.abort()

    def _write(self, rows: Rows, keys: Mapping[str, pa.Array] | None = None) -> None:
        plan = self._job.plan
        codes: np.ndarray = np.zeros(len(rows), np.int8)
        if plan.labelled:
            codes = dealt(rows, plan, self._job.strata)
            codes[~self._labelled(rows)] = -1
        rows = self._door.pass_through(rows)
        if keys is not None:
            rows = replace(rows, columns={**rows.columns, **keys})
        digests = (
            group_digests(rows, plan.privacy.quasi_identifiers) if plan.privacy.quasi_identifiers else None
        )
        records = self._records(rows, codes)
        for number, split in enumerate(plan.splits):
            mine = [records[i] for i in np.flatnonzero(codes == number).tolist()]
            if mine:
                self._shard(split).write(mine)
                self.outcome.tally[count.rows(split)] += len(mine)
                if digests is not None:
                    self._digests(split).write(digests[codes == number].astype("<u8").tobytes())
        for code, reason in ((-1, count.NO_LABEL), (-2, count.NO_TIME)):
            self.outcome.tally[count.filtered(reason)] += int((codes == code).sum())
        self.outcome.tally[count.ACCEPTED] += int((codes >= 0).sum())

    def _records(self, rows: Rows, codes: np.ndarray) -> list[bytes]:
        """Returns a serialized Example for each row; those to be evaluated say which of them share a split key."""
        plan, batch = self._job.plan, rows.record_batch()
        evaluated = codes == plan.splits.index(EVALUATED_SPLIT) if plan.grouped else np.zeros(len(rows), bool)
        if not evaluated.any():
            return list(self._encoder.encode(batch))
        numbers = group_numbers([rows.keys[i] for i in np.flatnonzero(evaluated).tolist()], self._secret)
        ones: np.ndarray = np.ones(len(numbers), np.int32)
        column = list_array(pa.array(numbers), ones, ones.astype(bool))
        grouped = batch.filter(pa.array(evaluated)).append_column(GROUP_FEATURE, column)
        others = iter(self._encoder.encode(batch.filter(pa.array(~evaluated))))
        own = iter(self._encoder.encode(grouped))
        return [next(own) if one else next(others) for one in evaluated.tolist()]

    def _labelled(self, rows: Rows) -> np.ndarray:
        """Returns which rows have a label, and records distinct labels and keys up to their limits."""
        outcome = self.outcome
        if len(outcome.keys) < DISTINCT_KEYS:
            digests = (
                hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16] for key in rows.keys
            )
            outcome.keys.update(digests)
        label = rows.columns.get(self._job.plan.label)
        if label is None:
            return np.zeros(len(rows), bool)
        if len(outcome.label_marks) < 2:
            different = label.flatten().unique()[:2].to_pylist()
            outcome.label_marks.update(
                hashlib.sha256(repr(value).encode()).hexdigest()[:16] for value in different
            )
        lengths = label.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        return lengths > 0

    def _digests(self, split: str) -> IO[bytes]:
        if split not in self._groups:
            name = f"groups-{split}-{self._item.index:05d}-{self._attempt}.tmp"
            self._groups[split] = (Path(self._job.temporary) / name).open("wb")
        return self._groups[split]

    def _shard(self, split: str) -> ShardWriter:
        if split not in self._shards:
            name = f"{split}-{self._item.index:05d}-{self._attempt}.tmp"
            self._shards[split] = ShardWriter(Path(self._job.temporary) / name)
        return self._shards[split]
