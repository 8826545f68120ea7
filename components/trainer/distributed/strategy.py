"""The ``tf.distribute`` strategy of a process that takes part in a training."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf

from components.trainer.config import DevicesConfig
from foundation.errors import NodeError, SpecError

log = logging.getLogger(__name__)

Strategy = Any
"""A ``tf.distribute.Strategy``."""


def make_strategy(devices: DevicesConfig) -> Strategy:
    """Makes the strategy; call it before anything else of TensorFlow.

    Args:
        devices: The ``train.devices`` slice.

    Raises:
        SpecError: This machine has fewer GPUs.
    """
    if devices.strategy == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MirroredStrategy(_names(devices))


def _names(devices: DevicesConfig) -> list[str]:
    """Returns the devices of this machine: GPUs, or where there is none parts of the CPU."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    if devices.count == "all" or devices.count is None:
        if not gpus:
            log.warning("train.devices: no GPU is here; training on the CPU alone")
        return [f"GPU:{number}" for number in range(gpus)] or ["CPU:0"]
    if not gpus:
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * devices.count
        tf.config.set_logical_device_configuration(cpu, parts)
        return [f"CPU:{number}" for number in range(devices.count)]
    if gpus < devices.count:
        raise SpecError(
            "train.devices",
            expected=f"{devices.count} GPUs on this machine",
            seen=f"{gpus}",
            remedy="lower it, or write 'all'",
        )
    return [f"GPU:{number}" for number in range(devices.count)]


def check_same(strategy: Strategy, token: str) -> None:
    """Refuses workers that were given different arguments.

    Args:
        strategy: The strategy that all have joined.
        token: Hexadecimal name of this training.

    Raises:
        NodeError: Another worker has another token.
    """
    number = int(token[:8], 16)
    if _sum(strategy, number) != number * strategy.num_replicas_in_sync:
        raise NodeError(
            "training on several workers",
            expected="the same arguments on all",
            seen="arguments of another run",
            remedy="end all workers and start them again",
        )


def wait_for_all(strategy: Strategy) -> None:
    """Waits until every worker has come here: none leaves before the chief has written the model."""
    _sum(strategy, 1)


def _sum(strategy: Strategy, number: int) -> int:
    @tf.function(autograph=False)
    def added() -> tf.Tensor:
        def mine() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(number, tf.int64))

        return strategy.experimental_local_results(strategy.run(mine))[0]

    return int(added())
