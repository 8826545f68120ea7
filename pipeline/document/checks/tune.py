"""Contradictions in the ``tune`` section: objective, limits, search space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.models import MODEL_TYPES, hyperparameters
from components.tuner.config import RangeConfig, objective_fault
from components.tuner.space import Space
from foundation.document.problems import Path, Problem, show_value
from foundation.document.translate import expected_words
from foundation.errors import near_miss
from pipeline.document.models import PipelineSpec

_OF_TRAIN = ("learning_rate", "batch_size", "weight_decay")
_GIVEN = "classes"
"""Key that ``build_model`` is always given."""


def objective(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds an objective that training does not compute."""
    if spec.tune is None:
        return
    fault = objective_fault(spec.tune, spec.model.task, spec.model.build_model is not None)
    if fault:
        key, what, remedy = fault
        yield Problem(("tune", key), what, remedy=remedy)


def limits(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a search without a limit."""
    if spec.tune is None:
        return
    if spec.tune.algorithm == "hyperband" and spec.tune.epochs is None:
        what, remedy = (
            "hyperband allocates epochs, but none are given",
            "give tune.epochs, the maximum per trial",
        )
        yield Problem(("tune", "algorithm"), what, remedy=remedy)
    if spec.tune.algorithm != "hyperband" and spec.tune.trials is None and spec.tune.minutes is None:
        yield Problem(("tune",), "the search has no limit", remedy="give trials or minutes", on_key=True)


def search(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds hyperparameters that make no difference, and invalid values."""
    if spec.tune is None:
        return
    for name, space in spec.tune.search.items():
        path: Path = ("tune", "search", name)
        unusable = _unusable(name, spec)
        if unusable:
            yield Problem(path, unusable[0], remedy=unusable[1], on_key=True)
        elif name in (*hyperparameters(), *_OF_TRAIN):
            yield from _values(path, name, space)
    if not spec.tune.search:
        yield Problem(
            ("tune", "search"),
            "nothing to search for",
            remedy="name hyperparameters, or omit search for the default",
        )


def _unusable(name: str, spec: PipelineSpec) -> tuple[str, str] | None:
    """Returns why searching a hyperparameter is pointless and what to do, or None if it is not."""
    assert spec.tune is not None, "there is a search"
    own = spec.model.build_model is not None
    known = [*hyperparameters(), *_OF_TRAIN]
    if own:
        taken = {*ModelConfigSlice.model_fields, *TrainConfig.model_fields} - {*known[1:]}
        if name in taken or name == _GIVEN or "/" in name:
            return f"{name!r} is no name for a hyperparameter of your own model; it is taken", "rename it"
        return None
    if name not in known:
        remedy = near_miss(name, known) or f"known: {', '.join(known)}"
        return f"no built-in model has a hyperparameter {name!r}", remedy
    types = Space(spec.tune.search, spec.model.type).types
    readers = [kind for kind in types if kind in MODEL_TYPES and name in MODEL_TYPES[kind].keys]
    if "search" in spec.tune.model_fields_set and name not in ("type", *_OF_TRAIN) and not readers:
        reading = [kind for kind, one in MODEL_TYPES.items() if name in one.keys]
        remedy = f"remove it, or set model.type to {' or '.join(reading)}"
        return f"a {' or '.join(map(str, types))} model has no hyperparameter {name!r}", remedy
    return None


def _values(path: Path, name: str, space: RangeConfig) -> Iterator[Problem]:
    owner: type[BaseModel] = TrainConfig if name in _OF_TRAIN else ModelConfigSlice
    if space.type is not None:
        what = f"the type of {name} is known; type is for hyperparameters of your own model"
        yield Problem((*path, "type"), what, remedy="remove it", on_key=True)
    named: list[tuple[Path, Any]] = [
        ((*path, key), getattr(space, key)) for key in ("min", "max") if getattr(space, key) is not None
    ]
    named += [((*path, "choice", index), value) for index, value in enumerate(space.choice or [])]
    for place, value in named:
        whole = int(value) if isinstance(value, float) and value.is_integer() else value
        try:
            owner.model_validate({name: whole}, strict=True)
        except ValidationError as error:
            expected = expected_words(error.errors(include_url=False)[0])
            yield Problem(place, f"{show_value(value)} is not a value of {name}", expected=expected)
