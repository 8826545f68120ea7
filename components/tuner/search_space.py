"""A search's space as keras-tuner's hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping

import keras_tuner

from components.tuner.config import RangeConfig
from components.tuner.space import bounds, choices, is_whole


def search_space(search: Mapping[str, RangeConfig]) -> keras_tuner.HyperParameters:
    """Returns the search space.

    Lists (``hidden``) become JSON text because keras-tuner has no lists; the trainer converts them back.

    Args:
        search: Hyperparameter → values to try.
    """
    space = keras_tuner.HyperParameters()
    for name, one in search.items():
        _add(space, name, one)
    return space


def _add(space: keras_tuner.HyperParameters, name: str, one: RangeConfig) -> None:
    values = choices(one)
    if values == [True, False] or values == [False, True]:
        space.Boolean(name)
    elif values is not None and isinstance(values[0], bool):
        space.Fixed(name, values[0])
    elif values is not None:
        space.Choice(name, values, ordered=False)
    else:
        low, high = bounds(one)
        sampling = "log" if one.log else "linear"
        if is_whole(name, one):
            space.Int(name, int(low), int(high), sampling=sampling)
        else:
            space.Float(name, float(low), float(high), sampling=sampling)
