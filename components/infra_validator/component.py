"""Declaration of the infra validator; the stock one needs Docker or Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import artifact, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.infra_validator.config import InfraValidationConfig
from components.infra_validator.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class InfraReport(artifact.Artifact):
    """``infra_validation.json``: what was asked and measured and the verdict; ``server.log``: what the server said."""

    TYPE_NAME = "InfraReport"


class InfraValidatorSpec(ComponentSpec):
    """Inputs, outputs and parameters."""

    PARAMETERS = {"config": ExecutionParameter(type=str), "base_folder": ExecutionParameter(type=str)}
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {
        "blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
        "report": ChannelParameter(type=InfraReport),
    }


class InfraValidator(base_component.BaseComponent):
    """Serves a model as it will be served, asks it with real examples, measures it, and says whether it may be pushed.

    The blessing is TFX's own ``InfraBlessing``. That of a fit model holds the model with its warm-up requests, byte for
    byte as it was served: this is what is pushed.

    Args:
        config: The ``infra_validation`` slice of the document.
        base_folder: Folder of the document; ``config.server`` may be relative to it.
        model: The candidate.
        examples: Raw Examples with a test split.
        baseline_model: The last blessed model.
    """

    SPEC_CLASS = InfraValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        config: InfraValidationConfig,
        base_folder: str,
        model: channel.BaseChannel,
        examples: channel.BaseChannel,
        baseline_model: channel.BaseChannel | None = None,
    ) -> None:
        spec = InfraValidatorSpec(
            config=config.canonical_json(),
            base_folder=base_folder,
            model=model,
            examples=examples,
            baseline_model=baseline_model,
            blessing=channel.Channel(type=standard_artifacts.InfraBlessing),
            report=channel.Channel(type=InfraReport),
        )
        super().__init__(spec=spec)


def build(at: Build, **channels: channel.BaseChannel) -> InfraValidator:
    """Returns the node; ``channels`` are its inputs."""
    config = at.document.infra_validated()
    assert config is not None, (
        "the node is part of the graph only where a model is served before it is pushed"
    )
    return InfraValidator(config=config, base_folder=at.folder, **channels)
