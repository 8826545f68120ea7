"""Boundaries of quantiles, column by column, where a column may have no value at all.

TFT's own analyzer fails on such a column beside others; what is counted, and how, is its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.beam.experimental import PTransformAnalyzer
from tfx_bsl import sketches

_MOST_VALUES = 1 << 32
"""Number of values up to which the error holds, as TFT has it."""

Seen = tuple[sketches.QuantilesSketch, np.ndarray]


def boundaries(numbers: tf.Tensor, buckets: int, error: float) -> tf.Tensor:
    """Returns float32 ``[n, buckets - 1]``: between which values the buckets of each column lie, ascending.

    Those of a column without any value are 0.

    Args:
        numbers: float64 ``[batch, n]``, NaN if missing.
        buckets: Number of buckets with equal shares of the values.
        error: Largest error of a boundary, as a share of the rows.
    """
    shape = [int(numbers.shape[1]), buckets - 1]
    (found,) = tft.experimental.ptransform_analyzer(
        [tf.cast(numbers, tf.float32)],
        _Quantiles(shape[0], buckets, error),
        output_dtypes=[tf.float32],
        output_shapes=[shape],
        name="quantiles",
    )
    return found


class _Quantiles(PTransformAnalyzer):
    def __init__(self, columns: int, buckets: int, error: float) -> None:
        super().__init__()
        self._sketch = _Sketch(columns, buckets, error)

    def expand(self, batches: beam.PCollection) -> tuple[beam.PCollection]:
        """Turns batches (tuples of one array) into one array of boundaries."""
        return (batches | "Sketch" >> beam.CombineGlobally(self._sketch),)


class _Sketch(beam.CombineFn):
    """TFX's sketch of quantiles for all columns, and which of them have a value: it leaves out those without."""

    def __init__(self, columns: int, buckets: int, error: float) -> None:
        self._columns, self._buckets, self._error = columns, buckets, error

    def create_accumulator(self) -> Seen:
        """Starts without values."""
        sketch = sketches.QuantilesSketch(self._error, _MOST_VALUES, self._columns)
        return sketch, np.zeros(self._columns, bool)

    def add_input(self, seen: Seen, batch: Sequence[np.ndarray]) -> Seen:
        """Adds the values ``[rows, columns]`` of one batch; NaN is none."""
        (values,) = batch
        seen[0].AddValues(pa.array(np.ravel(values)))
        return seen[0], seen[1] | ~np.isnan(values).all(axis=0)

    def merge_accumulators(self, several: Iterable[Seen]) -> Seen:
        """Merges what several workers saw."""
        (sketch, there), *others = several
        for other, also in others:
            sketch.Merge(other)
            there = there | also
        return sketch, there

    def compact(self, seen: Seen) -> Seen:
        """Drops what the error allows to drop."""
        seen[0].Compact()
        return seen

    def extract_output(self, seen: Seen) -> np.ndarray:
        """Returns ``[columns, buckets - 1]``, without smallest and largest value."""
        sketch, there = seen
        found: np.ndarray = np.zeros((self._columns, self._buckets + 1), np.float32)
        if there.any():
            found[there] = np.array(sketch.GetQuantiles(self._buckets).to_pylist(), np.float32)
        return found[:, 1:-1]
