"""Imports all that the processes of a run import, by being imported; nothing of a person's own code."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import suppress

from pipeline.runners.zygote.fingerprint import package_root

_LIBRARIES = (
    "tensorflow",
    "tensorflow.summary",
    "tensorboard.summary",
    "keras",
    "apache_beam",
    "apache_beam.typehints.intrinsic_one_ops",
    "tensorflow_transform.beam",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "ml_metadata",
    "grpc._server",
    "pyarrow.pandas_compat",
    "pydantic.dataclasses",
    "setuptools.dist",  # TFX's launcher imports it for every node
    "sklearn.decomposition",
    "sklearn.neighbors",
    "sklearn.tree",
)
_OURS = (
    "pipeline.runners.worker",
    "pipeline.runners.compile",
    "pipeline.runners.node_executor",
    "pipeline.lineage.store",
    "serving.server.main",
    "serving.server.server",
    "serving.client",
)


def _components() -> Iterator[str]:
    """Yields the modules of all components: nodes import theirs late, so that commands start at once."""
    root = package_root()
    for file in sorted((root / "components").rglob("*.py")):
        if file.stem not in ("__init__", "__main__"):
            yield ".".join(file.relative_to(root).with_suffix("").parts)


for _name in _LIBRARIES + _OURS:
    importlib.import_module(_name)
for _name in _components():
    with suppress(ImportError):  # it needs an extra that is not installed
        importlib.import_module(_name)
