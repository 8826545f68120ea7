"""Declaration of the pusher; stock Pusher copies in place, keeps everything and cannot go back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.pusher.config import PushConfig
from components.pusher.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class PusherSpec(ComponentSpec):
    """Inputs, outputs and parameters."""

    PARAMETERS = {"config": ExecutionParameter(type=str), "base_folder": ExecutionParameter(type=str)}
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": ChannelParameter(type=standard_artifacts.InfraBlessing, optional=True),
    }
    OUTPUTS = {"pushed_model": ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Publishes a blessed model, fit to serve, as the next numbered version.

    Args:
        config: The ``push`` slice of the document.
        base_folder: Folder of the document; ``config.to`` is relative to it.
        model: The candidate.
        blessing: What the evaluation gate said about it.
        infra_blessing: What the infra validator said about it, with the model that it served; None pushes the candidate
            as the Trainer wrote it.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        config: PushConfig,
        base_folder: str,
        model: channel.BaseChannel,
        blessing: channel.BaseChannel,
        infra_blessing: channel.BaseChannel | None = None,
    ) -> None:
        spec = PusherSpec(
            config=config.canonical_json(),
            base_folder=base_folder,
            model=model,
            blessing=blessing,
            infra_blessing=infra_blessing,
            pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)


def build(at: Build, **channels: channel.BaseChannel) -> Pusher:
    """Returns the node; ``channels`` are its inputs."""
    assert at.document.push is not None, "the node is part of the graph only where models are pushed"
    return Pusher(config=at.document.push, base_folder=at.folder, **channels)
