"""Executor of ``SchemaInferrer``: statistics of all splits in, ``schema.pbtxt`` out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.statistics_gen.stored import read_statistics
from foundation.publish import write_text

Artifacts = dict[str, list[artifact.Artifact]]

SCHEMA_FILE = "schema.pbtxt"


class Executor(base_executor.BaseExecutor):
    """Infers the schema to be reviewed after the first run."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``schema``."""
        from components.schema_gen.infer import infer  # it loads TFDV, and TensorFlow with it

        statistics = artifact_utils.get_single_instance(input_dict["statistics"])
        splits = sorted(artifact_utils.decode_split_names(statistics.split_names), key=lambda s: s != "train")
        loaded = [read_statistics(statistics, split) for split in splits]
        schema = infer(loaded, exec_properties["label"], json.loads(exec_properties["arrays"]))
        folder = artifact_utils.get_single_uri(output_dict["schema"])
        write_text(Path(folder) / SCHEMA_FILE, text_format.MessageToString(schema))
