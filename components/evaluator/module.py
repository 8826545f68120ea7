"""The module that the stock Evaluator loads: how models are shared, and one batch-wise extractor."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.extractors import slice_key_extractor

from components import signature
from components.evaluator import comparable, rows
from components.evaluator.tfma_metrics import BATCH_KEY, REFERENCES, Batch, Seen
from foundation.saved_model import REFERENCES_FOLDER, is_saved_model

OUTPUTS = {"binary": "probability", "multiclass": "probabilities", "regression": "prediction"}
"""Task → the evaluated output of ``serving_examples``."""


Ask = Callable[[str, Sequence[bytes]], Mapping[str, Any]]
"""Folder of a SavedModel and serialized Examples → output → array whose first axis is the rows."""


def custom_eval_shared_model(eval_saved_model_path: str, model_name: str, eval_config: Any, **_: Any) -> Any:
    """Returns TFMA's handle for a model; our extractor loads the model in the worker."""
    return tfma.default_eval_shared_model(
        eval_saved_model_path=eval_saved_model_path, model_name=model_name, eval_config=eval_config
    )


def custom_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any = None
) -> list[Any]:
    """Returns the only extractor: it predicts a batch with every model and slices it."""
    shared = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    evaluate = batch_evaluator({model.model_name: model.model_path for model in shared}, eval_config)
    # TFMA runs its evaluator after the stage of this name; ours does that stage's work too.
    name = slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME
    return [tfma.extractors.Extractor(stage_name=name, ptransform=_PredictAndSlice(evaluate))]


def _loaded(path: str, raw: Sequence[bytes]) -> Mapping[str, Any]:
    return signature.load(path).predict(raw)


def batch_evaluator(models: Mapping[str, str], config: Any, ask: Ask = _loaded) -> EvaluateBatch:
    """Returns what predicts a batch with every model and slices it.

    Args:
        models: Model name → folder of its SavedModel.
        config: TFMA's configuration with its defaults filled in.
        ask: Returns what the model in a folder answers.
    """
    settings = settings_of(config)
    baseline = next((spec.name for spec in config.model_specs if spec.is_baseline), None)
    return EvaluateBatch(
        task=settings["task"],
        label=config.model_specs[0].label_key,
        positive=settings["positive"],
        models=models,
        candidate=next(name for name in models if name != baseline),
        baseline=baseline if len(models) > 1 else None,
        slicings=[list(spec.feature_keys) for spec in config.slicing_specs],
        group_by=settings["group_by"],
        ask=ask,
    )


@beam.ptransform_fn
def _PredictAndSlice(extracts: beam.PCollection, evaluate: EvaluateBatch) -> beam.PCollection:  # noqa: N802
    return extracts | "PredictAndSlice" >> beam.ParDo(evaluate)


class EvaluateBatch(beam.DoFn):
    """Predicts an Arrow batch with every model and emits one element per slice.

    Args:
        task: binary, multiclass or regression.
        label: Feature of the label.
        positive: Positive label of a binary task, or None.
        models: Model name → folder of its SavedModel.
        candidate: Name of the new model, whose references predict too if it has some.
        baseline: Name of the last blessed model, which predicts only rows that hold what it reads; None without one.
        slicings: Features of each slicing; an empty list means all rows.
        group_by: Feature that rows which belong together share.
        ask: Returns what the model in a folder answers to serialized Examples.
    """

    def __init__(
        self,
        task: str,
        label: str,
        positive: Any,
        models: Mapping[str, str],
        candidate: str,
        baseline: str | None,
        slicings: list[list[str]],
        group_by: str,
        ask: Ask = _loaded,
    ) -> None:
        self._task, self._label, self._positive = task, label, positive
        self._models, self._slicings, self._group_by = models, slicings, group_by
        self._baseline, self._candidate, self._references = (
            baseline,
            candidate,
            references_beside(models[candidate]),
        )
        self._ask = ask

    def setup(self) -> None:
        """Loads the models once per process."""
        for path in (*self._models.values(), *self._references):
            signature.load(path)
        self.look()

    def look(self) -> None:
        """Finds what the models read and their classes, from their files alone."""
        self._needs = comparable.needs(self._models[self._baseline]) if self._baseline else {}
        read = comparable.needs(self._models[self._candidate]) if self._needs else {}
        self._shared = frozenset(name for name, need in self._needs.items() if read.get(name) == need)
        many = self._task == "multiclass"
        self._classes = {
            name: signature.class_names(path) if many else [] for name, path in self._models.items()
        }

    def process(self, extracts: Any) -> Iterable[Any]:
        """Yields TFMA extracts: a ``Batch`` and its slice key."""
        batch: pa.RecordBatch = extracts[tfma.ARROW_RECORD_BATCH_KEY]
        for key, part in self.sliced(batch, first_raw(batch)):
            yield {tfma.SLICE_KEY_TYPES_KEY: _one(key), BATCH_KEY: part}

    def sliced(self, batch: pa.RecordBatch, raw: Sequence[bytes]) -> Iterator[tuple[rows.SliceKey, Batch]]:
        """Yields each slice of a batch with its rows' labels and predictions.

        Args:
            batch: The rows, at least the features that the schema names.
            raw: [n] the same rows, serialized.
        """
        values = rows.first_values(batch, self._label)
        has_label = values.notna().to_numpy()
        labels, predictions = {}, {}
        whole = rows.decoded(raw) if self._needs or self._group_by not in batch.schema.names else batch
        sight = comparable.look(whole, self._needs) if self._needs else comparable.Sight()
        for name, path in self._models.items():
            if name == self._baseline and not sight.usable:
                continue
            known = np.full(len(values), -1.0 if self._task != "multiclass" else -1)
            known[has_label] = rows.numeric_labels(
                self._task, values[has_label], self._positive, self._classes[name]
            )
            labels[name] = known
            predictions[name] = self._column(self._ask(path, raw)[OUTPUTS[self._task]], len(raw))
        for path in self._references:
            for name, output in self._ask(path, raw).items():
                if name in REFERENCES:
                    labels[name], predictions[name] = labels[self._candidate], self._column(output, len(raw))
        groups = rows.groups(whole, raw, self._group_by)
        for key, positions in rows.slices(batch, self._slicings):
            kept = positions[has_label[positions]]
            yield (
                key,
                Batch(
                    labels={name: column[kept] for name, column in labels.items()},
                    predictions={name: column[kept] for name, column in predictions.items()},
                    groups=groups[kept],
                    unlabelled=len(positions) - len(kept),
                    classes=self._classes,
                    # A slice of which no row has a feature is compared as it is served; the whole is not.
                    seen=Seen(
                        replace(sight, unseen=frozenset()) if key else sight, self._needs, self._shared
                    ),
                ),
            )

    def _column(self, output: Any, count: int) -> Any:
        array = np.asarray(output)
        return array if self._task == "multiclass" else array.reshape(count)


def settings_of(config: Any) -> dict[str, Any]:
    """Returns what TFMA's configuration hands to our metrics: the arguments of ``TaskMetrics``."""
    settings: dict[str, Any] = json.loads(config.metrics_specs[0].metrics[0].config)
    return settings


def references_beside(model: str) -> list[str]:
    """Returns the folder of the references that Trainer wrote beside a model; none if an older Trainer wrote it."""
    folder = Path(model).parent / REFERENCES_FOLDER
    return [str(folder)] if is_saved_model(folder) else []


def first_raw(batch: pa.RecordBatch) -> Any:
    """Returns the [n] serialized Examples of a batch as an object array."""
    column = batch.column(batch.schema.get_field_index(tfma.ARROW_INPUT_COLUMN))
    return column.flatten().to_numpy(zero_copy_only=False)


def _one(key: rows.SliceKey) -> Any:
    result: Any = np.empty(1, dtype=object)
    result[0] = key
    return result
