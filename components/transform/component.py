"""Declaration of Transform: the stock TFX component with Penstock's ``preprocessing_fn`` and executor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfx import types
from tfx.components import Transform
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.proto import transform_pb2

from components.transform.config import FeaturesConfig
from components.transform.executor import Executor
from foundation.user_code import code_digest

if TYPE_CHECKING:
    from components.node import Build


def make_transform(
    features: FeaturesConfig,
    label: str,
    task: str,
    positive: str | int | float | bool | None,
    examples: types.BaseChannel,
    schema: types.BaseChannel,
    project: Path | None = None,
) -> Transform:
    """Declares Transform: analyses the train split and writes the graph, but no examples.

    Nothing is materialised because the Trainer applies the graph to raw examples faster than transformed examples can
    be written and read; statistics and the analyzer cache are off for the same reason.

    Args:
        features: The document's transformations, or the user's own function.
        label: Name of the label.
        task: binary, multiclass or regression.
        positive: The label value that counts as 1 in a binary task.
        examples: Raw examples with splits train, validation, test.
        schema: The data schema.
        project: The document's folder, whose code is the person's own.

    Returns:
        The node; its output is ``transform_graph``.

    Raises:
        UserCodeError: The file of the user's function is missing or does not parse.
    """
    settings = {
        "features": features.model_dump(mode="json", by_alias=True, exclude_none=True),
        "label": label,
        "task": task,
        "positive": positive,
    }
    if features.preprocessing_fn:
        settings["code"] = code_digest(features.preprocessing_fn, project)
    node = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.transform.preprocessing.preprocessing_fn",
        custom_config=settings,
        splits_config=transform_pb2.SplitsConfig(analyze=["train"]),
        materialize=False,
        disable_statistics=True,
        disable_analyzer_cache=True,
    )
    node.executor_spec = BeamExecutorSpec(Executor)  # the type stays TFX's own, as in earlier versions
    return node


def build(at: Build, examples: types.BaseChannel, schema: types.BaseChannel) -> Transform:
    """Returns the node."""
    document = at.document
    return make_transform(
        features=document.features.absolute(at.inputs.code_folder),
        label=document.data.label,
        task=document.model.task,
        positive=document.model.positive,
        examples=examples,
        schema=schema,
        project=at.inputs.code_folder,
    )
