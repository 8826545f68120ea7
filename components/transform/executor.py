"""Executor of Transform: TFX's own, which also writes what each column of the matrices is."""

from __future__ import annotations

import json
from typing import Any

import tensorflow_transform as tft
from tfx.components.transform import executor as stock
from tfx.dsl.io import fileio
from tfx.types import artifact, artifact_utils

from components.transform.config import FeaturesConfig
from components.transform.layout import Layout, Vocabulary, make_layout
from components.transform.steps import steps_of
from components.transform.transformations import CountedKind

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(stock.Executor):
    """Writes the graph and, for declared features, ``layout.json``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Analyses the train split and writes the graph."""
        super().Do(input_dict, output_dict, exec_properties)
        config = json.loads(exec_properties["custom_config"])
        features = FeaturesConfig.model_validate(config["features"])
        if features.declared:
            folder = artifact_utils.get_single_uri(output_dict["transform_graph"])
            write_layout(features, config["label"], folder)


def write_layout(features: FeaturesConfig, label: str, folder: str) -> None:
    """Writes the layout of declared features beside their graph.

    Args:
        features: The document's slice.
        label: Name of the label.
        folder: Folder of the ``transform_graph`` artifact.
    """
    output, steps = tft.TFTransformOutput(folder), steps_of(features)
    vocabularies = {
        step.output: Vocabulary(0, len(output.vocabulary_by_name(step.output)))
        for step in steps
        if isinstance(step.kind, CountedKind)
    }
    layout = make_layout(steps, label, vocabularies, "")
    if "://" not in folder:
        layout.write(folder)
        return
    with fileio.open(f"{folder}/{Layout.FILE}", "w") as file:
        file.write(layout.text())
