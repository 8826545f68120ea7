"""Declaration of the infra validator; TFX's own needs Docker or Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact, standard_artifacts
from tfx.types.channel import BaseChannel

from components.infra_validator.executor import Executor
from components.own import OwnComponent

if TYPE_CHECKING:
    from components.node import Build


class InfraReport(artifact.Artifact):
    """``infra_validation.json``: requests, measurements and verdict; ``server.log``: the server's output."""

    TYPE_NAME = "InfraReport"


class InfraValidator(OwnComponent):
    """Serves a model as in production, queries it with real examples, measures it, and decides whether it may be pushed.

    The blessing is TFX's own ``InfraBlessing``. If the model is fit, it holds the model with its warm-up requests, byte
    for byte as served: this copy is pushed. ``config`` is the ``infra_validation`` slice of the document,
    ``config.server`` may be relative to ``base_folder``; the examples are raw, with a test split.
    """

    PARAMETERS = {"config": str, "base_folder": str}
    INPUTS = {
        "model": standard_artifacts.Model,
        "examples": standard_artifacts.Examples,
        "baseline_model": standard_artifacts.Model,
    }
    OPTIONAL = frozenset({"baseline_model"})
    OUTPUTS = {"blessing": standard_artifacts.InfraBlessing, "report": InfraReport}
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def build(at: Build, **channels: BaseChannel) -> InfraValidator:
    """Returns the node; ``channels`` are its inputs."""
    return InfraValidator(config=at.document.infra_validated(), base_folder=at.folder, **channels)
