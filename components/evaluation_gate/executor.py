"""Work of the gate: read TFMA's metrics, decide, write the blessing as TFX does and the verdict."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Check, Decision, Measured, SliceResult, decide
from components.evaluation_gate.measurements import read_evaluation
from foundation.publish import write_text

VERDICT_FILE = "verdict.json"

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]


class GateExecutor(base_executor.BaseExecutor):
    """Decides whether the model is blessed; a refusal is a result, not a failure."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``blessing`` (as TFX's Evaluator does) and ``verdict``."""
        config = EvaluateConfig.model_validate_json(exec_properties["config"])
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        results = read_evaluation(evaluation)
        decision = decide(config, results)
        log.info("%s", decision.sentence)
        verdict = artifact_utils.get_single_instance(output_dict["verdict"])
        document = as_json(decision, results, exec_properties["task"])
        write_text(Path(verdict.uri) / VERDICT_FILE, json.dumps(document, indent=1, ensure_ascii=False))
        _bless(artifact_utils.get_single_instance(output_dict["blessing"]), input_dict, decision)


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


def as_json(decision: Decision, results: list[SliceResult], task: str) -> dict[str, Any]:
    """Returns the verdict as ``verdict.json`` holds it; numbers that do not exist are null."""
    return {
        "task": task,
        "blessed": decision.blessed,
        "sentence": decision.sentence,
        "flips": list(decision.flips),
        "rows_without_label": next(r.unlabelled for r in results),
        "gates": [_gate_row(check) for check in decision.checks],
        "metrics": [row for result in results for row in _metric_rows(result)],
    }


def _gate_row(check: Check) -> dict[str, Any]:
    return {
        "metric": check.metric,
        "slice": check.slice,
        "bound": check.bound,
        **_numbers(check.measured),
        "rows": check.rows,
        "baseline": _number(check.baseline),
        "outcome": check.outcome,
        "margin": _number(check.margin),
        "note": check.note,
    }


def _metric_rows(result: SliceResult) -> list[dict[str, Any]]:
    rows = []
    for metric, measured in sorted(result.candidate.items()):
        row: dict[str, Any] = {
            "metric": metric,
            "slice": result.name,
            **_numbers(measured),
            "rows": result.rows,
            "baseline": None,
        }
        if metric in result.baseline:
            row["baseline"] = _number(result.baseline[metric].value)
            row["change"] = _numbers(result.change[metric])
        rows.append(row)
    return rows


def _numbers(measured: Measured) -> dict[str, float | None]:
    return {"value": _number(measured.value), "low": _number(measured.low), "high": _number(measured.high)}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
