"""Contradictions in the ``tune`` section: objective, limits, search space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from components.trainer.config import ModelConfigSlice, TrainConfig
from components.trainer.metrics import objectives
from components.trainer.models import hyperparameters
from components.tuner.config import RangeConfig
from foundation.document.problems import Path, Problem, show_value
from foundation.document.translate import expected_words
from foundation.errors import near_miss
from pipeline.document.models import PipelineSpec

_OF_TRAIN = ("learning_rate", "batch_size")


def objective(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds an objective that training does not compute."""
    if spec.tune is None or spec.model.build_model is not None:
        # The user's own model may be compiled with its own metrics.
        return
    known, wanted = objectives(spec.model.task), spec.tune.objective
    if wanted not in known:
        # The shared prefix would make every word a near miss.
        bare = [name.removeprefix("val_") for name in known]
        near = near_miss(wanted.removeprefix("val_"), bare).replace("mean '", "mean 'val_")
        remedy = near or f"known: {', '.join(known)}"
        yield Problem(
            ("tune", "objective"),
            f"training a {spec.model.task} model does not compute {wanted!r}",
            remedy=remedy,
        )


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
    """Finds unused hyperparameters, and invalid values."""
    if spec.tune is None:
        return
    known = [*hyperparameters(), *_OF_TRAIN]
    for name, space in spec.tune.search.items():
        path: Path = ("tune", "search", name)
        if name in known:
            yield from _values(path, name, space)
        elif spec.model.build_model is None:
            remedy = near_miss(name, known) or f"known: {', '.join(known)}"
            yield Problem(
                path, f"no built-in model has a hyperparameter {name!r}", remedy=remedy, on_key=True
            )
    if not spec.tune.search:
        yield Problem(
            ("tune", "search"),
            "nothing to search for",
            remedy="name hyperparameters, or omit search for the default",
        )


def _values(path: Path, name: str, space: RangeConfig) -> Iterator[Problem]:
    owner: type[BaseModel] = TrainConfig if name in _OF_TRAIN else ModelConfigSlice
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
    if space.log and space.min is not None and space.min <= 0 and name != "learning_rate":
        yield Problem((*path, "min"), "a logarithmic range must start above 0", seen=f"{space.min:g}")
