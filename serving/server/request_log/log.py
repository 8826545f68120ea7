"""The request log: a queue that never blocks requests, and a thread that writes it to files."""

from __future__ import annotations

import logging
import queue
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from serving.server.request_log.files import RotatingFile
from serving.server.request_log.records import ArraysRecord, Call, ExamplesRecord, Record, WireRecord
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.config.model_config import LoggingConfig
    from serving.server.config.options import Options
    from serving.server.metrics import Metrics

log = logging.getLogger(__name__)
COLLECTOR: Final = "tfrecord"
"""The only collector, also meant by an empty type."""
_MAX_WAITING_RECORDS: Final = 1000
_MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
_TICK_SECONDS: Final = 1.0
_SAY_DROPS_EVERY_SECONDS: Final = 10.0


class RequestLog:
    """Logs samples of requests to models that have a ``logging_config``. Off until ``configure`` turns it on.

    Requests hand over their data and continue; a separate thread serializes and writes. If it cannot keep up or the
    disk is full, records are dropped, counted in ``request_log_count`` and reported in the server's log.

    Args:
        options: The server's options.
        metrics: Counts logged and dropped records.
    """

    def __init__(self, options: Options | None = None, metrics: Metrics | None = None) -> None:
        self.active = False
        self._metrics = metrics
        self._rates: Mapping[str, float] = {}
        self._prefixes: Mapping[str, str] = {}
        self._queue: queue.SimpleQueue[tuple[str, Record] | None] = queue.SimpleQueue()
        """Prefix of the file and record; None ends the thread."""
        self._bytes = 0
        self._bytes_lock = threading.Lock()
        self._files: dict[str, RotatingFile] = {}
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._dropped = 0
        self._last_drop_said = 0.0

    def configure(self, configs: Mapping[str, LoggingConfig]) -> None:
        """Replaces the request logging of all models.

        Args:
            configs: By model; other models are not logged.

        Raises:
            ServingError: INVALID_ARGUMENT for a collector that does not exist or a missing prefix.
        """
        for model, config in configs.items():
            if config.type not in ("", COLLECTOR):
                raise ServingError(
                    Code.INVALID_ARGUMENT,
                    f"logging_config of model {model}: log collector type '{config.type}' does not exist;"
                    f" expected '{COLLECTOR}'",
                )
            if not config.filename_prefix:
                raise ServingError(
                    Code.INVALID_ARGUMENT, f"logging_config of model {model}: filename_prefix is missing"
                )
        self._prefixes = {model: config.filename_prefix for model, config in configs.items()}
        self._rates = {
            model: config.sampling_rate for model, config in configs.items() if config.sampling_rate
        }
        self.active = bool(self._rates)
        if self.active and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
            self._thread.start()

    def wants(self, model: str) -> bool:
        """Returns whether this request to the model is part of the sample."""
        rate = self._rates.get(model)
        return rate is not None and random.random() < rate

    def add(
        self, kind: str, model: str, version: int, request: bytes, response: bytes, signature: str = ""
    ) -> None:
        """Logs a call from its gRPC bytes.

        Args:
            kind: ``predict``, ``classify``, ``regress`` or ``multi_inference``.
            model: The model's name.
            version: The version that answered.
            request: The serialized request.
            response: The serialized response.
            signature: The signature's key, if known.
        """
        self._put(WireRecord(self._call(kind, model, version, signature), request, response))

    def add_predict(
        self, model: str, version: int, signature: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> None:
        """Logs a Predict from its arrays."""
        self._put(ArraysRecord(self._call("predict", model, version, signature), inputs, outputs))

    def add_examples(
        self,
        kind: str,
        model: str,
        version: int,
        signature: str,
        examples: Sequence[bytes],
        results: Sequence[Any],
    ) -> None:
        """Logs a Classify or Regress from its examples and results."""
        self._put(ExamplesRecord(self._call(kind, model, version, signature), examples, results))

    def close(self) -> None:
        """Writes what is queued, publishes the files and stops the thread."""
        self.active = False
        self._closing.set()
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=10)

    def _call(self, kind: str, model: str, version: int, signature: str) -> Call:
        return Call(kind, model, version, signature, self._rates.get(model, 0.0), int(time.time()))

    def _put(self, record: Record) -> None:
        # Looked up here: a configuration that comes before the record is written must not lose it.
        prefix = self._prefixes.get(record.call.model)
        if prefix is None:
            return
        size = record.size
        with self._bytes_lock:
            full = self._queue.qsize() >= _MAX_WAITING_RECORDS or self._bytes + size > _MAX_WAITING_BYTES
            if not full:
                self._bytes += size
        if full:
            self._drop(record.call.model, "the queue is full")
        else:
            self._queue.put((prefix, record))

    def _drop(self, model: str, reason: object) -> None:
        if self._metrics is not None:
            self._metrics.logged(model, Code.RESOURCE_EXHAUSTED)
        self._dropped += 1
        now = time.monotonic()
        if now - self._last_drop_said >= _SAY_DROPS_EVERY_SECONDS:
            self._last_drop_said = now
            log.warning(
                "Request log: %d record(s) dropped so far; the last for model %s: %s",
                self._dropped,
                model,
                reason,
            )

    def _run(self) -> None:
        while True:
            try:
                waiting = self._queue.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                self._turn_files()
                continue
            if waiting is None:
                break
            prefix, record = waiting
            with self._bytes_lock:
                self._bytes -= record.size
            self._write(prefix, record)
        for prefix in list(self._files):
            self._publish(prefix)

    def _write(self, prefix: str, record: Record) -> None:
        model = record.call.model
        try:
            content = record.serialized()
            file = self._files.setdefault(prefix, RotatingFile(prefix))
            file.write(content)
            file.publish_if_old()
        except Exception as error:  # noqa: BLE001  (a record that cannot be written must not stop the thread)
            self._drop(model, error)
            return
        if self._metrics is not None:
            self._metrics.logged(model, Code.OK)

    def _turn_files(self) -> None:
        """Publishes files that are old or that no model writes to any more."""
        used = set(self._prefixes.values())
        for prefix, file in list(self._files.items()):
            if prefix not in used:
                self._publish(prefix)
                del self._files[prefix]
                continue
            try:
                file.publish_if_old()
            except OSError as error:
                log.warning("Request log: a file of %s cannot be published: %s", prefix, error)

    def _publish(self, prefix: str) -> None:
        try:
            self._files[prefix].publish()
        except OSError as error:
            log.warning("Request log: a file of %s cannot be published: %s", prefix, error)
