"""Evaluates a test split in the node's own process: our extractor and combiner, then TFMA's serialisers.

The extractor, the combiner and so every number are those of the way through Beam (``module.py``); only the pipeline around
them is left out. TFMA writes from inside a Beam graph alone, so what its transforms apply is called here.

Rows are streamed in batches. What stays of a row is its share of the ranking metrics' columns, 10 bytes for each model in
each slicing where such a metric (``auc``) is asked for, and the predictions to be kept, 4 bytes for each model (and class).
Sums are kept by group, of which there are 1,024 at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator as stock
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.writers import eval_config_writer
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as writer

from components.evaluator import tfma_metrics
from components.evaluator.module import EvaluateBatch
from components.evaluator.rows import SliceKey
from foundation.publish import published_file, write_text
from foundation.tfrecord import framed

_ONE_SHARD = "-00000-of-00001.tfrecord"

Sliced = tuple[SliceKey, dict[Any, Any]]
"""A slice's key, and TFMA's metric key → value."""


def evaluate(
    asked: EvaluateBatch, config: tfma.EvalConfig, rows: Iterable[Sequence[bytes]], schema: bytes | None
) -> list[Sliced]:
    """Returns each slice with TFMA's metric key → value, overall first, otherwise in the order in which slices appear.

    Args:
        asked: Predicts and slices a batch.
        config: TFMA's configuration with its defaults filled in.
        rows: Batches of serialized Examples.
        schema: Serialized schema of the Examples; None without one.
    """
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    decoder = ExamplesToRecordBatchDecoder(schema) if schema else ExamplesToRecordBatchDecoder()
    (computation,) = metric_specs.to_computations(list(config.metrics_specs), eval_config=config)
    combiner: tfma_metrics.TaskCombiner = computation.combiner
    tallies: dict[SliceKey, tfma_metrics.Tally] = {}
    for batch in rows:
        for key, part in asked.sliced(decoder.DecodeBatch(batch), batch):
            tally = tallies.setdefault(key, combiner.create_accumulator())
            tallies[key] = combiner.add_input(tally, part)
    baseline = next((spec.name for spec in config.model_specs if spec.is_baseline), "")
    return [
        (key, _with_differences(combiner.extract_output(tally), baseline)) for key, tally in tallies.items()
    ]


def _with_differences(found: dict[Any, Any], baseline: str) -> dict[Any, Any]:
    """Adds the differences to the last blessed model as TFMA's ``AddDiffMetrics`` does, which is inside a Beam transform."""
    if not baseline:
        return found
    differences = {
        key.make_diff_key(): value - found[key.make_baseline_key(baseline)]
        for key, value in found.items()
        if not key.is_diff
        and key.model_name != baseline
        and key.make_baseline_key(baseline) in found
        and stock._is_metric_diffable(value)
    }
    return {**found, **differences}


def write(
    folder: Path, found: Sequence[Sliced], config: tfma.EvalConfig, locations: dict[str, str]
) -> list[Any]:
    """Writes what TFMA's writers would, so that its readers and notebooks find it.

    Args:
        folder: The evaluation.
        found: Each slice with its metrics.
        config: TFMA's configuration.
        locations: Model name → folder of its SavedModel.

    Returns:
        TFMA's ``MetricsForSlice`` of every slice.
    """
    metrics = [writer.convert_slice_metrics_to_proto(one, []) for one in found]
    nothing: list[Sliced] = [(key, {}) for key, _ in found]
    _write(folder / (constants.METRICS_KEY + _ONE_SHARD), metrics)
    _write(
        folder / (constants.PLOTS_KEY + _ONE_SHARD),
        [writer.convert_slice_plots_to_proto(one, []) for one in nothing],
    )
    _write(
        folder / (constants.ATTRIBUTIONS_KEY + _ONE_SHARD),
        [writer.convert_slice_attributions_to_proto(one) for one in nothing],
    )
    _write(folder / f"{constants.VALIDATIONS_KEY}.tfrecord", [_validation(found, config)])
    run = eval_config_writer._serialize_eval_run(
        config, "<user provided PCollection>", "<unknown>", locations
    )
    write_text(folder / f"{eval_config_writer.EVAL_CONFIG_FILE}.json", run + "\n")
    return metrics


def _validation(found: Sequence[Sliced], config: tfma.EvalConfig) -> Any:
    """Returns TFMA's validation, which has nothing to hold against thresholds: our gate decides."""
    combiner = writer.CombineValidations(config)
    total = combiner.create_accumulator()
    for one in found:
        total = combiner.add_input(total, metrics_validator.validate_metrics(one, config))
    return combiner.extract_output(total)


def _write(file: Path, records: Iterable[Any]) -> None:
    with published_file(file) as temporary, temporary.open("wb") as opened:
        for record in records:
            opened.write(framed(record.SerializeToString()))
