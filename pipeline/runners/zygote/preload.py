"""What a zygote imports: all that the processes of a run import, and nothing of a person's own code."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence

from pipeline.nodes import NODES

_RUN = (
    "tensorflow",
    "keras",
    "apache_beam",
    "tensorflow_transform.beam",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tfx.v1",
    "ml_metadata",
    "pipeline.runners.worker",
    "pipeline.runners.compile",
    "pipeline.runners.node_executor",
    "pipeline.lineage.store",
    "serving.server.main",
)


def modules() -> list[str]:
    """Returns the modules that a run's processes need."""
    declared = [node.build.partition(":")[0] for node in NODES]
    results = [node.result[1].partition(":")[0] for node in NODES if node.result]
    return list(dict.fromkeys([*_RUN, *declared, *results]))


def load(names: Sequence[str]) -> int:
    """Imports modules; returns how many threads the process has then."""
    for name in names:
        importlib.import_module(name)
    return threads()


def threads() -> int:
    """Returns how many threads this process has, those of libraries included."""
    return len(os.listdir("/proc/self/task"))
