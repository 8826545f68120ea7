"""The document's ``tune.search`` as keras-tuner's hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import keras_tuner

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.tuner.config import RangeConfig


def search_space(search: Mapping[str, RangeConfig]) -> keras_tuner.HyperParameters:
    """Returns the search space.

    Lists (``hidden``) become JSON text because keras-tuner has no lists; the trainer converts them back.

    Args:
        search: Hyperparameter → values to try.
    """
    space = keras_tuner.HyperParameters()
    for name, one in search.items():
        if one.choice is not None:
            space.Choice(name, _same_type(one.choice), ordered=False)
            continue
        sampling = "log" if one.log else "linear"
        if _is_integer(name):
            space.Int(name, int(one.min or 0), int(one.max or 0), sampling=sampling)
        else:
            space.Float(name, float(one.min or 0), float(one.max or 0), sampling=sampling)
    return space


def _is_integer(name: str) -> bool:
    fields = {**ModelConfigSlice.model_fields, **TrainConfig.model_fields}
    return name in fields and fields[name].annotation in (int, int | None)


def _same_type(choices: list[Any]) -> list[Any]:
    """Returns choices of one type: numbers as floats if any is a float, everything else as text."""
    if all(isinstance(value, int) for value in choices):
        return choices
    if all(isinstance(value, (int, float)) for value in choices):
        return [float(value) for value in choices]
    return [value if isinstance(value, str) else json.dumps(value) for value in choices]
