"""Fits a model: compilation, callbacks, and the numbers of every epoch."""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import keras

from components.trainer.config import Task, TrainConfig
from components.trainer.data import TransformedSplit, View, training_batches, validation_batches
from components.trainer.distributed.shares import devices
from components.trainer.fitting.compiled import CompiledEpochs, can_be_compiled
from components.trainer.fitting.schedule import Schedule, plan_schedule, steps_an_execution, still_improving
from components.trainer.metrics import TRAINING_METRICS, always_followed
from components.trainer.models.scale import LabelScale, ScaledError
from components.trainer.recipe import PATIENCE
from foundation import progress
from foundation.errors import DataError

log = logging.getLogger(__name__)

VALIDATION_ROWS = 4096
"""Rows per validation batch."""


Way = Literal["compiled", "fit"]
"""How epochs run: as ``CompiledEpochs``, or by Keras's own ``fit``."""


@dataclass
class History:
    """History of a fit: metrics and seconds of each epoch."""

    schedule: Schedule
    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False
    ended_by_time: bool = False
    seconds: float = 0.0
    way: Way = "compiled"

    @property
    def still_improving(self) -> bool:
        """Whether the validation loss was still falling when the planned steps were over."""
        losses = [epoch.get("val_loss", math.nan) for epoch in self.epochs]
        return len(losses) == self.schedule.epochs and not self.ended_by_time and still_improving(losses)


Over = Callable[[], bool]
"""Whether time is over."""
Check = Callable[[Mapping[str, float]], None]
"""Refuses the numbers of a first epoch."""
Share = Callable[[keras.Model, Callable[[], CompiledEpochs]], CompiledEpochs]
"""Takes a model and what makes its epochs; returns epochs that train from the model's state."""


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


class _LastStep(keras.callbacks.Callback):
    """Callback that ends the last epoch at the planned step, if it is a shorter one."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule, self._begun = schedule, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._begun = epoch * self._schedule.steps_per_epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._begun + batch + 1 >= self._schedule.total:
            self.model.stop_training = True


class _Recorder(keras.callbacks.Callback):
    """Callback that records every epoch, and ends a run whose loss is no longer a number."""

    def __init__(self, history: History, learning_rate: float, check: Check | None, tells: bool) -> None:
        super().__init__()
        self._history, self._learning_rate, self._begin = history, learning_rate, 0.0
        self._check, self._tells = check, tells

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
        if self._tells:
            losses = {name: numbers[name] for name in ("loss", "val_loss") if name in numbers}
            progress.report(epoch=epoch + 1, epochs=self._history.schedule.epochs, **losses)


LOSSES = {
    "binary": "binary_crossentropy",
    "multiclass": "sparse_categorical_crossentropy",
    "regression": "mse",
}


def compile_model(
    model: keras.Model,
    task: Task,
    train: TrainConfig,
    decay_steps: int | None = None,
    scale: LabelScale | None = None,
    extra_metric: str = "loss",
) -> None:
    """Compiles a model with loss, optimizer and metrics, unless its author already did.

    Args:
        model: The model.
        task: The task.
        train: The ``train`` slice, with all that is chosen.
        decay_steps: Steps in which the learning rate falls to 0 along a cosine; None keeps it.
        scale: The label's scale, in which the loss of a regression is measured; None measures it in the label's unit.
        extra_metric: A metric to track in addition to the usual ones.
    """
    if model.compiled:
        return
    names = dict.fromkeys([*always_followed(task), extra_metric])
    followed = {name: TRAINING_METRICS[task][name] for name in names if name != "loss"}
    metrics = [getattr(keras.metrics, m.keras)(name=name, **m.arguments) for name, m in followed.items()]
    loss = ScaledError(scale.deviation) if scale else LOSSES[task]
    model.compile(
        optimizer=_optimizer(model, train, decay_steps), loss=loss, metrics=metrics, jit_compile=False
    )


def _optimizer(model: keras.Model, train: TrainConfig, decay_steps: int | None) -> Any:
    rate: Any = train.learning_rate
    if decay_steps:
        rate = keras.optimizers.schedules.CosineDecay(rate, decay_steps)
    if not train.weight_decay:
        return keras.optimizers.Adam(rate)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=train.weight_decay)
    optimizer.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if v.name == "bias"])
    return optimizer


def fit(
    model: keras.Model,
    train: TrainConfig,
    splits: tuple[TransformedSplit, TransformedSplit],
    weights: Any,
    log_folder: Path | None,
    over: Over | None = None,
    check: Check | None = None,
    own: View | None = None,
    share: Share | None = None,
) -> History:
    """Fits a compiled model and leaves it with its best weights.

    Declared models are fitted by ``CompiledEpochs``; a person's own model, and rows on disk, by Keras's ``fit``. On several
    devices all are fitted by ``CompiledEpochs``: ``fit`` would give them other rows than one device.

    Args:
        model: The model.
        train: The ``train`` slice, with all that is chosen.
        splits: The train and the validation split.
        weights: Weight of each class, or None.
        log_folder: Folder for TensorBoard logs; None writes none.
        over: Whether time is over, asked after every batch; None sets no limit.
        check: Refuses a model by the numbers of its first epoch.
        own: What a person's own model takes of the matrices; None for a declared model, which takes them as they are.
        share: Finds epochs that were traced for an earlier model; these train that model, not the given one.

    Raises:
        DataError: The loss is no longer a number.
    """
    assert train.learning_rate and train.batch_size, "what the document leaves open was chosen"
    schedule = plan_schedule(train, splits[0].rows)
    history = History(schedule)
    callbacks: list[Any] = [_Recorder(history, train.learning_rate, check, log_folder is not None)]
    callbacks += [_LastStep(schedule)] if schedule.total % schedule.steps_per_epoch else []
    stopping = _early_stopping(train)
    callbacks += [stopping] if stopping else []
    callbacks += [_Deadline(history, over)] if over else []
    if log_folder:
        callbacks.append(keras.callbacks.TensorBoard(str(log_folder), write_graph=False, update_freq="epoch"))
    begin = time.perf_counter()
    together = devices() > 1
    if together and not can_be_compiled(splits):
        raise _rows_on_disk()
    if (own and not together) or not can_be_compiled(splits):
        history.way = "fit"
        log.info("training by Keras's fit: %s", "it is your own model" if own else "the rows are on disk")
        _fit_with_keras(model, train, splits, weights, schedule, callbacks, own or dict)
    else:
        make = functools.partial(CompiledEpochs, model, splits, weights, VALIDATION_ROWS, own)
        epochs = share(model, make) if share else make()
        epochs.run(schedule, train.batch_size, train.seed, callbacks)
    history.seconds = time.perf_counter() - begin
    if stopping:
        history.stopped_early = len(history.epochs) < schedule.epochs and not history.ended_by_time
        history.best_epoch = stopping.best_epoch + 1
    return history


def _fit_with_keras(
    model: keras.Model,
    train: TrainConfig,
    splits: tuple[TransformedSplit, TransformedSplit],
    weights: Any,
    schedule: Schedule,
    callbacks: list[Any],
    view: View,
) -> None:
    training, validation = splits
    assert train.batch_size
    model.steps_per_execution = steps_an_execution(schedule)
    model.fit(
        training_batches(training, train.batch_size, train.seed, weights, view),
        epochs=schedule.epochs,
        steps_per_epoch=schedule.steps_per_epoch,
        validation_data=validation_batches(validation, VALIDATION_ROWS, view),
        callbacks=callbacks,
        verbose=0,
        shuffle=False,
    )


def _rows_on_disk() -> DataError:
    return DataError(
        "train.devices",
        expected="rows of each split that fit into memory (1 GiB after Transform)",
        seen="rows on disk, which devices cannot share",
        remedy="remove train.devices, or train on fewer rows or features",
    )


def _early_stopping(train: TrainConfig) -> Any:
    config = train.early_stopping
    if config is None:
        return None
    return keras.callbacks.EarlyStopping(
        monitor="val_loss",
        mode="min",
        patience=config.patience or PATIENCE,
        min_delta=config.min_delta,
        restore_best_weights=True,
    )
