"""Names that TensorFlow and TF Serving give to what is in an exported model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MODEL_FILE = "saved_model.pb"
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
"""Recorded requests that a server replays before it answers with a version; loading a SavedModel ignores them."""
CLASSES_FILE = Path("assets.extra") / "classes.json"
"""The label of each class id of a multiclass model; our own file, in the folder that TensorFlow leaves to others."""

DEFAULT_SIGNATURE = "serving_default"
"""The default signature, for requests that name none; our models take raw features by it."""
EXAMPLES_SIGNATURE = "serving_examples"
"""The signature of our models that takes serialized Examples."""

REFERENCES_FOLDER = "Format-References"
"""Folder beside the served model's with the two simple models that Evaluator compares it with; nobody serves it."""
CONSTANT = "constant"
"""Output of the reference that always answers the train split's prior or mean."""
LINEAR = "linear"
"""Output of the regularised linear reference; missing if it could not be fitted."""


def is_saved_model(folder: Path) -> bool:
    """Returns whether a folder holds a model."""
    return (folder / MODEL_FILE).is_file()


_PYTHON_OPS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def python_ops(graph_def: Any) -> list[str]:
    """Returns the names of a graph's operations that call Python, which only the process that made them can run.

    Args:
        graph_def: A ``tf.GraphDef``.
    """
    functions = (function.node_def for function in graph_def.library.function)
    nodes = (node for several in (graph_def.node, *functions) for node in several)
    return [node.name for node in nodes if node.op in _PYTHON_OPS]
