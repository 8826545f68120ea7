"""Declaration of the pusher; TFX's own copies in place, keeps every version and cannot roll back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel

from components.own import OwnComponent
from components.pusher.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class Pusher(OwnComponent):
    """Publishes a model that is blessed and fit to serve as the next numbered version.

    ``config`` is the ``push`` slice of the document, ``config.to`` relative to ``base_folder``. With an ``infra_blessing``
    the model as served is pushed, without one the candidate as the Trainer wrote it.
    """

    PARAMETERS = {"config": str, "base_folder": str}
    INPUTS = {
        "model": standard_artifacts.Model,
        "blessing": standard_artifacts.ModelBlessing,
        "infra_blessing": standard_artifacts.InfraBlessing,
    }
    OPTIONAL = frozenset({"infra_blessing"})
    OUTPUTS = {"pushed_model": standard_artifacts.PushedModel}
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def build(at: Build, **channels: BaseChannel) -> Pusher:
    """Returns the node; ``channels`` are its inputs."""
    return Pusher(config=at.document.push, base_folder=at.folder, **channels)
