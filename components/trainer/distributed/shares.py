"""Shares of a step: each device computes its own rows of it, and the gradients are added up.

Every device knows the numbers of all rows of a step and picks its share of them, so a step has the same rows on any number of
devices. A step's loss is the mean over its rows: equal shares, or the mean of means would not be that.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from foundation.errors import DataError


def devices() -> int:
    """Returns the number of devices that train together here; 1 outside a strategy."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def on_each(step: Callable[[tf.Tensor], object]) -> Callable[[tf.Tensor], object]:
    """Returns a function that takes a step on every device of the strategy that is in force now."""
    strategy = tf.distribute.get_strategy()
    return step if strategy.num_replicas_in_sync == 1 else lambda rows: strategy.run(step, args=(rows,))


def share(rows: tf.Tensor) -> tf.Tensor:
    """Returns what the device that runs this takes of some rows; all of them if there is only one.

    Args:
        rows: ``[rows, …]``, in the same order on every device.
    """
    if devices() == 1:
        return rows
    begin, end = _bounds(tf.shape(rows)[0])
    return rows[begin:end]


def share_of_drawn(drawn: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, axis: int) -> tf.Tensor:
    """Draws for all rows of a step and returns those of this device: the same as one device would draw.

    Args:
        drawn: Draws for a number of rows.
        rows: Rows of this device; every device has as many.
        axis: Axis of the rows in what is drawn.
    """
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    return tf.gather(drawn(rows * devices()), tf.range(index * rows, (index + 1) * rows), axis=axis)


def _bounds(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    return rows * index // devices(), rows * (index + 1) // devices()


def even(batch_size: int, rows: int) -> int:
    """Returns the rows of a step, the same number on each device.

    Args:
        batch_size: Rows that are asked for, divisible by the number of devices.
        rows: Rows of the train split, where these are fewer.

    Raises:
        DataError: There are fewer rows than devices.
    """
    _enough(rows, "train")
    return min(batch_size, rows // devices() * devices())


def without_empty_shares(rows: int, at_once: int) -> int:
    """Returns how many rows of a split are taken in whole steps; a rest has at least one row for each device.

    Args:
        rows: Rows of the split.
        at_once: Rows of a whole step.

    Raises:
        DataError: There are fewer rows than devices.
    """
    _enough(rows, "validation")
    whole = rows // at_once * at_once
    return whole - at_once if 0 < rows - whole < devices() else whole


def _enough(rows: int, split: str) -> None:
    if rows < devices():
        raise DataError(
            f"split {split}",
            expected=f"a row for each of {devices()} devices",
            seen=f"{rows} rows",
            remedy="lower train.devices",
        )
