"""What no single key can tell: contradictions inside a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from foundation.errors import near_miss
from serving.deploy.document import MODELS_FOLDER, DeployDocument
from serving.server.config.options import Level, Options

KeyPath = tuple[str | int, ...]

MANAGED: Final = {
    "port": "grpc_port",
    "rest_api_port": "rest_port",
    "model_name": "models",
    "model_base_path": "models",
    "model_config_file": "models",
    "model_config_file_poll_wait_seconds": "config_poll_seconds",
    "enable_batching": "batching",
    "batching_parameters_file": "batching",
    "monitoring_config_file": "monitoring",
    "ssl_config_file": "tls",
    "allow_version_labels_for_unavailable_models": "labels",
}
"""Flag → the key of the document that sets it."""

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*://.")


def contradictions(document: DeployDocument) -> Iterator[tuple[KeyPath, str]]:
    """Yields the place and the description of everything that does not fit together."""
    yield from _models(document)
    yield from _flags(document)
    yield from _batching(document)
    if document.grpc_port == document.rest_port:
        yield ("rest_port",), f"expected another port than gRPC's; seen: {document.rest_port} for both"
    if document.executable == "penstock-model-server" and document.image.startswith("tensorflow/serving"):
        yield ("executable",), "TF Serving's image does not hold it; name an image that does, with image"
    cluster = document.kubernetes
    if cluster and document.uses_volume and cluster.storage is None:
        yield (
            ("kubernetes",),
            "a model lies in a folder; name the volume with storage.claim, or give every base_path as a URI",
        )
    if cluster and cluster.autoscale and cluster.autoscale.most < cluster.replicas:
        yield ("kubernetes", "autoscale", "most"), f"expected at least replicas, which is {cluster.replicas}"


def _models(document: DeployDocument) -> Iterator[tuple[KeyPath, str]]:
    for name, model in document.models.items():
        path = model.base_path
        if not name or "/" in name or ":" in name:
            yield ("models", name), "a model's name has no / and no :, or REST could not address it"
        if path and not path.startswith("/") and not _URI.match(path):
            yield (
                ("models", name, "base_path"),
                f"expected an absolute path such as {MODELS_FOLDER}/{name}, or a URI; seen: {path!r}",
            )
        elif path.startswith("/") and not f"{path}/".startswith(f"{MODELS_FOLDER}/"):
            yield (
                ("models", name, "base_path"),
                f"the server sees the models' volume as {MODELS_FOLDER}; seen: {path!r}",
            )
        specific = model.versions.specific
        for label, version in model.labels.items():
            if specific and version not in specific:
                served = ", ".join(map(str, specific))
                yield (
                    ("models", name, "labels", label),
                    f"version {version} is not served; expected one of {served}",
                )


def _flags(document: DeployDocument) -> Iterator[tuple[KeyPath, str]]:
    known = {f.name: f.metadata["level"] for f in fields(Options) if "level" in f.metadata}
    ours = document.executable == "penstock-model-server"
    names = sorted(n for n, level in known.items() if ours or level is not Level.EXTENSION)
    for flag in document.flags:
        if flag in MANAGED:
            yield ("flags", flag), f"this flag is set by the key {MANAGED[flag]}"
        elif flag not in names:
            miss = near_miss(flag, names)
            yield (
                ("flags", flag),
                "; ".join([f"{document.executable} has no such flag", *([miss] if miss else [])]),
            )


def _batching(document: DeployDocument) -> Iterator[tuple[KeyPath, str]]:
    batching = document.batching
    if batching is None or not batching.allowed_batch_sizes:
        return
    sizes, place = batching.allowed_batch_sizes, ("batching", "allowed_batch_sizes")
    if list(sizes) != sorted(set(sizes)) or sizes[0] < 1:
        yield place, f"expected ascending sizes from 1; seen: {list(sizes)}"
    splits = bool(batching.enable_large_batch_splitting)
    name = "max_execution_batch_size" if splits else "max_batch_size"
    largest = (batching.max_execution_batch_size if splits else None) or batching.max_batch_size or 1000
    if sizes[-1] != largest:
        yield place, f"expected the last size to be {name}, which is {largest}; seen: {sizes[-1]}"
