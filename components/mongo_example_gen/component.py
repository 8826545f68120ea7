"""Declaration of MongoExampleGen: what goes in, what comes out; the work is in ``executor``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import channel, component_spec, standard_artifacts

from components.exports.fields import FieldConfig, feature_name
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class MongoExampleGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of MongoExampleGen."""

    PARAMETERS = {
        "config": component_spec.ExecutionParameter(type=str),
        "fields": component_spec.ExecutionParameter(type=str),
        "base_folder": component_spec.ExecutionParameter(type=str),
        "labelled": component_spec.ExecutionParameter(type=int),
        "input_json": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: dict[str, component_spec.ChannelParameter] = {}
    OUTPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}


class MongoExampleGen(base_beam_component.BaseBeamComponent):
    """Turns a MongoDB export into splits of ``tf.Example`` records.

    Args:
        data: The ``data`` slice of the document.
        fields: Dotted path → field, for everything that the document names.
        base_folder: Folder of the document; relative paths start there.
        input_json: JSON of the ``ResolvedInput``, or a runtime parameter that holds it.
        labelled: False for documents to be predicted: no label is needed, and there is one split, ``all``.
    """

    SPEC_CLASS = MongoExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        data: DataConfig,
        fields: dict[str, FieldConfig],
        base_folder: str,
        input_json: str | data_types.RuntimeParameter,
        labelled: bool = True,
    ) -> None:
        described = {path: field.model_dump(mode="json") for path, field in fields.items()}
        examples: types.BaseChannel = channel.OutputChannel(standard_artifacts.Examples, self, "examples")
        spec = MongoExampleGenSpec(
            config=data.canonical_json(),
            fields=json.dumps(described, separators=(",", ":")),
            base_folder=base_folder,
            labelled=int(labelled),
            input_json=input_json,
            examples=examples,
        )
        super().__init__(spec=spec)


def build(at: Build) -> MongoExampleGen:
    """Returns the node that reads the export to learn from."""
    document = at.document
    return MongoExampleGen(document.data, document.ingested_fields(), at.folder, at.inputs.data.to_json())


def build_for_inference(at: Build) -> MongoExampleGen:
    """Returns the node that reads the export to predict for; it needs no label."""
    document, infer = at.document, at.inputs.infer
    assert infer is not None, "the node is part of the graph only with an export to predict for"
    fields = document.ingested_fields().items()
    unlabelled = {path: f for path, f in fields if feature_name(path, f) != document.data.label}
    return MongoExampleGen(document.data, unlabelled, at.folder, infer.to_json(), labelled=False)
