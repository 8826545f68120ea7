"""Checks across keys: contradictions within a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from decimal import Decimal
from typing import Final

from foundation.document.problems import Problem, show_value
from foundation.errors import near_miss
from foundation.places import Rule, refused
from serving.deploy.document import MODELS_FOLDER, DeployDocument
from serving.deploy.quantity import amount
from serving.server.config.options import Level, Options

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


def contradictions(document: DeployDocument) -> Iterator[Problem]:
    """Yields every contradiction."""
    yield from _models(document)
    yield from _flags(document)
    yield from _batching(document)
    yield from _resources(document)
    yield from _folders(document)
    if document.grpc_port == document.rest_port:
        yield Problem(
            ("rest_port",), "", expected="a port other than gRPC's", seen=f"{document.rest_port} for both"
        )
    if document.executable == "penstock-model-server" and document.image.startswith("tensorflow/serving"):
        what = "it is not in TF Serving's image"
        yield Problem(("executable",), what, remedy="set image to one that contains it")
    cluster = document.kubernetes
    if cluster and document.uses_volume and cluster.storage is None:
        remedy = "name the volume with storage.claim, or make every base_path a URI"
        yield Problem(("kubernetes",), "a model is in a folder", remedy=remedy, on_key=True)
    if cluster and cluster.autoscale and cluster.autoscale.most < cluster.replicas:
        expected = f"at least replicas, which is {cluster.replicas}"
        yield Problem(
            ("kubernetes", "autoscale", "most"), "", expected=expected, seen=f"{cluster.autoscale.most}"
        )


def _folders(document: DeployDocument) -> Iterator[Problem]:
    """Finds folders of this machine that are named by an address; only ``base_path`` may be one."""
    for path, folder in (
        (("compose", "models_folder"), document.compose.models_folder if document.compose else ""),
        (("tls", "folder"), document.tls.folder if document.tls else ""),
    ):
        if seen := refused(Rule.LOCAL, folder):
            yield Problem(
                path, "", expected=Rule.LOCAL.value, seen=seen, remedy="name a folder of this machine"
            )


def _models(document: DeployDocument) -> Iterator[Problem]:
    for name, model in document.models.items():
        if not name or "/" in name or ":" in name:
            what = "a model name must not contain / or :, or REST could not address it"
            yield Problem(("models", name), what, on_key=True)
        yield from _base_path(name, model.base_path)
        specific = model.versions.specific
        for label, version in model.labels.items():
            if specific and version not in specific:
                expected = "one of " + ", ".join(map(str, specific))
                what = f"version {version} is not served"
                yield Problem(("models", name, "labels", label), what, expected=expected)


def _base_path(model: str, path: str) -> Iterator[Problem]:
    where = ("models", model, "base_path")
    if path and not path.startswith("/") and not _URI.match(path):
        expected = f"an absolute path such as {MODELS_FOLDER}/{model}, or a URI"
        yield Problem(where, "", expected=expected, seen=show_value(path, where))
    elif path.startswith("/") and not f"{path}/".startswith(f"{MODELS_FOLDER}/"):
        what = f"the server sees the models' volume as {MODELS_FOLDER}"
        yield Problem(where, what, seen=show_value(path, where))


def _flags(document: DeployDocument) -> Iterator[Problem]:
    known = {f.name: f.metadata["level"] for f in fields(Options) if "level" in f.metadata}
    ours = document.executable == "penstock-model-server"
    names = sorted(n for n, level in known.items() if ours or level is not Level.EXTENSION)
    for flag in document.flags:
        if flag in MANAGED:
            yield Problem(("flags", flag), f"this flag is set by the key {MANAGED[flag]}", on_key=True)
        elif flag not in names:
            what = f"{document.executable} has no such flag"
            yield Problem(("flags", flag), what, remedy=near_miss(flag, names), on_key=True)


def _resources(document: DeployDocument) -> Iterator[Problem]:
    """Yields quantities that a cluster or docker would refuse, or take for next to nothing."""
    resources = document.resources
    storage = document.kubernetes.storage if document.kubernetes else None
    written: list[tuple[tuple[str, ...], str]] = [
        (("resources", key), value) for key, value in resources if value is not None
    ]
    if storage is not None:
        written.append((("kubernetes", "storage", "size"), storage.size))
    for place, quantity in written:
        least = Decimal("0.001") if place[-1].startswith("cpu") else 1
        if amount(quantity) < least:
            unit = "core" if place[-1].startswith("cpu") else "byte"
            seen = f"{quantity}, which is {amount(quantity):f} of a {unit}"
            yield Problem(place, "", expected=f"at least {least} {unit}", seen=seen, remedy=_meant(quantity))
    for key in ("cpu", "memory"):
        reserved, limit = getattr(resources, key), getattr(resources, f"{key}_limit")
        if limit is not None and amount(limit) < amount(reserved):
            what = "a limit below what is reserved is refused by every cluster"
            expected = f"at least {key}, which is {reserved}"
            remedy = f"raise {key}_limit, or lower {key}"
            yield Problem(("resources", f"{key}_limit"), what, expected=expected, seen=limit, remedy=remedy)


def _meant(quantity: str) -> str:
    number = quantity.removesuffix("m")
    return f"m is a thousandth; mebibytes are {number}Mi" if number != quantity else ""


def _batching(document: DeployDocument) -> Iterator[Problem]:
    batching = document.batching
    if batching is None or not batching.allowed_batch_sizes:
        return
    sizes, place = batching.allowed_batch_sizes, ("batching", "allowed_batch_sizes")
    if list(sizes) != sorted(set(sizes)) or sizes[0] < 1:
        yield Problem(place, "", expected="ascending sizes from 1", seen=f"{list(sizes)}")
    splits = bool(batching.enable_large_batch_splitting)
    name = "max_execution_batch_size" if splits else "max_batch_size"
    largest = (batching.max_execution_batch_size if splits else None) or batching.max_batch_size or 1000
    if sizes[-1] != largest:
        expected = f"the last size to be {name}, which is {largest}"
        yield Problem(place, "", expected=expected, seen=f"{sizes[-1]}")
