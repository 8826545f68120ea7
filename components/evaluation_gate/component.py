"""Declaration of the gate that blesses a model or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.executor import GateExecutor

if TYPE_CHECKING:
    from components.node import Build


class Verdict(artifact.Artifact):
    """``verdict.json``: what every gate said about a model, and the sentence about all of them."""

    TYPE_NAME = "Verdict"


class EvaluationGateSpec(ComponentSpec):
    """Inputs, outputs and parameters of the gate."""

    PARAMETERS = {
        "config": ExecutionParameter(type=str),
        "task": ExecutionParameter(type=str),
    }
    INPUTS = {
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "verdict": ChannelParameter(type=Verdict),
    }


class EvaluationGate(base_component.BaseComponent):
    """Decides from TFMA's metrics whether a model is blessed, and says why in one sentence.

    Args:
        config: The ``evaluate`` slice of the document.
        task: binary, multiclass or regression.
        evaluation: Output of the Evaluator.
        model: The candidate.
        baseline_model: The last blessed model, as the Evaluator got it.
    """

    SPEC_CLASS = EvaluationGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(GateExecutor)

    def __init__(
        self,
        config: EvaluateConfig,
        task: str,
        evaluation: channel.BaseChannel,
        model: channel.BaseChannel,
        baseline_model: channel.BaseChannel | None = None,
    ) -> None:
        super().__init__(
            spec=EvaluationGateSpec(
                config=config.canonical_json(),
                task=task,
                evaluation=evaluation,
                model=model,
                baseline_model=baseline_model,
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
                verdict=channel.Channel(type=Verdict),
            )
        )


def build(at: Build, **channels: channel.BaseChannel) -> EvaluationGate:
    """Returns the node; ``channels`` are its inputs."""
    return EvaluationGate(config=at.document.evaluate, task=at.document.model.task, **channels)
