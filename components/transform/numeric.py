"""Transformations of numbers; all fields that need the same kind of statistic share one analyzer.

Each analyzer costs Transform time before it sees a row, so the fields are put side by side into one ``[batch, n]``
tensor and analysed element by element: the numbers are those of one analyzer a field.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
import tensorflow_transform as tft

from components.transform.columns import Columns
from components.transform.ids import as_ids

QUANTILE_ERROR = 0.001
"""Largest error of a bucket's boundary, as a share of the rows."""


def zscore(columns: Columns, feature: str) -> tf.Tensor:
    """Returns the number itself; z-scored by :func:`standardise`."""
    return columns.number(feature, "zscore")


def log_zscore(columns: Columns, feature: str) -> tf.Tensor:
    """Returns log(1 + x), x below 0 taken as 0; z-scored by :func:`standardise`."""
    number = columns.number(feature, "log_zscore")
    return tf.where(tf.math.is_nan(number), number, tf.math.log1p(tf.maximum(number, 0.0)))


def count(columns: Columns, feature: str) -> tf.Tensor:
    """Returns how many items each row has, a missing array none; z-scored by :func:`standardise`."""
    items = columns.items(feature)
    ones = tf.ones_like(items.values, tf.float64)
    return tf.math.unsorted_segment_sum(ones, items.indices[:, 0], items.dense_shape[0])


def identity(columns: Columns, feature: str) -> tf.Tensor:
    """Returns the number as float32, 0 where missing."""
    number = columns.number(feature, "identity")
    return tf.cast(_without_nan(number), tf.float32)


def missing(columns: Columns, feature: str) -> tf.Tensor:
    """Returns 1.0 where a row has no value, else 0.0."""
    items = columns.items(feature)
    there = tf.math.unsorted_segment_max(
        tf.ones_like(items.indices[:, 0], tf.float32), items.indices[:, 0], items.dense_shape[0]
    )
    return tf.cast(there < 0.5, tf.float32)


STANDARDISED: dict[str, Callable[[Columns, str], tf.Tensor]] = {
    "zscore": zscore,
    "log_zscore": log_zscore,
    "count": count,
}
"""Kind → what is z-scored."""


def standardise(numbers: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Z-scores columns with one analyzer over the values that are there.

    Args:
        numbers: Output name → float64 ``[batch]``, NaN where missing.

    Returns:
        Output name → float32 ``[batch]``; a missing value is 0, the mean; a constant column is 0.
    """
    scaled = tft.scale_to_z_score(_side_by_side(numbers), elementwise=True, output_dtype=tf.float64)
    return _columns_of(_without_nan(scaled), numbers)


def scale_0_1(numbers: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Scales columns so that the smallest trained value is 0 and the largest 1, with one analyzer.

    Args:
        numbers: Output name → float64 ``[batch]``, NaN where missing.

    Returns:
        Output name → float32 ``[batch]``; a missing value is 0, a constant column is 0, later values beyond the
        trained range go beyond 0 and 1.
    """
    stacked = _side_by_side(numbers)
    both = tf.concat([-stacked, stacked], axis=1)
    lowest = tf.constant(float("-inf"), tf.float64)
    extremes = tft.max(tf.where(tf.math.is_nan(both), lowest, both), reduce_instance_dims=False)
    smallest, largest = -extremes[: len(numbers)], extremes[len(numbers) :]
    spread = largest - smallest
    usable = tf.logical_and(tf.math.is_finite(spread), spread > 0)
    scaled = tf.where(usable, (stacked - smallest) / tf.where(usable, spread, 1.0), 0.0)
    return _columns_of(_without_nan(scaled), numbers)


def buckets(numbers: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """Puts columns into ``size`` quantile buckets, with one analyzer for all columns of that size.

    Args:
        numbers: Output name → float64 ``[batch]``, NaN where missing.
        size: How many buckets.

    Returns:
        Output name → int64 ``[batch]``: 0 where missing, else 1 to ``size``.
    """
    stacked = _side_by_side(numbers)
    boundaries = tft.quantiles(
        stacked, size, epsilon=min(QUANTILE_ERROR, 0.1 / size), reduce_instance_dims=False
    )
    outputs = {}
    for index, (name, number) in enumerate(numbers.items()):
        reached = tf.cast(tf.expand_dims(number, 1), tf.float32) >= tf.expand_dims(boundaries[index], 0)
        bucket = 1 + tf.reduce_sum(tf.cast(reached, tf.int64), axis=1)
        outputs[name] = as_ids(tf.where(tf.math.is_nan(number), tf.zeros_like(bucket), bucket), size + 1)
    return outputs


def _without_nan(values: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.math.is_nan(values), tf.zeros_like(values), values)


def _side_by_side(numbers: dict[str, tf.Tensor]) -> tf.Tensor:
    return tf.ensure_shape(tf.stack(list(numbers.values()), axis=1), [None, len(numbers)])


def _columns_of(stacked: tf.Tensor, numbers: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: tf.cast(stacked[:, index], tf.float32) for index, name in enumerate(numbers)}
