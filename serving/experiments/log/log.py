"""The prediction log of a process: takes the answers of each tick, writes them at once, and never fails a prediction."""

from __future__ import annotations

import datetime
import logging
import queue
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from foundation.publish import storage_error
from serving.experiments.log.compact import compact, expire, recover
from serving.experiments.log.entries import Entry, columns, in_sample
from serving.experiments.log.privacy import Protector
from serving.experiments.log.segment import Segment
from serving.experiments.payload.batch import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from serving.experiments.contract import Choice, Outcome
    from serving.experiments.log.config import LogConfig
    from serving.experiments.log.stream import Stream

log = logging.getLogger(__name__)
_SAY_EVERY_SECONDS: Final = 30.0
_SWEEP_SECONDS: Final = 60.0


class PredictionLog:
    """Logs the answers of all experiments of a process. Several processes may write to one directory.

    ``take`` is called for each tick; what it took has been handed to the kernel when it returns. What cannot be written is
    counted and said once in a while. A thread turns finished streams into Parquet.

    Args:
        config: The log's slice of the document.
        root: The folder that the directory is relative to: the document's.
        unit_features: Experiment → the input that holds its unit; it is left out unless there is a privacy rule for it.
        environment: Holds the key of the privacy rules; None means the process's own.

    Attributes:
        directory: Where the files are.
        reader: What it reads bodies with; shared with others, each body is read once.
        written: Rows written so far, by experiment.
        dropped: Requests that could not be logged, by reason: ``disk``, ``error``.

    Raises:
        SpecError: The key of a privacy rule is missing.
    """

    def __init__(
        self,
        config: LogConfig,
        root: Path | str = ".",
        unit_features: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = Path(root) / config.directory
        self.reader = Reader(config.rows, config.kilobytes << 10)
        self.written: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.unit_features = dict(unit_features or {})
        self._config = config
        self._protector = Protector(config.privacy, environment)
        self._segments: dict[str, Segment] = {}
        self._said = -_SAY_EVERY_SECONDS
        self._finished: queue.SimpleQueue[Stream | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._finish_streams, name="prediction-log", daemon=True)
        self._thread.start()

    def take(
        self,
        batch: Iterable[tuple[Choice, Outcome]],
        shadows: Iterable[tuple[Choice, str, Outcome]] = (),
    ) -> None:
        """Logs the answers of a tick; never raises.

        Args:
            batch: Answers that clients got.
            shadows: Answers of copies, each with its arm.
        """
        entries = [Entry(choice, choice.arm, outcome, False) for choice, outcome in batch]
        entries += [Entry(choice, arm, outcome, True) for choice, arm, outcome in shadows]
        share = self._config.sampling
        if share < 1:
            entries = [entry for entry in entries if in_sample(entry.outcome.request_id, share)]
        pairs = self.reader.read([entry.outcome for entry in entries])
        groups: dict[str, list[int]] = {}
        for index, entry in enumerate(entries):
            groups.setdefault(entry.choice.experiment, []).append(index)
        for experiment, places in groups.items():
            self._log(experiment, [entries[i] for i in places], [pairs[i] for i in places])
        for segment in self._segments.values():
            segment.close_if_old()

    @property
    def columns_left_out(self) -> int:
        """Names of inputs and outputs that got no column, because an experiment has too many."""
        return sum(len(segment.left_out) for segment in self._segments.values())

    def close(self) -> None:
        """Finishes all files and waits for their Parquet."""
        for segment in self._segments.values():
            segment.close()
        self._finished.put(None)
        self._thread.join()

    def _log(self, experiment: str, entries: Sequence[Entry], pairs: Sequence[Any]) -> None:
        segment = self._segments.get(experiment)
        if segment is None:
            folder = self.directory / quote(experiment, safe="")
            segment = self._segments[experiment] = Segment(folder, self._config.rotation, self._finished.put)
        try:
            found = columns(entries, pairs, self._config, self._protector, self.unit_features)
            segment.write(found)
        except OSError as error:
            self._drop("disk", len(entries), error)
        except Exception as error:  # noqa: BLE001  (nothing may stop the traffic, and one odd request not the log)
            if len(entries) == 1:
                self._drop("error", 1, error)
            for entry, pair in zip(entries, pairs, strict=True) if len(entries) > 1 else ():
                self._log(experiment, [entry], [pair])
        else:
            self.written[experiment] += len(found["request_id"])

    def _drop(self, reason: str, requests: int, error: Exception) -> None:
        self.dropped[reason] += requests
        now = time.monotonic()
        if now - self._said >= _SAY_EVERY_SECONDS:
            self._said = now
            log.warning(
                "Prediction log %s: %d request(s) could not be logged so far, the last ones because of %s: %s; remedy: %s",
                self.directory,
                self.dropped.total(),
                type(error).__name__,
                error,
                storage_error(self.directory, error).remedy if isinstance(error, OSError) else "report it",
            )

    def _finish_streams(self) -> None:
        """Runs in its own thread: Parquet for what is finished, by this process or by one that is gone."""
        import pyarrow.parquet  # noqa: F401  (a second, which the first tick would wait)

        self._sweep()
        while True:
            try:
                stream = self._finished.get(timeout=_SWEEP_SECONDS)
            except queue.Empty:
                self._sweep()
                continue
            if stream is None:
                return
            try:
                compact(stream.path, stream.handle)
            except Exception as error:  # noqa: BLE001  (the stream stays, and is tried again)
                log.warning("Prediction log: %s stays a stream for now: %s", stream.path, error)

    def _sweep(self) -> None:
        try:
            recover(self.directory)
            if self._config.keep_days is not None:
                expire(self.directory, self._config.keep_days, datetime.datetime.now(datetime.UTC).date())
        except Exception as error:  # noqa: BLE001  (tried again in a minute)
            log.warning("Prediction log: what others left at %s waits: %s", self.directory, error)
