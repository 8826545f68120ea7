"""Declaration of the gate that blesses a model or refuses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact, standard_artifacts
from tfx.types.channel import BaseChannel

from components.evaluation_gate.executor import GateExecutor
from components.own import OwnComponent

if TYPE_CHECKING:
    from components.node import Build


class Verdict(artifact.Artifact):
    """``verdict.json``: the result of every gate, summed up in one sentence."""

    TYPE_NAME = "Verdict"


class EvaluationGate(OwnComponent):
    """Decides by TFMA's metrics whether a model is blessed, and says why in one sentence.

    ``config`` is the ``evaluate`` slice of the document, ``task`` binary, multiclass or regression; ``baseline_model`` is the
    last blessed model, the same one the Evaluator used, and ``baseline_blessing`` what blessed it.
    """

    PARAMETERS = {"config": str, "task": str}
    INPUTS = {
        "evaluation": standard_artifacts.ModelEvaluation,
        "model": standard_artifacts.Model,
        "baseline_model": standard_artifacts.Model,
        "baseline_blessing": standard_artifacts.ModelBlessing,
    }
    OPTIONAL = frozenset({"baseline_model", "baseline_blessing"})
    OUTPUTS = {"blessing": standard_artifacts.ModelBlessing, "verdict": Verdict}
    EXECUTOR_SPEC = ExecutorClassSpec(GateExecutor)


def build(at: Build, **channels: BaseChannel) -> EvaluationGate:
    """Returns the node; ``channels`` are its inputs."""
    return EvaluationGate(config=at.document.evaluate, task=at.document.model.task, **channels)
