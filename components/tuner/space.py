"""The settings of a search: which are distinct, how many there are, and which are left; no TensorFlow.

Two settings are the same if they train the same model: a hyperparameter that the chosen model type does not read makes
no difference.
"""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.models import MODEL_TYPES, hyperparameters
from components.tuner.config import RangeConfig

Values = dict[str, Any]
"""Hyperparameter → value, as keras-tuner has it: a list is its JSON text."""

LISTED = 10_000
"""Settings of one model type that are listed at most; of more, some are sampled."""
_SAMPLES = 500


def choices(one: RangeConfig) -> list[Any] | None:
    """Returns the values of a choice as keras-tuner has them, all of one type; None for a range."""
    if one.choice is None:
        return None
    values: list[Any] = list(one.choice)
    if any(isinstance(value, float) for value in values):
        return [float(value) for value in values]
    return [json.dumps(value) if isinstance(value, list) else value for value in values]


def is_whole(name: str, one: RangeConfig) -> bool:
    """Returns whether a range is one of whole numbers: by the key's type in ``model`` or ``train``, or as written."""
    fields = {**ModelConfigSlice.model_fields, **TrainConfig.model_fields}
    if name in fields:
        return fields[name].annotation in (int, int | None)
    return one.whole


def bounds(one: RangeConfig) -> tuple[float, float]:
    """Returns the bounds of a range."""
    assert one.min is not None and one.max is not None, "a range has both bounds"
    return one.min, one.max


@dataclass(frozen=True)
class Space:
    """What a search can try.

    Attributes:
        search: Hyperparameter → values to try; the written ones that the model reads.
        model_type: The type of a built-in model unless the search chooses it; None for the user's own.
    """

    search: Mapping[str, RangeConfig]
    model_type: str | None

    @classmethod
    def of(cls, search: Mapping[str, RangeConfig], model: ModelConfigSlice) -> Space:
        """Returns the space of a document, without hyperparameters that no model of the search reads."""
        space = cls(search, None if model.build_model else model.type)
        read = {name for chosen in space.types for name in space.read_by(chosen)}
        return cls({name: one for name, one in search.items() if name in read}, space.model_type)

    @property
    def types(self) -> list[str | None]:
        """The model types that the search may choose."""
        if self.model_type is None or "type" not in self.search:
            return [self.model_type]
        return [str(name) for name in self.search["type"].choice or [self.model_type]]

    def read_by(self, model_type: str | None) -> list[str]:
        """Returns the hyperparameters that make a difference to a model of this type."""
        if model_type is None:
            return [name for name in self.search if name != "type"]
        unread = set(hyperparameters()) - {"type", *MODEL_TYPES[model_type].keys}
        return [name for name in self.search if name not in unread]

    def distinct(self, values: Mapping[str, Any]) -> Values:
        """Returns the values that make a difference."""
        chosen = None if self.model_type is None else str(values.get("type", self.model_type))
        ours = self.read_by(chosen)
        return {name: value for name, value in values.items() if name in ours or name not in self.search}

    def values_of(self, name: str) -> range | list[Any] | None:
        """Returns all values of a hyperparameter, None if there is no end of them."""
        one = self.search[name]
        if one.choice is not None:
            return choices(one)
        low, high = bounds(one)
        return range(int(low), int(high) + 1) if is_whole(name, one) else None

    @property
    def size(self) -> int | None:
        """Number of distinct settings, None if there is no end of them."""
        sizes = [self._size_of(chosen) for chosen in self.types]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def is_listed(self) -> bool:
        """Whether ``untried`` returns all settings."""
        sizes = [self._size_of(chosen) for chosen in self.types]
        return all(size is not None and size <= LISTED for size in sizes)

    def _size_of(self, model_type: str | None) -> int | None:
        columns = [self.values_of(name) for name in self.read_by(model_type) if name != "type"]
        if any(column is None for column in columns):
            return None
        return math.prod(len(column or ()) for column in columns)

    def untried(self, is_tried: Callable[[Values], bool], chance: random.Random) -> list[Values]:
        """Returns settings that were not tried: all of them where they can be listed, otherwise a sample.

        Args:
            is_tried: Whether a setting was tried.
            chance: Random numbers.
        """
        found = []
        for chosen in self.types:
            size = self._size_of(chosen)
            few = size is not None and size <= LISTED
            settings = self._listed(chosen) if few else self._sampled(chosen, chance)
            found += [values for values in settings if not is_tried(values)]
        return found

    def _listed(self, model_type: str | None) -> Iterator[Values]:
        read = self.read_by(model_type)
        columns = [
            self._column(name, model_type) if name in read else [self._any(name)] for name in self.search
        ]
        for row in itertools.product(*columns):
            yield dict(zip(self.search, row, strict=True))

    def _column(self, name: str, model_type: str | None) -> Any:
        return [model_type] if name == "type" else self.values_of(name)

    def _any(self, name: str) -> Any:
        known = self.values_of(name)
        return bounds(self.search[name])[0] if known is None else known[0]

    def _sampled(self, model_type: str | None, chance: random.Random) -> Iterator[Values]:
        for _ in range(_SAMPLES):
            yield {
                name: model_type if name == "type" and model_type else self._sample(name, chance)
                for name in self.search
            }

    def _sample(self, name: str, chance: random.Random) -> Any:
        known = self.values_of(name)
        if known is not None:
            return chance.choice(known)
        low, high = bounds(self.search[name])
        if self.search[name].log:
            return math.exp(chance.uniform(math.log(low), math.log(high)))
        return chance.uniform(low, high)


def hyperband_trials(epochs: int, factor: int = 3) -> int:
    """Returns how many trials hyperband's whole schedule has.

    Args:
        epochs: Largest number of epochs per trial.
        factor: Of how many trials one gets more epochs.
    """
    return sum(sum(sizes) for sizes in hyperband_sizes(epochs, factor))


def hyperband_sizes(epochs: int, factor: int = 3) -> list[list[int]]:
    """Returns the number of trials in each round of each bracket, the bracket with most rounds first."""
    brackets = 0
    left = float(epochs)
    while left >= 1:
        left, brackets = left / factor, brackets + 1
    last = math.ceil(1 + math.log(epochs, factor))
    return [
        [math.ceil(last / (bracket + 1) * factor ** (bracket - number)) for number in range(bracket + 1)]
        for bracket in reversed(range(brackets))
    ]
