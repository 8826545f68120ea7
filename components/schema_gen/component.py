"""Declaration of ``SchemaInferrer``; TFX's SchemaGen has no environments, and its schema fails the next export."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel

from components.own import OwnComponent
from components.schema_gen import import_executor
from components.schema_gen.executor import Executor

if TYPE_CHECKING:
    from components.node import Build


class SchemaInferrer(OwnComponent):
    """Infers a schema from the statistics of all splits.

    ``label`` is the feature of the label, ``arrays`` are the features to treat as arrays, whatever the statistics say.
    """

    PARAMETERS = {"label": str, "arrays": str}
    INPUTS = {"statistics": standard_artifacts.ExampleStatistics}
    OUTPUTS = {"schema": standard_artifacts.Schema}
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


class ImportedSchema(ImportSchemaGen):
    """Copies the reviewed schema: the stock component with an executor that loads no TensorFlow."""

    EXECUTOR_SPEC = ExecutorClassSpec(import_executor.Executor)


def build(at: Build, statistics: BaseChannel) -> SchemaInferrer:
    """Returns the node that infers a schema."""
    document = at.document
    return SchemaInferrer(
        label=document.data.label, arrays=sorted(document.array_features()), statistics=statistics
    )


def build_import(at: Build) -> ImportedSchema:
    """Returns the node that imports the reviewed schema."""
    return ImportedSchema(schema_file=str(at.inputs.code_folder / at.document.schema_path()))
