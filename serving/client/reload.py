"""The list of models to give to a running server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foundation.publish import storage_error
from serving.client.errors import InputError


@dataclass(frozen=True)
class ModelConfig:
    """One model of a server.

    Attributes:
        name: Its name in requests.
        base_path: The folder of its numbered versions, as the server sees it: absolute, or a URI.
        latest: Serve this many of the newest versions, unless one of the next two is given.
        all_versions: Serve every version.
        versions: Serve exactly these versions.
        labels: Label → version. A server refuses a label for a version it has not loaded yet.
    """

    name: str
    base_path: str
    latest: int = 1
    all_versions: bool = False
    versions: Sequence[int] = ()
    labels: Mapping[str, int] = field(default_factory=dict)


def serialized_config(config: str | Path | Sequence[ModelConfig]) -> bytes:
    """Returns a serialized ``ModelServerConfig``.

    Args:
        config: The models; or the text of a model configuration file, or its path.

    Raises:
        InputError: The text is not a model configuration.
        StorageError: The file cannot be read.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig  # loads no TensorFlow

    message = ModelServerConfig()
    if isinstance(config, Path):
        try:
            config = config.read_text(encoding="utf-8")
        except OSError as error:
            raise storage_error(config, error) from error
    if isinstance(config, str):
        try:
            text_format.Parse(config, message)
        except text_format.ParseError as error:
            raise InputError(
                "model configuration", expected="the text of a ModelServerConfig", seen=str(error)
            ) from error
    else:
        for model in config:
            _add(message.model_config_list.config.add(), model)
    packed: bytes = message.SerializeToString()
    return packed


def _add(entry: Any, model: ModelConfig) -> None:
    entry.name, entry.base_path, entry.model_platform = model.name, model.base_path, "tensorflow"
    policy = entry.model_version_policy
    if model.versions:
        policy.specific.versions.extend(model.versions)
    elif model.all_versions:
        policy.all.SetInParent()
    else:
        policy.latest.num_versions = model.latest
    entry.version_labels.update(model.labels)
