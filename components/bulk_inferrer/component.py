"""Declaration of the bulk inferrer; stock BulkInferrer cannot load a Keras 3 export and writes TFRecords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import artifact, channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.bulk_inferrer.config import InferConfig
from components.bulk_inferrer.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class Predictions(artifact.Artifact):
    """Shards of predictions keyed by ``_id``, and ``predictions.json`` about them."""

    TYPE_NAME = "Predictions"


class BulkInferrerSpec(ComponentSpec):
    """Inputs, outputs and parameters."""

    PARAMETERS = {"config": ExecutionParameter(type=str), "base_folder": ExecutionParameter(type=str)}
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"predictions": ChannelParameter(type=Predictions)}


class BulkInferrer(base_beam_component.BaseBeamComponent):
    """Predicts every document of an export with a blessed model.

    Args:
        config: The ``infer`` slice of the document.
        base_folder: Folder of the document; ``config.to`` is relative to it.
        examples: Raw Examples with a split ``all``.
        model: The candidate.
        blessing: What the evaluation gate said about it.
    """

    SPEC_CLASS = BulkInferrerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        config: InferConfig,
        base_folder: str,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        blessing: channel.BaseChannel,
    ) -> None:
        spec = BulkInferrerSpec(
            config=config.canonical_json(),
            base_folder=base_folder,
            examples=examples,
            model=model,
            blessing=blessing,
            predictions=channel.Channel(type=Predictions),
        )
        super().__init__(spec=spec)


def build(at: Build, **channels: channel.BaseChannel) -> BulkInferrer:
    """Returns the node; ``channels`` are its inputs."""
    assert at.document.infer is not None, "the node is part of the graph only with documents to predict for"
    return BulkInferrer(config=at.document.infer, base_folder=at.folder, **channels)
