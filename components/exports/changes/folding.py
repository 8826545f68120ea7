"""Folds change exports to the last state of each document.

Events are spread over temporary files by a hash of their ``_id``; each file is then folded on its own, so memory
holds the events of one file at a time. The results are plain JSON lines, read like any export.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from bson import json_util

from components.exports import tally as count
from components.exports.blocks import check_bad, read_part
from components.exports.changes.events import AFTER, FIRST, Event, Order, apply_update, read_event
from components.exports.changes.folded import FoldedFiles
from components.exports.extended_json import TOO_DEEP
from components.exports.formats import FORMATS
from components.exports.formats.base import BadDocumentError, Block, Known, Part
from components.exports.tally import Tally
from foundation.errors import DataError
from foundation.temporaries import open_private

FAN_OUT = 16
MAX_LEVEL = 6
_DOCUMENT = "_doc"
"""Column of AWS DMS with the whole document."""
NO_STATE = "update without the document before it"


class Spilled(NamedTuple):
    """An event as stored in a temporary file."""

    key: str
    order: Order | None
    number: int
    """Position across all files, in order."""
    source: int
    """Index of the file that it came from."""
    offset: int
    raw: bytes


Reject = Callable[[Part, Block, list[tuple[int, str]]], None]
"""Takes a part, a block of it, and index and reason of each bad document of the block."""


@dataclass(frozen=True)
class Folded:
    """What to read instead of the events."""

    known: Known
    tally: Tally
    """Counts of the events that did not become documents."""


def fold_changes(known: Known, folder: Path, namespace: str, memory: int, reject: Reject) -> Folded:
    """Folds the events of an export to the last state of each document.

    Args:
        known: Recognised files, in their order.
        folder: An empty folder that only its owner can enter; raw documents are left in it.
        namespace: ``database.collection`` to keep; empty if there is only one.
        memory: Approximate number of bytes to hold at a time.
        reject: Takes events that cannot be read or applied.

    Raises:
        DataError: A file is damaged, a collection was dropped, or several collections are mixed.
    """
    fold = _Fold(folder, namespace, memory, reject)
    fold.spill(known)
    fold.fold()
    return Folded(fold.files(), fold.tally)


class _Fold:
    def __init__(self, folder: Path, namespace: str, memory: int, reject: Reject) -> None:
        self._wanted, self._folder, self._reject = namespace, folder, reject
        self._bound = memory // 2
        self._namespaces: set[str] = set()
        self._sources: list[tuple[Part, tuple[str, ...]]] = []
        self._out = FoldedFiles(folder)
        self.tally: Tally = Counter()

    def spill(self, known: Known) -> None:
        """Reads all events and spreads them over temporary files."""
        number = 0
        with _Partitions(self._folder, "events", 0) as partitions:
            for path, name, found in known:
                part = Part(str(path), name, found)
                self._sources.append((part, ()))
                for block in read_part(part):
                    self._sources[-1] = (part, block.header)
                    for index, raw in enumerate(block.documents):
                        if raw.strip():
                            number += 1
                            self._spill_one(partitions, raw, block.offset_of(index), number)

    def _spill_one(self, out: _Partitions, raw: bytes, offset: int, number: int) -> None:
        self.tally[count.READ] += 1
        if raw.strip() == b"null":  # the value of a tombstone, without its key
            self.tally[count.filtered("event without a document: tombstone")] += 1
            return
        spilled = Spilled("", None, number, len(self._sources) - 1, offset, raw)
        try:
            event = read_event(self._line(spilled))
            if self._concerns(event, self._sources[-1][0]):
                out.add(spilled._replace(key=event.key, order=event.order))
        except BadDocumentError as error:
            self._bad(spilled, str(error))

    def _concerns(self, event: Event, part: Part) -> bool:
        """Returns whether the event changes a document of the wanted collection, and counts it if not."""
        if self._wanted and event.namespace and event.namespace != self._wanted:
            self.tally[count.filtered("event of another collection")] += 1
            return False
        if event.kind == "drop":
            raise DataError(
                f"change export {part.name}",
                expected="changes of a collection that is not dropped",
                seen=f"{event.name} of {event.namespace}",
                remedy="use only files after that event, or a full export of the collection",
            )
        if event.kind == "other":
            self.tally[count.filtered(f"event without a document: {event.name}")] += 1
            return False
        if event.namespace:
            self._namespaces.add(event.namespace)
        if len(self._namespaces) > 1:
            raise DataError(
                f"change export {part.name}",
                expected="changes of one collection, or data.namespace to name one",
                seen=", ".join(sorted(self._namespaces)),
                remedy="set data.namespace to database.collection",
            )
        return True

    def fold(self) -> None:
        """Folds all temporary files."""
        for path in sorted(self._folder.glob("events-*")):
            self._fold_file(path, 1)
        self._out.close()

    def _fold_file(self, path: Path, level: int) -> None:
        if path.stat().st_size > self._bound and level < MAX_LEVEL:
            with _Partitions(self._folder, f"{path.name}", level) as partitions:
                for spilled in _load(path):
                    partitions.add(spilled)
            path.unlink()
            for smaller in sorted(self._folder.glob(f"{path.name}-*")):
                self._fold_file(smaller, level + 1)
            return
        by_key: dict[str, list[Spilled]] = {}
        for spilled in _load(path):
            by_key.setdefault(spilled.key, []).append(spilled)
        path.unlink()
        for events in by_key.values():
            self._fold_document(events)

    def _fold_document(self, events: list[Spilled]) -> None:
        events = _in_order(events)
        state: dict[str, Any] | None = None
        pending: list[tuple[Spilled, str]] = []
        last, updated = events[0], False
        for spilled in events:
            event = read_event(self._line(spilled))
            if event.update is None:
                state, pending, last, updated = event.state, [], spilled, False
                continue
            try:
                if state is None:
                    raise BadDocumentError(NO_STATE)
                apply_update(state, event.update)
                updated = True
            except BadDocumentError as error:
                state = None
                pending.append((spilled, str(error)))
        for spilled, reason in pending:
            self._bad(spilled, reason)
        superseded = len(events) - len(pending)
        if state is not None:
            self._write(state, last, updated)
        if state is not None or not pending:
            superseded -= 1  # the last event is the document or its deletion
        if state is None and not pending:
            self.tally[count.filtered("deleted")] += 1
        self.tally[count.SUPERSEDED] += superseded

    def _write(self, state: dict[str, Any], last: Spilled, updated: bool) -> None:
        header = self._sources[last.source][1]
        if header and not updated and _DOCUMENT not in header:
            self._out.write_row(last.raw, header)
        else:
            self._out.write_document(state)
        self.tally[count.READ] -= 1  # counted when it is read again

    def _bad(self, spilled: Spilled, reason: str) -> None:
        count.add_bad(self.tally, spilled.raw, reason)
        part, header = self._sources[spilled.source]
        block = Block([spilled.raw], spilled.offset, [spilled.offset], header)
        check_bad(part, block, [0])
        self._reject(part, block, [(0, reason)])

    def _line(self, spilled: Spilled) -> dict[str, Any]:
        """Returns a line with its leaves as Extended JSON, whatever the format is."""
        part, header = self._sources[spilled.source]
        parse, wrapped = FORMATS[part.format.kind].decoder(Block([], 0, None, header))
        document = parse(spilled.raw)
        if wrapped:
            return document
        try:
            text = json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS)
        except RecursionError as error:
            raise BadDocumentError(TOO_DEEP) from error
        plain: dict[str, Any] = json.loads(text)
        return plain

    def files(self) -> Known:
        """Returns the folded files.

        Raises:
            DataError: No document is left.
        """
        if not self._out.known:
            raise DataError(
                "change export",
                expected="documents",
                seen=f"none left of {self.tally[count.READ]} events",
                remedy="check that the files hold inserts or whole documents, not only deletions",
            )
        return self._out.known


def _in_order(events: list[Spilled]) -> list[Spilled]:
    """Returns the events of one document in the order in which they happened."""
    events = sorted(events, key=lambda event: event.number)
    if any(event.order is None for event in events):
        # Without times, file order decides; plain documents are older than all events.
        return sorted(events, key=lambda event: event.order != FIRST)
    placed: list[tuple[Order, Spilled]] = []
    for event in events:
        assert event.order is not None
        order = event.order if event.order != AFTER else placed[-1][0] if placed else FIRST
        placed.append((order, event))
    return [event for _, event in sorted(placed, key=lambda pair: pair[0])]


class _Partitions:
    """Temporary files that events are spread over by a hash of their key; each level uses another byte of it."""

    def __init__(self, folder: Path, name: str, level: int) -> None:
        self._level = level
        self._files: list[IO[bytes]] = [
            open_private(folder / f"{name}-{number:02d}") for number in range(FAN_OUT)
        ]

    def __enter__(self) -> _Partitions:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, spilled: Spilled) -> None:
        """Writes an event to the file of its key."""
        digest = hashlib.blake2b(
            spilled.key.encode("utf-8", "surrogatepass"), digest_size=MAX_LEVEL + 1
        ).digest()
        pickle.dump(tuple(spilled), self._files[digest[self._level] % FAN_OUT], protocol=5)


def _load(path: Path) -> Iterator[Spilled]:
    with path.open("rb") as file:
        while file.peek(1):
            yield Spilled(*pickle.load(file))
