"""Trainer's ``run_fn``: load, build, fit, export."""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from components.trainer import weights
from components.trainer.data import TransformedSplit, check_labels, class_weights, load_split
from components.trainer.distributed import launch
from components.trainer.export import ServedModel, export
from components.trainer.features import LABEL_VOCABULARY, read_vocabulary
from components.trainer.fitting.schedule import plan_schedule
from components.trainer.fitting.seeds import seed_everything
from components.trainer.fitting.training import History, compile_model, fit
from components.trainer.kept_rows import kept_split
from components.trainer.metrics import objectives
from components.trainer.models.build import build
from components.trainer.models.own import used
from components.trainer.models.scale import LabelScale
from components.trainer.recipe import Size
from components.trainer.references.export import export_references
from components.trainer.references.fitting import fit_references
from components.trainer.references.kept import kept_references
from components.trainer.result import ReferencesResult, TrainingHistory
from components.trainer.settings import TrainingSettings, with_even_steps
from components.trainer.transform_graph import TransformGraph
from foundation.config import Config
from foundation.errors import UserCodeError
from foundation.own_fault import place
from foundation.publish import published_folder
from foundation.saved_model import REFERENCES_FOLDER

if TYPE_CHECKING:  # whoever trains without TFX need not import it
    from tfx.components.trainer.fn_args_utils import FnArgs

log = logging.getLogger(__name__)

_ARGUMENTS = (
    "train_files",
    "eval_files",
    "transform_graph_path",
    "serving_model_dir",
    "model_run_dir",
    "base_model",
    "hyperparameters",
    "custom_config",
)
"""Of TFX's arguments, those that a training reads."""


def run_fn(fn_args: FnArgs) -> None:
    """Trains the document's model and writes it, its history and its TensorBoard logs.

    Args:
        fn_args: TFX's arguments; ``custom_config`` comes from ``make_trainer``.
    """
    devices = TrainingSettings.from_custom_config(fn_args.custom_config).train.devices
    if devices is None:
        train(fn_args)
        return
    arguments = {name: getattr(fn_args, name) for name in _ARGUMENTS}
    launch.train(arguments, devices, Path(fn_args.model_run_dir) / "workers")


def train(fn_args: FnArgs, strategy: Any = None, writes: bool = True) -> None:
    """Trains in this process.

    Args:
        fn_args: See ``run_fn``.
        strategy: The ``tf.distribute`` strategy of several devices; None trains on one.
        writes: Whether this process writes the results; of several workers, the chief alone does.
    """
    settings = TrainingSettings.from_custom_config(fn_args.custom_config)
    settings = settings.with_hyperparameters((fn_args.hyperparameters or {}).get("values", {}))
    clock = Clock()
    graph = TransformGraph(fn_args.transform_graph_path, settings.label)
    splits = load_splits(graph, settings, fn_args.train_files, fn_args.eval_files)
    clock.lap("data")
    settings = settings.for_table(Size.of(splits[0].rows, graph.features))
    if strategy:
        settings = with_even_steps(settings, strategy.num_replicas_in_sync)
    values = label_values(graph, settings)
    make = functools.partial(build_model, graph, settings, values, splits[0])
    seed_everything(settings.train.seed)
    weighting = class_weights(settings.train.class_weights, splits[0].labels, values)
    own = graph.matrices.unpack if settings.model.build_model else None
    with strategy.scope() if strategy else contextlib.nullcontext():
        model = make()
        started_from = _warm_start(fn_args.base_model, settings, graph, model)
        with used(settings.model.build_model, "a model that can be fitted"):
            logs = Path(fn_args.model_run_dir) / "tensorboard" if writes else None
            history = fit(model, settings.train, splits, weighting, logs, own=own)
    clock.lap("fit")
    if not writes:
        return
    if strategy:
        model = _on_one_device(model, make, settings.train.seed)
    model_folder = Path(fn_args.serving_model_dir)
    with (
        published_folder(model_folder) as temporary,
        used(settings.model.build_model, "a model that can be exported as a SavedModel"),
    ):
        export(ServedModel(graph, model, settings.model.task, values, own), temporary)
    with used(settings.model.build_model, "a model whose weights can be kept"):
        weights.save(model, graph.features, model_folder.parent / "keras")
    clock.lap("export")
    files = [*fn_args.train_files, *fn_args.eval_files]
    folder = model_folder.parent / REFERENCES_FOLDER
    references = _write_references(graph, settings, files, splits, values, folder)
    clock.lap("references")
    _write_history(Path(fn_args.model_run_dir), history, splits, clock, started_from, settings, references)


def _on_one_device(trained: keras.Model, make: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Returns a new model with the weights of one that several devices hold: what is exported knows of one device."""
    seed_everything(seed)
    model = make()
    for variable, value in zip(model.variables, trained.variables, strict=True):
        variable.assign(value.numpy())
    return model


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
        kept_split("train", train_files, graph, task, load=load_split),
        kept_split("validation", validation_files, graph, task, load=load_split),
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
    graph: TransformGraph,
    settings: TrainingSettings,
    values: list[str],
    split: TransformedSplit,
    extra_metric: str = "loss",
) -> keras.Model:
    """Builds and compiles the model.

    Args:
        graph: The Transform graph.
        settings: The settings, with all that is chosen.
        values: Label value of each class.
        split: The train split.
        extra_metric: A metric that is tracked in addition to the usual ones.

    Raises:
        UserCodeError: The user's ``build_model`` breaks its contract, or leaves an unknown metric to us.
    """
    task, own = settings.model.task, settings.model.build_model
    classes = len(values) if task == "multiclass" else 1
    scale = LabelScale.of(split.labels) if task == "regression" else None
    known = hyperparameters_of(settings, classes, scale)
    model = build(settings.model, graph.features, classes, known, scale)
    if not model.compiled and f"val_{extra_metric}" not in objectives(task):
        raise UserCodeError(
            place(own or ""),
            expected=f"a model that is compiled with a metric {extra_metric!r}, as tune.objective says",
            seen="a model that is not compiled",
        )
    decay = plan_schedule(settings.train, split.rows).total if settings.decays else None
    compile_model(model, task, settings.train, decay, None if own else scale, extra_metric)
    return model


def hyperparameters_of(
    settings: TrainingSettings, classes: int, scale: LabelScale | None = None
) -> dict[str, Any]:
    """Returns the hyperparameters for a user's ``build_model``: the model slice and what only the data can tell.

    A label is not scaled behind the back of a user's model: its last layer or its loss may need the label as it is. So
    it is told the label's mean and deviation, and does what is right.
    """
    known = settings.model.model_dump(exclude={"type", "build_model", "positive", "members"})
    label = {"label_mean": scale.mean, "label_deviation": scale.deviation} if scale else {}
    return {
        **known,
        **settings.own,
        **label,
        "learning_rate": settings.train.learning_rate,
        "classes": classes,
    }


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
    files: Sequence[str],
    splits: tuple[TransformedSplit, TransformedSplit],
    values: list[str],
    folder: Path,
) -> ReferencesResult:
    """Writes the simple models that Evaluator compares the trained one with; fits them if no training has on these rows."""
    task, seed = settings.model.task, settings.train.seed

    def make(place: Path) -> ReferencesResult:
        classes = len(values) if task == "multiclass" else 1
        references = fit_references(task, graph.features, splits, classes, seed)
        export_references(graph, references, task, place)
        return references.result

    return kept_references(graph.path, graph.label, files, task, seed, folder, make)


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
        still_improving=history.still_improving,
        seconds=history.seconds,
        way=history.way,
        rows={"train": splits[0].rows, "validation": splits[1].rows},
        rows_without_label={"train": splits[0].without_label, "validation": splits[1].without_label},
        parts=clock.seconds,
        **started_from,
        model=settings.model.model_dump(mode="json"),
        train=settings.train.model_dump(mode="json"),
        references=references,
        chosen=_as_json(settings.chosen),
    ).write(folder)


def _as_json(chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.model_dump(mode="json") if isinstance(value, Config) else value
        for name, value in chosen.items()
    }
