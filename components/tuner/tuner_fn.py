"""Tuner's ``tuner_fn``: the search over the train and the validation split, never the test split."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from components.trainer.data import class_weights
from components.trainer.run_fn import build_model, label_values, load_splits
from components.trainer.seeds import seed_everything
from components.trainer.settings import TrainingSettings
from components.trainer.training import fit
from components.trainer.transform_graph import TransformGraph
from components.tuner.config import TuneConfig, direction_of
from components.tuner.search_space import search_space
from components.tuner.trials import Train, TrialSearch, make_oracle

_HEAD_BYTES = 65536


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
    train = _trainer(graph, settings, tune, fn_args.train_files, fn_args.eval_files)
    search = TrialSearch(make_oracle(tune, search_space(tune.search)), train, folder, tune.minutes)
    return TunerFnResult(tuner=search, fit_kwargs={})


def _trainer(
    graph: TransformGraph,
    settings: TrainingSettings,
    tune: TuneConfig,
    train_files: list[str],
    eval_files: list[str],
) -> Train:
    """Returns the function that trains one trial; the data is loaded once for all."""
    splits = load_splits(graph, settings, train_files, eval_files)
    values = label_values(graph, settings)
    weights = class_weights(settings.train.class_weights, splits[0].labels, values)
    best = min if direction_of(tune.objective) == "min" else max

    def train(hyperparameters: Mapping[str, Any], epochs: int | None) -> dict[str, float]:
        chosen = settings.with_hyperparameters(hyperparameters)
        limit = epochs or tune.epochs
        if limit:
            limited = chosen.train.model_copy(update={"steps": None, "epochs": limit})
            chosen = dataclasses.replace(chosen, train=limited)
        seed_everything(chosen.train.seed)
        model = build_model(graph, chosen, values, extra_metric=tune.objective.removeprefix("val_"))
        history = fit(model, chosen.train, splits, weights, None)
        epoch = best(history.epochs, key=lambda numbers: numbers[tune.objective])
        return {name: value for name, value in epoch.items() if name not in ("epoch", "seconds")}

    return train


def fingerprint(config: Mapping[str, Any], patterns: Sequence[str]) -> str:
    """Returns the name of a search, derived from its settings and data but not its limits.

    ``trials`` and ``minutes`` are ignored so that a search can be given more of them and resumed.

    Args:
        config: The component's ``custom_config``.
        patterns: File patterns of the data; each file counts by its size and first bytes.
    """
    tune = {key: value for key, value in config["tune"].items() if key not in ("trials", "minutes")}
    settings = {key: value for key, value in config.items() if key != "work_dir"}
    digest = hashlib.sha256(json.dumps({**settings, "tune": tune}, sort_keys=True).encode())
    for pattern in patterns:
        for file in sorted(tf.io.gfile.glob(pattern)):
            with tf.io.gfile.GFile(file, "rb") as opened:
                digest.update(f"{Path(file).name} {opened.size()}".encode() + opened.read(_HEAD_BYTES))
    return f"search_{digest.hexdigest()[:16]}"
