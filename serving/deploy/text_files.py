"""The text files that TF Serving reads: models, batching and monitoring."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from serving.deploy.document import BatchingConfig, DeployDocument, MonitoringConfig, ServedModel

MODELS = "models.config"
BATCHING = "batching.config"
MONITORING = "monitoring.config"

_PLAIN = ("pad_variable_length_inputs",)
"""Batching fields with a bare value; the others are wrapped as ``{ value: N }``."""


def text_files(document: DeployDocument) -> dict[str, str]:
    """Returns file name → text of the files that the document needs."""
    files = {MODELS: models_config(document)}
    if document.batching is not None:
        files[BATCHING] = batching_config(document.batching)
    if document.monitoring is not None:
        files[MONITORING] = monitoring_config(document.monitoring)
    return files


def models_config(document: DeployDocument) -> str:
    """Returns a ModelServerConfig in protobuf text format."""
    entries = "".join(
        _block("config", _model(name, document.base_path(name), model), 1)
        for name, model in document.models.items()
    )
    return f"model_config_list {{\n{entries}}}\n"


def batching_config(batching: BatchingConfig) -> str:
    """Returns BatchingParameters in protobuf text format."""
    lines = []
    for name, value in batching.model_dump(exclude_none=True).items():
        if name == "allowed_batch_sizes":
            lines += [f"allowed_batch_sizes: {size}" for size in value]
        else:
            lines.append(
                f"{name}: {_word(value)}" if name in _PLAIN else f"{name} {{ value: {_word(value)} }}"
            )
    return "".join(f"{line}\n" for line in lines)


def monitoring_config(monitoring: MonitoringConfig) -> str:
    """Returns a MonitoringConfig in protobuf text format."""
    return _block("prometheus_config", ["enable: true", f"path: {quoted(monitoring.path)}"], 0)


def quoted(text: str) -> str:
    """Returns text as a string in protobuf text format; bytes other than plain ASCII become octal escapes."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1] if text.isprintable() and text.isascii() else None
    if plain is None:
        plain = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in text.encode())
    return f'"{plain}"'


def _model(name: str, base_path: str, model: ServedModel) -> Iterator[str]:
    yield f"name: {quoted(name)}"
    yield f"base_path: {quoted(base_path)}"
    yield 'model_platform: "tensorflow"'
    versions = model.versions
    if versions.all:
        yield "model_version_policy { all {} }"
    elif versions.specific:
        numbers = " ".join(f"versions: {number}" for number in versions.specific)
        yield f"model_version_policy {{ specific {{ {numbers} }} }}"
    else:
        yield f"model_version_policy {{ latest {{ num_versions: {versions.latest} }} }}"
    for label, version in sorted(model.labels.items()):
        yield f"version_labels {{ key: {quoted(label)} value: {version} }}"


def _block(name: str, lines: Iterable[str], depth: int) -> str:
    indent = "  " * depth
    inside = "".join(f"{indent}  {line}\n" for line in lines)
    return f"{indent}{name} {{\n{inside}{indent}}}\n"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
