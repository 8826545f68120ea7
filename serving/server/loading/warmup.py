"""Warmup: replays recorded requests before a version serves, so that the first real request is not slow."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.saved_model import WARMUP_FILE
from foundation.tfrecord import read_records
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.engine.servable import Servable

MAX_RECORDS: Final = 1000
_UNSUPPORTED = {"session_run_log": "SessionRunLog", "predict_streamed_log": "PredictStreamedLog"}
log = logging.getLogger(__name__)


def warm_up(servable: Servable, directory: Path, iterations: int = 0) -> int:
    """Replays a version's warmup requests, in order.

    Args:
        servable: The loaded version.
        directory: Its directory.
        iterations: How often each record is replayed; below 1 means once.

    Returns:
        How many records were read; 0 if the version has no warmup file.

    Raises:
        ServingError: The file (DATA_LOSS), a record or a request is broken; the version must not serve.
    """
    path = directory / WARMUP_FILE
    if not path.is_file():
        return 0
    began = time.monotonic()
    count = 0
    for record in _records(path):
        count += 1
        if count > MAX_RECORDS:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}",
            )
        _replay(servable, _parse(record, path), max(iterations, 1))
    log.info("Warmed up %s with %d record(s) in %.3f s", directory, count, time.monotonic() - began)
    return count


def _records(path: Path) -> Iterator[bytes]:
    try:
        yield from read_records(path.read_bytes())
    except ValueError as error:
        raise ServingError(Code.DATA_LOSS, f"{path}: {error}") from error


def _parse(record: bytes, path: Path) -> Any:
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    try:
        return prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"Failed to parse warmup record from {path}") from error


def _replay(servable: Servable, record: Any, times: int) -> None:
    from serving.server.loading.replay import replay

    kind = record.WhichOneof("log_type")
    if kind is None:
        return
    if kind in _UNSUPPORTED:
        raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {_UNSUPPORTED[kind]}")
    for _ in range(times):
        replay(servable, record)
