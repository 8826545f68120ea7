"""Fits a model: compilation, callbacks, and the numbers of every epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from components.trainer.config import Task, TrainConfig
from components.trainer.data import TransformedSplit, training_batches, validation_batches
from components.trainer.metrics import TRAINING_METRICS, always_followed
from components.trainer.schedule import Schedule, plan_schedule, steps_an_execution
from foundation.errors import DataError

VALIDATION_ROWS = 4096
"""Rows per validation batch."""


@dataclass
class History:
    """History of a fit: metrics and seconds of each epoch."""

    schedule: Schedule
    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False
    ended_by_time: bool = False
    seconds: float = 0.0


Over = Callable[[], bool]
"""Whether time is over."""
Check = Callable[[Mapping[str, float]], None]
"""Refuses the numbers of a first epoch."""


class _Deadline(keras.callbacks.Callback):
    """Callback that ends a run when time is over; the epoch that it cuts short is still validated."""

    def __init__(self, history: History, over: Over) -> None:
        super().__init__()
        self._history, self._over = history, over

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._look()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if epoch + 1 < self._history.schedule.epochs:
            self._look()

    def _look(self) -> None:
        if not self.model.stop_training and self._over():
            self.model.stop_training = self._history.ended_by_time = True


class _Recorder(keras.callbacks.Callback):
    """Callback that records every epoch, and ends a run whose loss is no longer a number."""

    def __init__(self, history: History, learning_rate: float, check: Check | None) -> None:
        super().__init__()
        self._history, self._learning_rate, self._begin = history, learning_rate, 0.0
        self._check = check

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        numbers = {name: float(value) for name, value in (logs or {}).items()}
        if not math.isfinite(numbers.get("loss", 0.0)):
            raise DataError(
                f"training, epoch {epoch + 1}",
                expected="a loss that is a number",
                seen="NaN or infinity",
                remedy=f"lower train.learning_rate ({self._learning_rate:g}), or scale large features (zscore in place of identity)",
            )
        if self._check and not self._history.epochs:
            self._check(numbers)
        self._history.epochs.append(
            {"epoch": epoch + 1, "seconds": time.perf_counter() - self._begin, **numbers}
        )


LOSSES = {
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
    "regression": "mse",
}


def compile_model(model: keras.Model, task: Task, learning_rate: float, extra_metric: str = "loss") -> None:
    """Compiles a model with loss, optimizer and metrics, unless its author already did.

    Args:
        model: The model.
        task: The task.
        learning_rate: Learning rate of Adam.
        extra_metric: A metric to track in addition to the usual ones.
    """
    if model.compiled:
        return
    names = dict.fromkeys([*always_followed(task), extra_metric])
    followed = {name: TRAINING_METRICS[task][name] for name in names if name != "loss"}
    metrics = [getattr(keras.metrics, m.keras)(name=name, **m.arguments) for name, m in followed.items()]
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer=optimizer, loss=LOSSES[task], metrics=metrics, jit_compile=False)


def fit(
    model: keras.Model,
    train: TrainConfig,
    splits: tuple[TransformedSplit, TransformedSplit],
    weights: Any,
    log_folder: Path | None,
    over: Over | None = None,
    check: Check | None = None,
) -> History:
    """Fits a compiled model and leaves it with its best weights.

    Args:
        model: The model.
        train: The ``train`` slice.
        splits: The train and the validation split.
        weights: Weight of each class, or None.
        log_folder: Folder for TensorBoard logs; None writes none.
        over: Whether time is over, asked after every batch; None sets no limit.
        check: Refuses a model by the numbers of its first epoch.

    Raises:
        DataError: The loss is no longer a number.
    """
    training, validation = splits
    schedule = plan_schedule(train, training.rows)
    history = History(schedule)
    model.steps_per_execution = steps_an_execution(schedule.steps_per_epoch)
    callbacks: list[Any] = [_Recorder(history, train.learning_rate, check)]
    stopping = _early_stopping(train)
    callbacks += [stopping] if stopping else []
    callbacks += [_Deadline(history, over)] if over else []
    if log_folder:
        callbacks.append(keras.callbacks.TensorBoard(str(log_folder), write_graph=False, update_freq="epoch"))
    begin = time.perf_counter()
    model.fit(
        training_batches(training, train.batch_size, train.seed, weights),
        epochs=schedule.epochs,
        steps_per_epoch=schedule.steps_per_epoch,
        validation_data=validation_batches(validation, VALIDATION_ROWS),
        callbacks=callbacks,
        verbose=0,
        shuffle=False,
    )
    history.seconds = time.perf_counter() - begin
    if stopping:
        history.stopped_early = len(history.epochs) < schedule.epochs and not history.ended_by_time
        history.best_epoch = stopping.best_epoch + 1
    return history


def _early_stopping(train: TrainConfig) -> Any:
    config = train.early_stopping
    if config is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor="val_loss",
        mode="min",
        patience=config.patience,
        min_delta=config.min_delta,
        restore_best_weights=True,
    )
