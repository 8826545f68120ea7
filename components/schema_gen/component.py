"""Declaration of ``SchemaInferrer``; stock SchemaGen knows no environments and fails its own next export."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.schema_gen.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class SchemaInferrerSpec(ComponentSpec):
    """Inputs, outputs and parameters."""

    PARAMETERS = {"label": ExecutionParameter(type=str), "arrays": ExecutionParameter(type=str)}
    INPUTS = {"statistics": ChannelParameter(type=standard_artifacts.ExampleStatistics)}
    OUTPUTS = {"schema": ChannelParameter(type=standard_artifacts.Schema)}


class SchemaInferrer(base_component.BaseComponent):
    """Infers a schema from the statistics of all splits.

    Args:
        statistics: Output of StatisticsGen.
        label: Feature of the label.
        arrays: Features that are arrays, whatever the statistics say.
    """

    SPEC_CLASS = SchemaInferrerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, statistics: channel.BaseChannel, label: str, arrays: Sequence[str] = ()) -> None:
        spec = SchemaInferrerSpec(
            statistics=statistics,
            label=label,
            arrays=json.dumps(sorted(arrays)),
            schema=channel.Channel(type=standard_artifacts.Schema),
        )
        super().__init__(spec=spec)


def build(at: Build, statistics: channel.BaseChannel) -> SchemaInferrer:
    """Returns the node that infers a schema."""
    return SchemaInferrer(statistics, at.document.data.label, at.document.array_features())


def build_import(at: Build) -> ImportSchemaGen:
    """Returns the node that takes the reviewed schema: the stock TFX component."""
    return ImportSchemaGen(schema_file=str(at.inputs.folder / at.document.schema_path()))
