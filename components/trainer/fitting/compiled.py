"""Epochs as one traced loop over row numbers: what Keras's ``fit`` does, without its way from the data to a step.

``fit`` traces a step several times, inside a loop inside a condition, around an iterator of batches; for small data that is most
of a training. Here Keras's own ``train_step`` and ``test_step`` are traced once each, over rows that are in memory. Optimizer,
losses, metrics and callbacks are Keras's. On several devices each takes its share of a step's rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from components.trainer.data import TransformedSplit, View, row_numbers
from components.trainer.distributed.shares import devices, even, on_each, share, without_empty_shares
from components.trainer.fitting.schedule import Schedule, steps_an_execution
from components.trainer.models.bags import ProjectionOfEach

SMALL = 2_000_000
"""Weights times rows of a step up to which one thread runs it: several would hand its small operations to each other for
longer than they compute."""

Rows = tuple[Any, ...]
"""Features, labels and perhaps weights of some rows."""


def can_be_compiled(splits: Sequence[TransformedSplit]) -> bool:
    """Returns whether the rows are in memory; rows on disk are read by Python, batch by batch."""
    return not any(isinstance(c, np.memmap) for split in splits for c in split.features.values())


class CompiledEpochs:
    """The epochs of a training, or of several with the same model.

    Args:
        model: A compiled Keras model whose ``train_step`` is Keras's.
        splits: The train and the validation split, in memory.
        weights: Weight of each class, or None.
        validation_rows: Rows of a validation step.
        own: What a person's own model takes of the matrices; None for a declared model.
    """

    def __init__(
        self,
        model: keras.Model,
        splits: tuple[TransformedSplit, TransformedSplit],
        weights: np.ndarray | None,
        validation_rows: int,
        own: View | None = None,
    ) -> None:
        self._model, self._rows = model, splits[0]
        self._training = _picker(splits[0], weights, own or dict)
        self._validation = _picker(splits[1], None, own or dict)
        self._validated = splits[1].rows, validation_rows
        first = self._training(tf.range(1, dtype=tf.int64))
        if own:
            model._symbolic_build(data_batch=first)
        else:
            _make_state(model, first[1])
        size = model.count_params()
        self._train = _loop(on_each(lambda rows: model.train_step(self._training(share(rows)))), size)
        if devices() > 1 and (own or _has_lists_of_any_length(model)):
            self._train = _one_by_one(self._train)
        self._test = _loop(on_each(lambda rows: model.test_step(self._validation(share(rows)))), size)

    def run(self, schedule: Schedule, batch_size: int, seed: int, callbacks: Sequence[Any]) -> None:
        """Trains as planned, unless a callback ends it.

        Args:
            schedule: Steps and epochs.
            batch_size: Rows of a step, on all devices together.
            seed: Seed of the order of rows; the order is that of ``training_batches``.
            callbacks: Keras callbacks; they hear of executions of at most ``LARGEST_EXECUTION`` steps.
        """
        steps = steps_an_execution(schedule)
        executions = iter(row_numbers(self._rows, even(batch_size, self._rows.rows), seed).batch(steps))
        model = self._model
        told = keras.callbacks.CallbackList(
            list(callbacks),
            add_history=True,
            epochs=schedule.epochs,
            steps=schedule.steps_per_epoch,
            model=model,
        )
        model.stop_training = False
        told.on_train_begin()
        logs: dict[str, float] = {}
        for epoch in range(schedule.epochs):
            told.on_epoch_begin(epoch)
            self._epoch(range(0, schedule.steps_per_epoch, steps), executions, told)
            logs = self._results()
            model.reset_metrics()
            self._validate()
            logs |= {f"val_{name}": value for name, value in self._results().items()}
            told.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        model.optimizer.finalize_variable_values(model.trainable_weights)
        told.on_train_end(logs)

    def _epoch(self, begins: range, executions: Iterator[tf.Tensor], told: Any) -> None:
        self._model.reset_metrics()
        for begin in begins:
            told.on_train_batch_begin(begin)
            self._train(next(executions))
            told.on_train_batch_end(begin + begins.step - 1)
            if self._model.stop_training:
                break

    def _validate(self) -> None:
        rows, at_once = self._validated
        whole = without_empty_shares(rows, at_once)
        if whole:
            self._test(tf.reshape(tf.range(whole, dtype=tf.int64), [-1, at_once]))
        if rows > whole:
            self._test(tf.range(whole, rows, dtype=tf.int64)[tf.newaxis])

    def _results(self) -> dict[str, float]:
        return {name: float(value) for name, value in self._model.get_metrics_result().items()}


def _make_state(model: keras.Model, labels: tf.Tensor) -> None:
    """Makes the variables of optimizer and metrics, which cannot be made within a loop.

    Keras's own way calls model, loss and metrics symbolically for that; a declared model is built, and its metrics have theirs.
    """
    label = keras.KerasTensor(labels.shape, keras.backend.standardize_dtype(labels.dtype))
    model._compile_metrics.build(label, model.output)
    model._compile_loss.build(label, model.output)
    model.optimizer.build(model.trainable_variables)
    model._post_build()


def _loop(step: Callable[[tf.Tensor], object], weights: int) -> Callable[[tf.Tensor], None]:
    """Returns a function that takes one step for each line of row numbers ``[steps, rows]``, traced once.

    Args:
        step: What is done with the numbers of some rows.
        weights: Number of the model's weights.
    """

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64)], autograph=False)
    def run(numbers: tf.Tensor) -> None:
        count = tf.shape(numbers)[0]

        def body(number: tf.Tensor) -> tuple[tf.Tensor]:
            step(numbers[number])
            return (number + 1,)

        tf.while_loop(lambda number: number < count, body, [0], parallel_iterations=1)

    def call(numbers: tf.Tensor) -> None:
        with _threads_for(weights * int(numbers.shape[1])):
            run(numbers)

    return call


def _has_lists_of_any_length(model: keras.Model) -> bool:
    """Returns whether a step's gradients list as many rows of a kernel as the step has words."""
    return any(isinstance(layer, ProjectionOfEach) for layer in model._flatten_layers())


def _one_by_one(loop: Callable[[tf.Tensor], None]) -> Callable[[tf.Tensor], None]:
    """Returns a function that takes each step in a loop of its own: within one, devices can add up one shape only."""

    def call(numbers: tf.Tensor) -> None:
        for number in range(int(numbers.shape[0])):
            loop(numbers[number : number + 1])

    return call


def _threads_for(work: int) -> contextlib.AbstractContextManager[Any]:
    """Returns what calls run in, by the weights times the rows of a step."""
    if work > SMALL or devices() > 1:
        return contextlib.nullcontext()
    executor: contextlib.AbstractContextManager[Any] = context.function_executor_type(
        "SINGLE_THREADED_EXECUTOR"
    )
    return executor


def _picker(
    split: TransformedSplit, class_weight: np.ndarray | None, view: View
) -> Callable[[tf.Tensor], Rows]:
    """Returns a function that picks rows of a split by number."""
    features = {name: tf.constant(column) for name, column in split.features.items()}
    beside = [tf.constant(split.labels[:, np.newaxis])]
    if class_weight is not None:
        beside.append(tf.constant(class_weight[split.labels.astype(np.int64)]))

    def pick(rows: tf.Tensor) -> Rows:
        picked = {name: tf.gather(column, rows) for name, column in features.items()}
        final = {name: tf.cast(c, tf.float32) if c.dtype == tf.uint8 else c for name, c in picked.items()}
        return (view(final), *(tf.gather(column, rows) for column in beside))

    return pick
