"""Traced epochs that trainings of one process share: a training that differs in numbers alone needs no trace of its own.

Tracing is most of a small training. The learning rate, ``l2``, ``dropout`` and ``weight_decay`` are read from variables
in a shared trace; what decides over operations (layers and their widths, whether there is a penalty at all, a learning rate
that falls) is its key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.fitting.compiled import CompiledEpochs
from components.trainer.models import MODEL_TYPES
from components.trainer.models.dropout import Dropout

MOST = 4
"""Traces that are kept; each holds its graphs and, in its optimizer, three times the weights."""


def trace_key(model: ModelConfigSlice, train: TrainConfig, decay_steps: int | None) -> str:
    """Returns what two trainings on the same rows have in common if they can share a trace.

    Args:
        model: The ``model`` slice of a built-in model, with all that is chosen.
        train: The ``train`` slice, with all that is chosen.
        decay_steps: Steps in which the learning rate falls to 0; None keeps it.
    """
    layers = model.model_dump(mode="json")
    layers |= {name: bool(layers[name]) for name in MODEL_TYPES[model.type].numbers}
    falls = [train.learning_rate, decay_steps] if decay_steps else None
    return json.dumps([layers, bool(train.weight_decay), falls], sort_keys=True)


class Traces:
    """The traced epochs of one search: the same rows, task, metrics and class weights."""

    def __init__(self) -> None:
        self._kept: dict[str, _Shared] = {}

    def epochs(self, key: str, model: keras.Model, make: Callable[[], CompiledEpochs]) -> CompiledEpochs:
        """Returns epochs that train from the state of a new model, traced if a model of this key came before.

        Args:
            key: Of ``trace_key``.
            model: The model as built and compiled; epochs that were traced for another one train that one.
            make: Makes epochs of the model.
        """
        shared = self._kept.pop(key, None)
        if shared is None:
            shared = _Shared(model, make)
        else:
            shared.take_over(model)
        self._kept[key] = shared
        while len(self._kept) > MOST:
            self._kept.pop(next(iter(self._kept)))
        return shared.epochs


class _Shared:
    """One trace, the model that it trains, and the variables that stand for its numbers."""

    def __init__(self, model: keras.Model, make: Callable[[], CompiledEpochs]) -> None:
        self._model = model
        for holder, name in _numbers_of(model):
            setattr(holder, name, tf.Variable(getattr(holder, name), dtype=tf.float32, trainable=False))
        self.epochs = make()
        self._start = [variable.numpy() for variable in model.optimizer.variables]

    def take_over(self, model: keras.Model) -> None:
        """Has the next epochs train what a new model holds, by its numbers."""
        mine = self._model
        for holder, other in zip(_numbers_of(mine), _numbers_of(model), strict=True):
            getattr(*holder).assign(getattr(*other))
        for variable, value in zip(mine.variables, model.variables, strict=True):
            variable.assign(value)
        for variable, value in zip(mine.optimizer.variables, self._start, strict=True):
            variable.assign(value)
        if not isinstance(mine.optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
            mine.optimizer.learning_rate = float(model.optimizer.learning_rate)


def _numbers_of(model: keras.Model) -> Iterator[tuple[Any, str]]:
    """Yields object and attribute of each number that a shared trace reads from a variable, in the order of layers."""
    for variable in model.trainable_variables:
        if isinstance(variable.regularizer, keras.regularizers.L2):
            yield variable.regularizer, "l2"
    for layer in model._flatten_layers():
        if isinstance(layer, Dropout):
            yield layer, "rate"
    if model.optimizer.weight_decay:
        yield model.optimizer, "weight_decay"
