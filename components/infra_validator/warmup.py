"""Warm-up requests: what a server replays before it answers with a version, made from real examples.

They stand in ``assets.extra/tf_serving_warmup_requests`` of the model, a place that TF Serving knows and loading a
SavedModel passes by. Same examples, same settings: same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.infra_validator.examples import Questions
from foundation.publish import published_file
from foundation.saved_model import WARMUP_FILE
from foundation.tfrecord import framed_batch
from serving.client import Signature, Target
from serving.client.grpc.requests import warmup_record

_TARGET = Target("default")
"""The model in the records; servers do not look at it."""


def warmup_records(
    questions: Questions, signatures: Mapping[str, Signature], count: int, batch_sizes: Sequence[int]
) -> Iterator[bytes]:
    """Yields serialized ``PredictionLog`` records: every signature at every batch size in turn, until there are enough."""
    kinds = [(signature, rows) for rows in batch_sizes for signature in questions.signatures]
    for number in range(count if kinds else 0):
        signature, rows = kinds[number % len(kinds)]
        batch = questions.batch(signature, rows, number // len(kinds))
        yield warmup_record(_TARGET, signatures[signature], batch.inputs)


def write_warmup(model: Path, records: Sequence[bytes]) -> None:
    """Puts the records into a model; no records, no file.

    Raises:
        StorageError: The model's folder cannot be written, or the disk is full.
    """
    if not records:
        return
    with published_file(model / WARMUP_FILE) as temporary:
        temporary.write_bytes(framed_batch(records))
