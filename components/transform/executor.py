"""Executor of Transform: TFX's own, which asks for input columns once and writes what each column of the matrices is."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import tensorflow_transform as tft
from absl import flags
from tfx.components.transform import executor as stock
from tfx.dsl.io import fileio
from tfx.types import artifact, artifact_utils

from components.transform.config import FeaturesConfig
from components.transform.layout import SEPARATOR, VOCABULARIES, Layout, Vocabulary, make_layout
from components.transform.questions import traced_once
from components.transform.steps import counted_steps, steps_of
from components.written import check_written

Artifacts = dict[str, list[artifact.Artifact]]
_BY_SIZE = "tfxio_use_byte_size_batching"


class Executor(stock.Executor):
    """Writes the graph and, for declared features, ``layout.json``."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Analyses the train split and writes the graph."""
        with traced_once(), batched_by_size():
            super().Do(input_dict, output_dict, exec_properties)
        check_written(output_dict)
        config = json.loads(exec_properties["custom_config"])
        features = FeaturesConfig.model_validate(config["features"])
        if features.declared:
            folder = artifact_utils.get_single_uri(output_dict["transform_graph"])
            write_layout(features, config["label"], folder)


@contextlib.contextmanager
def batched_by_size() -> Iterator[None]:
    """Has TFX batch rows by their bytes, 20 MiB or 8,192 rows, by a switch of its own.

    Otherwise Beam chooses batches that take a second. What each feature costs a batch, whatever its rows, takes that
    second where there are a thousand: rows then go nearly one by one.
    """
    flags.FLAGS.set_default(_BY_SIZE, True)
    try:
        yield
    finally:
        flags.FLAGS.set_default(_BY_SIZE, False)


def write_layout(features: FeaturesConfig, label: str, folder: str) -> None:
    """Writes the layout of declared features beside their graph.

    Args:
        features: The document's slice.
        label: Name of the label.
        folder: Folder of the ``transform_graph`` artifact.
    """
    steps = steps_of(features)
    counted = [step.output for step in counted_steps(steps)]
    found = (
        _vocabularies(tft.TFTransformOutput(folder).vocabulary_file_by_name(VOCABULARIES)) if counted else []
    )
    layout = make_layout(steps, label, dict(zip(counted, found, strict=True)))
    if "://" not in folder:
        layout.write(folder)
        return
    with fileio.open(f"{folder}/{Layout.FILE}", "w") as file:
        file.write(layout.text())


def _vocabularies(path: str) -> list[Vocabulary]:
    """Returns where the words of each column stand: after the column's own line, up to the next one's."""
    with fileio.open(path, "rb") as file:
        heads = [
            number for number, line in enumerate(file) if line.rstrip(b"\n").partition(SEPARATOR)[2] == b""
        ]
    return [Vocabulary(line + 1, after - line - 1) for line, after in pairwise(heads)]
