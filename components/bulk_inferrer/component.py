"""Declaration of the bulk inferrer; TFX's own cannot load a Keras 3 export and writes TFRecords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    split ``all``. ``pushed_to`` is the folder of the pushed versions, where the model's version is looked up. ``candidate``
    is the model of this run, where ``model`` may be an earlier one.
    """

    PARAMETERS = {"config": str, "base_folder": str, "pushed_to": str}
    INPUTS = {
        "examples": standard_artifacts.Examples,
        "model": standard_artifacts.Model,
        "blessing": standard_artifacts.ModelBlessing,
        "infra_blessing": standard_artifacts.InfraBlessing,
        "candidate": standard_artifacts.Model,
    }
    OPTIONAL = frozenset({"infra_blessing", "candidate"})
    OUTPUTS = {"predictions": Predictions}
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, pushed_to: str = "", **given: Any) -> None:
        super().__init__(pushed_to=pushed_to, **given)


def build(at: Build, **channels: BaseChannel) -> BulkInferrer:
    """Returns the node; ``channels`` are its inputs."""
    document = at.document
    pushed_to = document.push.to if document.push else ""
    return BulkInferrer(config=document.infer, base_folder=at.folder, pushed_to=pushed_to, **channels)
