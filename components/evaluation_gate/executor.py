"""Executor of the gate: reads TFMA's metrics, decides, writes the verdict and TFX's blessing."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Check, Decision, Measured, SliceResult, decide
from components.evaluation_gate.measurements import read_evaluation
from components.evaluation_gate.result import Gate, Interval, Metric, Verdict
from foundation.publish import write_text

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class GateExecutor(base_executor.BaseExecutor):
    """Decides whether the model is blessed; a refusal is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``blessing`` (as TFX's Evaluator does) and ``verdict``."""
        config = EvaluateConfig.model_validate_json(exec_properties["config"])
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        results = read_evaluation(evaluation)
        decision = decide(config, results)
        log.info("%s", decision.sentence)
        verdict = verdict_of(decision, results, exec_properties["task"])
        verdict.write(artifact_utils.get_single_uri(output_dict["verdict"]))
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _bless(blessing, input_dict, decision)
        blessing.set_string_custom_property("run", (self._context and self._context.pipeline_run_id) or "")


def _bless(blessing: artifact.Artifact, inputs: Artifacts, decision: Decision) -> None:
    model = artifact_utils.get_single_instance(inputs["model"])
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if inputs.get("baseline_model"):
        baseline = inputs["baseline_model"][0]
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    name = constants.BLESSED_FILE_NAME if decision.blessed else constants.NOT_BLESSED_FILE_NAME
    write_text(Path(blessing.uri) / name, "")
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(decision.blessed))


def verdict_of(decision: Decision, results: list[SliceResult], task: str) -> Verdict:
    """Returns the verdict to write; missing numbers are null."""
    return Verdict(
        blessed=decision.blessed,
        sentence=decision.sentence,
        flips=decision.flips,
        task=task,
        rows_without_label=results[0].unlabelled,
        gates=tuple(_gate(check) for check in decision.checks),
        metrics=tuple(row for result in results for row in _metrics(result)),
    )


def _gate(check: Check) -> Gate:
    return Gate(
        metric=check.metric,
        slice=check.slice,
        bound=check.bound,
        **_numbers(check.measured),
        rows=check.rows,
        outcome=check.outcome,
        note=check.note,
        baseline=_number(check.baseline),
        margin=_number(check.margin),
    )


def _metrics(result: SliceResult) -> Iterator[Metric]:
    for metric, measured in sorted(result.candidate.items()):
        compared = metric in result.baseline
        yield Metric(
            metric=metric,
            slice=result.name,
            **_numbers(measured),
            rows=result.rows,
            baseline=_number(result.baseline[metric].value) if compared else None,
            change=Interval(**_numbers(result.change[metric])) if compared else None,
        )


def _numbers(measured: Measured) -> dict[str, float | None]:
    return {"value": _number(measured.value), "low": _number(measured.low), "high": _number(measured.high)}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
