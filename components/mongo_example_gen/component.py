"""Declaration of MongoExampleGen: what goes in, what comes out; the work is in ``executor``."""

from __future__ import annotations

import json

from tfx import types
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import channel, component_spec, standard_artifacts

from components.mongo_example_gen.config import DataConfig, FieldConfig
from components.mongo_example_gen.executor import Executor

INPUT_PARAMETER = "input"
"""Runtime parameter that holds the JSON of the resolved input."""


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
        labelled: False for documents to be predicted: no label is needed, and there is one split, ``all``.
        input_json: JSON of the ``ResolvedInput``; by default the runtime parameter ``input``.
    """

    SPEC_CLASS = MongoExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        data: DataConfig,
        fields: dict[str, FieldConfig],
        base_folder: str,
        labelled: bool = True,
        input_json: str | data_types.RuntimeParameter | None = None,
    ) -> None:
        if input_json is None:
            input_json = data_types.RuntimeParameter(name=INPUT_PARAMETER, ptype=str)
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
