"""Contradictions in the ``model`` and ``train`` sections."""

from __future__ import annotations

from collections.abc import Iterator

from foundation.document.problems import Problem
from foundation.storage import is_remote
from pipeline.document.models import PipelineSpec


def positive(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a positive value for a task without one."""
    if spec.model.positive is not None and spec.model.task != "binary":
        what = f"only a binary task has a positive value, this one is {spec.model.task}"
        yield Problem(
            ("model", "positive"), what, remedy="remove it, or set model.task to binary", on_key=True
        )


def class_weights(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds class weights without classes, for too many classes, or below zero."""
    weights, path = spec.train.class_weights, ("train", "class_weights")
    if weights is None:
        return
    if spec.model.task == "regression":
        yield Problem(
            path, "a regression has no classes to weight", remedy="remove class_weights", on_key=True
        )
    if weights == "balanced":
        return
    if spec.model.task == "binary" and len(weights) > 2:
        yield Problem(path, "a binary task has two classes", seen=f"weights for {len(weights)}", on_key=True)
    if spec.model.task == "binary":
        yield from _unknown_classes(spec, weights)
    for label, weight in weights.items():
        if weight < 0:
            yield Problem((*path, label), "", expected="a weight of at least 0", seen=f"{weight:g}")


def meeting(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds a training on several machines that could not meet: they do so by a file in the root."""
    devices = spec.train.devices
    if devices and devices.strategy == "multi_worker" and devices.workers is None and is_remote(spec.root):
        yield Problem(
            ("train", "devices"),
            "workers of several machines meet by a file in the pipeline's root, which is in a store",
            expected="a root in a folder that all of them share",
            seen=spec.root,
            remedy="give root such a folder, or train.devices.workers to start all workers on one machine",
            on_key=True,
        )


def _unknown_classes(spec: PipelineSpec, weights: dict[str, float]) -> Iterator[Problem]:
    """Finds weights for other classes than the positive one and 0, which stands for any other value."""
    positive = spec.model.positive
    known = ["0", "1" if positive is None or isinstance(positive, bool) else str(positive)]
    for label in weights:
        if label not in known and len(weights) <= 2:
            remedy = "the class that is not positive is 0"
            yield Problem(
                ("train", "class_weights", label),
                f"no class {label!r}",
                expected=" or ".join(known),
                remedy=remedy,
                on_key=True,
            )
