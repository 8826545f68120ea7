"""Trains the trials of a search on the train and the validation split, never the test split."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from components.trainer.data import TransformedSplit, class_weights
from components.trainer.fitting.schedule import plan_schedule
from components.trainer.fitting.seeds import seed_everything
from components.trainer.fitting.traces import Traces, trace_key
from components.trainer.fitting.training import History, fit
from components.trainer.models.own import used
from components.trainer.recipe import Size
from components.trainer.run_fn import build_model, label_values, load_splits
from components.trainer.settings import TrainingSettings
from components.trainer.transform_graph import TransformGraph
from components.tuner.config import TuneConfig
from components.tuner.result import Outcome
from components.tuner.workers.jobs import Over
from foundation.errors import DataError, UserCodeError
from foundation.own_fault import place


class TrialTraining:
    """Trains the trials of a search; the data is loaded once for all, when it is first needed.

    Args:
        config: The component's ``custom_config``.
        graph: Folder of the Transform graph.
        train_files: File patterns of the train split.
        eval_files: File patterns of the validation split.
    """

    def __init__(
        self, config: Mapping[str, Any], graph: str, train_files: list[str], eval_files: list[str]
    ) -> None:
        self._tune = TuneConfig.model_validate(config["tune"])
        self._settings = TrainingSettings.from_custom_config(config)
        self._place, self._train_files, self._eval_files = graph, train_files, eval_files
        self._traces = Traces()

    def load(self) -> None:
        """Loads the data.

        Raises:
            DataError: It cannot be trained on.
        """
        _ = self._weights

    @cached_property
    def _graph(self) -> TransformGraph:
        return TransformGraph(self._place, self._settings.label)

    @cached_property
    def _splits(self) -> tuple[TransformedSplit, TransformedSplit]:
        return load_splits(self._graph, self._settings, self._train_files, self._eval_files)

    @cached_property
    def _values(self) -> list[str]:
        return label_values(self._graph, self._settings)

    @cached_property
    def _weights(self) -> np.ndarray | None:
        return class_weights(self._settings.train.class_weights, self._splits[0].labels, self._values)

    def train(self, hyperparameters: Mapping[str, Any], epochs: int | None, over: Over) -> Outcome:
        """Trains one trial and returns the metrics of its best epoch."""
        limit = epochs or self._tune.epochs
        changes = {"steps": None, "epochs": limit} if limit else {}
        history = self._fit(hyperparameters, changes, over)
        objective = self._tune.objective
        ended = [numbers for numbers in history.epochs if math.isfinite(numbers[objective])]
        if not ended:
            raise DataError(
                f"training, {objective}", expected="a number in at least one epoch", seen="NaN or infinity"
            )
        choose = min if self._tune.goal == "min" else max
        best = choose(ended, key=lambda numbers: numbers[objective])
        return Outcome(
            metrics={name: value for name, value in best.items() if name not in ("epoch", "seconds")},
            epochs=len(history.epochs),
            stopped_early=history.stopped_early,
            ended_by_time=history.ended_by_time,
        )

    def rehearse(self, hyperparameters: Mapping[str, Any]) -> None:
        """Builds a model and trains it for one step."""
        self._fit(hyperparameters, {"steps": 1, "epochs": None, "steps_per_epoch": None}, None)

    def _fit(
        self, hyperparameters: Mapping[str, Any], changes: Mapping[str, Any], over: Over | None
    ) -> History:
        chosen = self._settings.with_hyperparameters(hyperparameters)
        chosen = dataclasses.replace(chosen, train=chosen.train.model_copy(update=changes))
        chosen = chosen.for_table(Size.of(self._splits[0].rows, self._graph.features))
        seed_everything(chosen.train.seed)
        extra = self._tune.objective.removeprefix("val_")
        model = build_model(self._graph, chosen, self._values, self._splits[0], extra)
        own = chosen.model.build_model
        with used(own, "a model that can be fitted"):
            check = _objective_check(own, self._tune.objective)
            view = self._graph.matrices.unpack if own else None
            share = None if own else functools.partial(self._traces.epochs, self._trace_key(chosen))
            return fit(
                model, chosen.train, self._splits, self._weights, None, over, check, own=view, share=share
            )

    def _trace_key(self, chosen: TrainingSettings) -> str:
        steps = plan_schedule(chosen.train, self._splits[0].rows).total if chosen.decays else None
        return trace_key(chosen.model, chosen.train, steps)


def _objective_check(own: str | None, objective: str) -> Callable[[Mapping[str, float]], None]:
    def check(numbers: Mapping[str, float]) -> None:
        """Refuses a model that its author compiled without the objective."""
        if objective not in numbers:
            tracked = [name for name in numbers if name.startswith("val_")]
            raise UserCodeError(
                place(own or ""),
                expected=f"a model compiled with a metric {objective.removeprefix('val_')!r}, as tune.objective says",
                seen=", ".join(tracked),
                remedy="add it to compile(metrics=[...]) by that name, or name one of these",
            )

    return check
