"""Reads generated files back with the parsers that will read them."""

from __future__ import annotations

from typing import Any

import yaml

from foundation.errors import SpecError
from serving.deploy.document import BatchingConfig, DeployDocument
from serving.deploy.text_files import BATCHING, MODELS, MONITORING
from serving.server.config import text_configs
from serving.server.config.model_config import ServerConfig, parse_config
from serving.server.status import ServingError


def verify(document: DeployDocument, files: dict[str, str]) -> None:
    """Checks that every parsed file matches the document.

    Raises:
        SpecError: A file cannot be read or differs.
    """
    try:
        _check_models(document, parse_config(files[f"config/{MODELS}"], MODELS))
        _check_official(files[f"config/{MODELS}"])
        if document.batching is not None:
            _check_batching(document.batching, files[f"config/{BATCHING}"])
        if document.monitoring is not None:
            path = text_configs.monitoring_path(files[f"config/{MONITORING}"], MONITORING)
            _same(MONITORING, document.monitoring.path, path)
    except ServingError as error:
        raise SpecError("generated files", expected="files that TF Serving reads", seen=str(error)) from error
    for name, text in files.items():
        if name.endswith(".yaml"):
            _check_yaml(name, text)


def _check_models(document: DeployDocument, read: ServerConfig) -> None:
    said = {model.name: model for model in read.models}
    _same(MODELS, list(document.models), list(said))
    for name, model in document.models.items():
        versions, policy = model.versions, said[name].policy
        kind = "all" if versions.all else "specific" if versions.specific else "latest"
        _same(f"{MODELS}: {name}", document.base_path(name), said[name].base_path)
        _same(f"{MODELS}: {name}", dict(model.labels), dict(said[name].labels))
        _same(f"{MODELS}: {name}", kind, policy.kind)
        if kind == "latest":
            _same(f"{MODELS}: {name}", versions.latest, policy.count)
        _same(f"{MODELS}: {name}", sorted(versions.specific), sorted(policy.versions))


def _check_official(text: str) -> None:
    """Reads the models with TF Serving's own message, whose module does not load TensorFlow."""
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    try:
        text_format.Parse(text, ModelServerConfig())
    except text_format.ParseError as error:
        raise SpecError(MODELS, expected="a ModelServerConfig", seen=str(error)) from error


def _check_batching(batching: BatchingConfig, text: str) -> None:
    read = text_configs.batching_parameters(text, BATCHING)
    read.check()
    for name, value in batching.model_dump(exclude_none=True).items():
        _same(f"{BATCHING}: {name}", value, getattr(read, name))


def _check_yaml(name: str, text: str) -> None:
    for read in yaml.safe_load_all(text):
        if not isinstance(read, dict):
            raise SpecError(name, expected="mappings", seen=type(read).__name__)


def _same(subject: str, expected: Any, seen: Any) -> None:
    if expected != seen:
        raise SpecError(f"generated {subject}", expected=repr(expected), seen=repr(seen))
