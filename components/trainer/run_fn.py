"""Trainer's ``run_fn``: load, build, fit, export."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import keras
from tfx.components.trainer.fn_args_utils import FnArgs

from components.trainer import weights
from components.trainer.data import TransformedSplit, check_labels, class_weights, load_split
from components.trainer.export import ServedModel, export
from components.trainer.features import LABEL_VOCABULARY, read_vocabulary
from components.trainer.metrics import objectives
from components.trainer.models.build import build
from components.trainer.models.own import used
from components.trainer.references.export import export_references
from components.trainer.references.fitting import fit_references
from components.trainer.result import ReferencesResult, TrainingHistory
from components.trainer.seeds import seed_everything
from components.trainer.settings import TrainingSettings
from components.trainer.training import History, compile_model, fit
from components.trainer.transform_graph import TransformGraph
from foundation.errors import UserCodeError
from foundation.own_fault import place
from foundation.publish import published_folder
from foundation.saved_model import REFERENCES_FOLDER

log = logging.getLogger(__name__)


def run_fn(fn_args: FnArgs) -> None:
    """Trains the document's model and writes it, its history and its TensorBoard logs.

    Args:
        fn_args: TFX's arguments; ``custom_config`` comes from ``make_trainer``.
    """
    settings = TrainingSettings.from_custom_config(fn_args.custom_config)
    settings = settings.with_hyperparameters((fn_args.hyperparameters or {}).get("values", {}))
    clock = Clock()
    graph = TransformGraph(fn_args.transform_graph_path, settings.label)
    splits = load_splits(graph, settings, fn_args.train_files, fn_args.eval_files)
    clock.lap("data")
    values = label_values(graph, settings)
    seed_everything(settings.train.seed)
    model = build_model(graph, settings, values)
    started_from = _warm_start(fn_args.base_model, settings, graph, model)
    weighting = class_weights(settings.train.class_weights, splits[0].labels, values)
    with used(settings.model.build_model, "a model that can be fitted"):
        history = fit(model, settings.train, splits, weighting, Path(fn_args.model_run_dir) / "tensorboard")
    clock.lap("fit")
    model_folder = Path(fn_args.serving_model_dir)
    with (
        published_folder(model_folder) as temporary,
        used(settings.model.build_model, "a model that can be exported as a SavedModel"),
    ):
        export(ServedModel(graph, model, settings.model.task, values), temporary)
    with used(settings.model.build_model, "a model whose weights can be kept"):
        weights.save(model, graph.features, model_folder.parent / "keras")
    clock.lap("export")
    references = _write_references(graph, settings, splits, values, model_folder.parent / REFERENCES_FOLDER)
    clock.lap("references")
    _write_history(Path(fn_args.model_run_dir), history, splits, clock, started_from, settings, references)


class Clock:
    """Seconds spent on each part of a run."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Records the end of a part."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now


def load_splits(
    graph: TransformGraph, settings: TrainingSettings, train_files: list[str], validation_files: list[str]
) -> tuple[TransformedSplit, TransformedSplit]:
    """Loads the train and the validation split, never the test split."""
    task = settings.model.task
    splits = (
        load_split("train", train_files, graph, task),
        load_split("validation", validation_files, graph, task),
    )
    check_labels(splits[0].labels, settings.label)
    return splits


def label_values(graph: TransformGraph, settings: TrainingSettings) -> list[str]:
    """Returns the label value of each class; in a binary task, anything not positive is 0."""
    if settings.model.task == "multiclass":
        return list(read_vocabulary(graph.output, LABEL_VOCABULARY))
    if settings.model.task == "regression":
        return []
    positive = settings.model.positive
    return ["0", "1" if positive is None or isinstance(positive, bool) else str(positive)]


def build_model(
    graph: TransformGraph, settings: TrainingSettings, values: list[str], extra_metric: str = "loss"
) -> keras.Model:
    """Builds and compiles the model; ``extra_metric`` is tracked in addition to the usual ones.

    Raises:
        UserCodeError: The user's ``build_model`` breaks its contract, or leaves an unknown metric to us.
    """
    classes = len(values) if settings.model.task == "multiclass" else 1
    model = build(settings.model, graph.features, classes, hyperparameters_of(settings, classes))
    if not model.compiled and f"val_{extra_metric}" not in objectives(settings.model.task):
        raise UserCodeError(
            place(settings.model.build_model or ""),
            expected=f"a model that is compiled with a metric {extra_metric!r}, as tune.objective says",
            seen="a model that is not compiled",
        )
    compile_model(model, settings.model.task, settings.train.learning_rate, extra_metric)
    return model


def hyperparameters_of(settings: TrainingSettings, classes: int) -> dict[str, Any]:
    """Returns the hyperparameters for a user's ``build_model``: model slice, learning rate, number of classes."""
    known = settings.model.model_dump(exclude={"type", "build_model", "positive"})
    return {**known, **settings.own, "learning_rate": settings.train.learning_rate, "classes": classes}


def _warm_start(
    base_model: str | None, settings: TrainingSettings, graph: TransformGraph, model: keras.Model
) -> dict[str, Any]:
    if not settings.train.warm_start:
        return {"warm_start": "off"}
    if not base_model:
        return {"warm_start": "no blessed model yet"}
    outcome = weights.restore(model, graph.features, Path(base_model).parent / "keras")
    if not outcome.used:
        log.warning("warm start: %s; training starts from new weights", outcome.reason)
    return {"warm_start": "used" if outcome.used else "not used", "reason": outcome.reason}


def _write_references(
    graph: TransformGraph,
    settings: TrainingSettings,
    splits: tuple[TransformedSplit, TransformedSplit],
    values: list[str],
    folder: Path,
) -> ReferencesResult:
    """Fits and writes the simple models that Evaluator compares the trained one with."""
    task = settings.model.task
    classes = len(values) if task == "multiclass" else 1
    references = fit_references(task, graph.features, splits, classes, settings.train.seed)
    with published_folder(folder) as temporary:
        export_references(graph, references, task, temporary)
    return references.result


def _write_history(
    folder: Path,
    history: History,
    splits: tuple[TransformedSplit, TransformedSplit],
    clock: Clock,
    started_from: dict[str, Any],
    settings: TrainingSettings,
    references: ReferencesResult,
) -> None:
    TrainingHistory(
        epochs=tuple(history.epochs),
        schedule=history.schedule,
        best_epoch=history.best_epoch,
        stopped_early=history.stopped_early,
        seconds=history.seconds,
        rows={"train": splits[0].rows, "validation": splits[1].rows},
        rows_without_label={"train": splits[0].without_label, "validation": splits[1].without_label},
        parts=clock.seconds,
        **started_from,
        model=settings.model.model_dump(mode="json"),
        train=settings.train.model_dump(mode="json"),
        references=references,
    ).write(folder)
