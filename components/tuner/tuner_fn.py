"""Tuner's ``tuner_fn``: the search over the train and the validation split, never the test split."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from components.trainer.data import class_weights
from components.trainer.fitting.schedule import plan_schedule
from components.trainer.fitting.seeds import seed_everything
from components.trainer.fitting.traces import Traces, trace_key
from components.trainer.fitting.training import History, Over, fit
from components.trainer.models.own import used
from components.trainer.recipe import Size
from components.trainer.run_fn import build_model, label_values, load_splits
from components.trainer.settings import TrainingSettings
from components.trainer.transform_graph import TransformGraph
from components.tuner.config import LIMITS, TuneConfig
from components.tuner.oracles import make_oracle
from components.tuner.result import Outcome
from components.tuner.space import Space
from components.tuner.trials import TrialSearch
from foundation.errors import DataError, UserCodeError
from foundation.own_fault import place

_BLOCK = 1 << 22


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Makes the search; the same search resumes, changed settings or data start a new one.

    Args:
        fn_args: TFX's arguments; ``custom_config`` comes from ``make_tuner``.
    """
    config = fn_args.custom_config
    tune = TuneConfig.model_validate(config["tune"])
    settings = TrainingSettings.from_custom_config(config)
    files = [*fn_args.train_files, *fn_args.eval_files]
    folder = Path(config["work_dir"]) / fingerprint(
        config, [*files, f"{fn_args.transform_graph_path}/transform_fn/*.pb"]
    )
    graph = TransformGraph(fn_args.transform_graph_path, settings.label)
    trials = _Trials(graph, settings, tune, fn_args.train_files, fn_args.eval_files)
    oracle = make_oracle(tune, Space.of(tune.search, settings.model))
    search = TrialSearch(oracle, trials.train, trials.rehearse, folder, tune)
    return TunerFnResult(tuner=search, fit_kwargs={})


class _Trials:
    """Trains the trials of a search; the data is loaded once for all."""

    def __init__(
        self,
        graph: TransformGraph,
        settings: TrainingSettings,
        tune: TuneConfig,
        train_files: list[str],
        eval_files: list[str],
    ) -> None:
        self._graph, self._settings, self._tune = graph, settings, tune
        self._splits = load_splits(graph, settings, train_files, eval_files)
        self._values = label_values(graph, settings)
        self._weights = class_weights(settings.train.class_weights, self._splits[0].labels, self._values)
        self._traces = Traces()

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


def fingerprint(config: Mapping[str, Any], patterns: Sequence[str]) -> str:
    """Returns the name of a search, derived from its settings and data but not its limits.

    ``trials`` and ``minutes`` are ignored so that a search can be given more of them and resumed.

    Args:
        config: The component's ``custom_config``.
        patterns: File patterns of the data; each file counts with all its bytes.
    """
    tune = {key: value for key, value in config["tune"].items() if key not in LIMITS}
    settings = {key: value for key, value in config.items() if key != "work_dir"}
    digest = hashlib.sha256(json.dumps({**settings, "tune": tune}, sort_keys=True).encode())
    for pattern in patterns:
        for file in sorted(tf.io.gfile.glob(pattern)):
            with tf.io.gfile.GFile(file, "rb") as opened:
                digest.update(f"{Path(file).name} {opened.size()}".encode())
                while block := opened.read(_BLOCK):
                    digest.update(block)
    return f"search_{digest.hexdigest()[:16]}"
