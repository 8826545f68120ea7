"""AUC of a pushed model on held-out rows, through its own signature for serialized Examples, as one line of JSON.

python score.py --model FOLDER --signature serving_default --rows held_out.jsonl
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

BATCH = 2000
LABEL = "retained_d7"
FLOATS = ("minutes", "mean_score")


def example(row: dict[str, Any]) -> bytes:
    """Returns a serialized Example of a flat row, without label and without what is missing."""
    features = {
        name: _feature(name, v) for name, v in row.items() if v is not None and name not in (LABEL, "id")
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _feature(name: str, value: Any) -> tf.train.Feature:
    if isinstance(value, str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if name in FLOATS:
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def area_under_curve(labels: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Returns AUC and its standard error (DeLong), ties counted half.

    Args:
        labels: 0 or 1 of each row, ``[rows]``.
        scores: Predictions, ``[rows]``.
    """
    positive, negative = scores[labels == 1], scores[labels == 0]
    below = _share_below(np.sort(negative), positive)
    above = 1 - _share_below(np.sort(positive), negative)
    variance = below.var(ddof=1) / len(positive) + above.var(ddof=1) / len(negative)
    return float(below.mean()), float(np.sqrt(variance))


def _share_below(ordered: np.ndarray, values: np.ndarray) -> np.ndarray:
    left, right = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return (left + right) / 2 / len(ordered)


def predict(model: str, signature: str, examples: list[bytes]) -> np.ndarray:
    """Returns the model's probabilities, ``[rows]``."""
    loaded = tf.saved_model.load(model)
    function = loaded.signatures[signature]
    parts = []
    for start in range(0, len(examples), BATCH):
        outputs = function(examples=tf.constant(examples[start : start + BATCH]))
        (values,) = outputs.values()
        parts.append(np.reshape(values.numpy(), -1))
    return np.concatenate(parts)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="folder of the SavedModel")
    parser.add_argument("--signature", required=True, help="signature that takes serialized Examples")
    parser.add_argument("--rows", type=Path, required=True, help="flat rows as JSON lines")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.rows.open(encoding="utf-8")]
    labels = np.array([row[LABEL] for row in rows])
    auc, error = area_under_curve(labels, predict(given.model, given.signature, [example(r) for r in rows]))
    print(json.dumps({"auc": auc, "standard_error": error, "rows": len(rows)}))


if __name__ == "__main__":
    main()
