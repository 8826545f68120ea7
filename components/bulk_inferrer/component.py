"""Declaration of the bulk inferrer; TFX's own cannot load a Keras 3 export and writes TFRecords."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import artifact, standard_artifacts
from tfx.types.channel import BaseChannel

from components.bulk_inferrer.executor import Executor
from components.own import OwnBeamComponent

if TYPE_CHECKING:
    from components.node import Build


class Predictions(artifact.Artifact):
    """Shards of predictions keyed by ``_id``, and ``predictions.json`` about them."""

    TYPE_NAME = "Predictions"


class BulkInferrer(OwnBeamComponent):
    """Predicts every document of an export with a blessed model.

    ``config`` is the ``infer`` slice of the document, ``config.to`` relative to ``base_folder``; the examples are raw, with a
    split ``all``.
    """

    PARAMETERS = {"config": str, "base_folder": str}
    INPUTS = {
        "examples": standard_artifacts.Examples,
        "model": standard_artifacts.Model,
        "blessing": standard_artifacts.ModelBlessing,
    }
    OUTPUTS = {"predictions": Predictions}
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)


def build(at: Build, **channels: BaseChannel) -> BulkInferrer:
    """Returns the node; ``channels`` are its inputs."""
    return BulkInferrer(config=at.document.infer, base_folder=at.folder, **channels)
