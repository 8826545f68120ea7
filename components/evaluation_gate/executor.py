"""Executor of the gate: has the evaluation judged, and writes the verdict and TFX's blessing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Decision
from components.evaluation_gate.judge import Blessed, judge
from foundation.publish import write_text

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]
VERDICT = "verdict"
"""Property of a blessing: the folder of the verdict behind it."""


class GateExecutor(base_executor.BaseExecutor):
    """Decides whether the model is blessed; a refusal is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``blessing`` (as TFX's Evaluator does) and ``verdict``."""
        config = EvaluateConfig.model_validate_json(exec_properties["config"])
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        blessed = _blessed(input_dict.get("baseline_blessing", []))
        decision, verdict = judge(evaluation, config, exec_properties["task"], blessed)
        log.info("%s", decision.sentence)
        where = artifact_utils.get_single_uri(output_dict["verdict"])
        verdict.write(where)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _bless(blessing, input_dict, decision)
        blessing.set_string_custom_property(VERDICT, where)
        blessing.set_string_custom_property("run", (self._context and self._context.pipeline_run_id) or "")


def _blessed(before: list[artifact.Artifact]) -> Blessed | None:
    """Returns what a blessing says of the last blessed model."""
    if not before:
        return None
    return Blessed(
        before[0].get_int_custom_property("current_model_id"),
        before[0].get_string_custom_property("run"),
        before[0].get_string_custom_property(VERDICT),
    )


def _bless(blessing: artifact.Artifact, inputs: Artifacts, decision: Decision) -> None:
    """Writes the blessing with the names of TFX's ``components.evaluator.constants``, which loads TensorFlow."""
    model = artifact_utils.get_single_instance(inputs["model"])
    blessing.set_string_custom_property("current_model", model.uri)
    blessing.set_int_custom_property("current_model_id", model.id)
    if inputs.get("baseline_model"):
        baseline = inputs["baseline_model"][0]
        blessing.set_string_custom_property("baseline_model", baseline.uri)
        blessing.set_int_custom_property("baseline_model_id", baseline.id)
    name = "BLESSED" if decision.blessed else "NOT_BLESSED"
    write_text(Path(blessing.uri) / name, "")
    blessing.set_int_custom_property("blessed", int(decision.blessed))
