"""Reports what the project makes of the toys; runs in a separate process so that no other test sees them.

``asked.py document`` loads no TensorFlow, ``asked.py computed`` does. The answer is JSON on the last line.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import toys  # noqa: F401 (registers)

DOCUMENT = """
name: toy
data: {mongo_export: e.jsonl, fields: {n: n, word: {to: word, type: string}}, label: y}
features: {n: [{times: 3}]}
model: {type: bias}
evaluate: {metrics: [surprises], gates: {surprises: {at_most: 0.1}}}
tune: {search: {type: [bias, linear]}}
"""
SLIPS = {
    "type": ("n: [{times: 3}]", "word: [{times: 3}]"),
    "bound": ("{times: 3}", "{times: 1}"),
    "value": ("{times: 3}", "times"),
    "near miss": ("{times: 3}", "{tims: 3}"),
    "task": ("type: bias}", "type: bias, task: regression}"),
    "model": ("model: {type: bias}", "model: {type: bais}"),
    "share": ("at_most: 0.1", "at_least: 2"),
    "gate": ("at_most: 0.1", "not_worse_than_blessed_by: 0.1"),
}


def document() -> dict[str, Any]:
    """Returns the results of the document's checks and its JSON Schema."""
    from pipeline.document.json_schema import document_schema
    from pipeline.report import text

    definitions = document_schema()["$defs"]
    return {
        "sound": problems(DOCUMENT),
        "slips": {name: problems(DOCUMENT.replace(*slip)) for name, slip in SLIPS.items()},
        "key": definitions["Transformation"]["properties"]["times"]["description"],
        "types": definitions["ModelConfigSlice"]["properties"]["type"]["enum"],
        "label": text.words("surprises"),
    }


def problems(text: str) -> str:
    from foundation.errors import PenstockError
    from pipeline.document import load

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "pipeline.yaml")
        path.write_text(text, encoding="utf-8")
        try:
            load([path])
        except PenstockError as error:
            return str(error)
    return ""


def computed() -> dict[str, Any]:
    """Returns what preprocessing, builder and scores compute for the toys."""
    import numpy as np
    import tensorflow as tf

    from components.evaluator import scores
    from components.trainer.config import ModelConfigSlice
    from components.trainer.features import FeatureDescription
    from components.trainer.models.build import build
    from components.transform.preprocessing import preprocessing_fn

    inputs = {"n": tf.constant([[2.0], [float("nan")]]), "y": tf.constant([[1], [0]], tf.int64)}
    settings = {"features": {"n": [{"times": 3}]}, "label": "y", "task": "binary", "positive": None}
    outputs = preprocessing_fn(inputs, settings)
    features = [FeatureDescription("n_times", "number", 1)]
    model = build(ModelConfigSlice(type="bias"), features, 1, {})
    labels, predictions, metrics = np.array([1.0, 0.0]), np.array([0.05, 0.2]), ["surprises", "accuracy"]
    sums = scores.GroupSums.of(scores.row_columns("binary", labels, predictions, metrics), np.array([0, 1]))
    samples = scores.metric_samples("binary", metrics, sums, None)
    return {
        "transformed": outputs["numbers"][:, 0].numpy().tolist(),
        "predicted": model({"numbers": outputs["numbers"]}).numpy().tolist(),
        "measured": {name: float(values[0]) for name, values in samples.items()},
    }


if __name__ == "__main__":
    print(json.dumps({"document": document, "computed": computed}[sys.argv[1]]()))
