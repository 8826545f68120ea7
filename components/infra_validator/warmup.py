"""Warm-up requests: what a server replays before it answers with a version, made from real examples.

They stand in ``assets.extra/tf_serving_warmup_requests`` of the model, a place that TF Serving knows and loading a
SavedModel passes by. Same examples, same settings: same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from components.infra_validator.examples import Questions
from components.infra_validator.protocols import predict_request
from foundation.publish import published_file
from foundation.saved_model import WARMUP_FILE
from foundation.tfrecord import framed_batch

MODEL = "default"
"""The name in the records; servers do not look at it."""


def warmup_records(questions: Questions, count: int, batch_sizes: Sequence[int]) -> Iterator[bytes]:
    """Yields serialized ``PredictionLog`` records: every signature at every batch size in turn, until there are enough."""
    from tensorflow_serving.apis import prediction_log_pb2

    kinds = [(signature, rows) for rows in batch_sizes for signature in questions.signatures]
    for number in range(count if kinds else 0):
        signature, rows = kinds[number % len(kinds)]
        log = prediction_log_pb2.PredictionLog()
        batch = questions.batch(signature, rows, number // len(kinds))
        log.predict_log.request.CopyFrom(predict_request(MODEL, batch))
        yield log.SerializeToString(deterministic=True)


def write_warmup(model: Path, records: Sequence[bytes]) -> None:
    """Puts the records into a model; no records, no file.

    Raises:
        StorageError: The model's folder cannot be written, or the disk is full.
    """
    if not records:
        return
    with published_file(model / WARMUP_FILE) as temporary:
        temporary.write_bytes(framed_batch(records))
