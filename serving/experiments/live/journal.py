"""First arms of units on disk before a client hears of them: a process that is killed contradicts nobody afterwards.

Exposures reach the store a fraction of a second after the answer. Where slots decide, that does not matter: the table is
in the store before it is used. Where units keep their first arm while shares move, a unit that was answered just before a
kill would be new again afterwards. So each new unit is appended to a file first, one ``write`` that survives the kill;
the next process tells the store.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.experiments.state.store import Exposure

if TYPE_CHECKING:
    from serving.experiments.assignment.memory import Assignment
    from serving.experiments.state.store import Store

log = logging.getLogger(__name__)

_COMPACT_AT: Final = 1 << 20
_MOST_TEXTS: Final = 1000
_PAGE: Final = 5000


class Journal:
    """The file of one process, made when the first unit comes.

    Args:
        folder: Where the files of all processes of this machine are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[tuple[str, bytes], bytes] = {}
        self._texts: dict[int, tuple[Assignment, bytes]] = {}
        self._path: Path | None = None
        self._file: int | None = None
        self._old: int | None = None
        self._written = 0
        self.failed = 0
        """Units that could not be written, because of a full disk, say."""

    def _new(self) -> tuple[Path, int]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{uuid.uuid4().hex}.jsonl"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path, file

    def add(self, experiment: str, unit: bytes, assignment: Assignment) -> None:
        """Writes a new unit; never raises."""
        known = self._texts.get(id(assignment))
        if known is None:
            if len(self._texts) >= _MOST_TEXTS:
                self._texts.clear()
            known = self._texts[id(assignment)] = (assignment, _text(experiment, assignment))
        line = b'{"unit": "%b", %b}\n' % (unit.hex().encode(), known[1])
        # First into memory, then into the file: what a compaction at this moment does not see here, it sees there.
        self._waiting[experiment, unit] = line
        try:
            if self._file is None:
                self._path, self._file = self._new()
            self._written += os.write(self._file, line)
        except OSError:
            self.failed += 1

    def confirm(self, experiment: str, units: Iterable[bytes]) -> None:
        """Forgets units that are in the store."""
        for unit in units:
            self._waiting.pop((experiment, unit), None)

    def compact(self) -> None:
        """Begins another file with the units that are not in the store yet, once the present one is large.

        Raises:
            OSError: The file cannot be made; the present one goes on.
        """
        if self._written < _COMPACT_AT:
            return
        before, old = self._path, self._file
        self._path, file = self._new()
        self._file, self._written = file, 0
        for line in list(self._waiting.values()):
            self._written += os.write(file, line)
        if before is not None:
            before.unlink(missing_ok=True)
        if self._old is not None:
            os.close(self._old)
        # Another thread may be about to write into it still, so it is closed at the next time only.
        self._old = old

    def close(self) -> None:
        """Closes the file, and removes it if every unit is in the store."""
        if not self._waiting and self._path is not None:
            self._path.unlink(missing_ok=True)
        for file in (self._file, self._old):
            if file is not None:
                os.close(file)


def recover(folder: Path, store: Store) -> int:
    """Tells the store what processes that were killed had assigned; returns the number of units.

    Args:
        folder: Where the files are.
        store: The state; of each unit the first assignment counts, so that a repetition does no harm.

    Raises:
        StoreAwayError: The store does not answer; the files stay.
    """
    told = 0
    for path in sorted(folder.glob("*.jsonl")):
        with contextlib.suppress(OSError), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue  # its process is alive
            exposures = list(_read(file))
            for begin in range(0, len(exposures), _PAGE):
                store.expose(exposures[begin : begin + _PAGE])
            path.unlink(missing_ok=True)
            told += len(exposures)
    if told:
        log.warning("%d units of a process that was killed keep their arms", told)
    return told


def _text(experiment: str, assignment: Assignment) -> bytes:
    fields = {
        "experiment": experiment,
        "arm": assignment.arm,
        "propensity": assignment.propensity,
        "probabilities": dict(assignment.probabilities),
        "table": assignment.table,
        "epoch": assignment.epoch,
    }
    return json.dumps(fields)[1:-1].encode()


def _read(lines: Iterable[bytes]) -> Iterator[Exposure]:
    for line in lines:
        try:
            found = json.loads(line)
            yield Exposure(
                found["experiment"],
                bytes.fromhex(found["unit"]).hex(),
                "",
                found["arm"],
                float(found["propensity"]),
                int(found["table"]),
                int(found["epoch"]),
                dict(found["probabilities"]),
            )
        except (ValueError, KeyError, TypeError):
            continue  # cut by the kill
