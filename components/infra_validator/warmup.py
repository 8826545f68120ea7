"""Warm-up requests, made from real examples, that a server replays before it serves a version.

They are in the model's ``assets.extra/tf_serving_warmup_requests``, which TF Serving reads and SavedModel loaders
ignore. The same examples and settings give the same bytes.
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
"""Model name in the records; servers ignore it."""


def warmup_records(
    questions: Questions, signatures: Mapping[str, Signature], count: int, batch_sizes: Sequence[int]
) -> Iterator[bytes]:
    """Yields serialized ``PredictionLog`` records: each signature at each batch size in turn, up to the limit."""
    kinds = [(signature, rows) for rows in batch_sizes for signature in questions.signatures]
    for number in range(count if kinds else 0):
        signature, rows = kinds[number % len(kinds)]
        batch = questions.batch(signature, rows, number // len(kinds))
        yield warmup_record(_TARGET, signatures[signature], batch.inputs)


def write_warmup(model: Path, records: Sequence[bytes]) -> None:
    """Writes the records into a model; without records it writes no file.

    Raises:
        StorageError: The model's folder cannot be written, or the disk is full.
    """
    if not records:
        return
    with published_file(model / WARMUP_FILE) as temporary:
        temporary.write_bytes(framed_batch(records))
