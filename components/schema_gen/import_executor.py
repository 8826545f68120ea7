"""Executor of ``ImportSchemaGen``: what TFX's does, without the TensorFlow that TFX's loads to copy a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.schema_gen.executor import SCHEMA_FILE
from foundation.errors import DataError
from foundation.publish import storage_error, write_text

Artifacts = dict[str, list[artifact.Artifact]]


class Executor(base_executor.BaseExecutor):
    """Copies the reviewed schema into the pipeline root."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``schema``.

        Raises:
            DataError: The file is no schema.
            StorageError: It cannot be read.
        """
        file = Path(exec_properties["schema_file"])
        try:
            text = file.read_text(encoding="utf-8")
            text_format.Parse(text, schema_pb2.Schema())
        except OSError as error:
            raise storage_error(file, error) from error
        except (UnicodeDecodeError, text_format.ParseError) as error:
            raise DataError(
                f"schema {file}",
                expected="a schema of TFDV as text",
                seen=str(error).splitlines()[0],
                remedy="correct it, or remove it and have the next run infer one",
            ) from error
        write_text(Path(artifact_utils.get_single_uri(output_dict["schema"])) / SCHEMA_FILE, text)
