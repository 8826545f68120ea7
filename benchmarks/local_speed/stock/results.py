"""What a stock run left behind, as one line of JSON: seconds of every node, metrics, whether the model was pushed.

python results.py --root FOLDER
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import tensorflow_model_analysis as tfma
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2

NAMES = {
    "auc": "auc",
    "binary_accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "calibration": "calibration",
    "example_count": "rows",
}
"""TFMA's name → Penstock's."""


def node_seconds(root: Path) -> dict[str, float]:
    """Returns node → seconds between the creation and the last update of its newest complete execution."""
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(root / "metadata.db")
    store = metadata_store.MetadataStore(connection)
    types = {t.id: t.name.rpartition(".")[2] for t in store.get_execution_types()}
    found = {}
    for execution in sorted(store.get_executions(), key=lambda e: e.id):
        if execution.last_known_state == metadata_store_pb2.Execution.COMPLETE:
            milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
            found[types[execution.type_id]] = milliseconds / 1000
    return found


def metrics(root: Path) -> dict[str, float]:
    """Returns metric → value over all rows of the test split, from the newest evaluation."""
    folders = (root / "artifacts" / "Evaluator" / "evaluation").iterdir()
    newest = max(folders, key=lambda folder: int(folder.name))
    result: Any = tfma.load_eval_result(str(newest))
    (overall,) = [values for key, values in result.slicing_metrics if not key]
    values = overall[""][""]
    return {NAMES[name]: value["doubleValue"] for name, value in values.items() if name in NAMES}


def pushed_model(root: Path) -> str:
    """Returns the folder of the pushed model, empty when none was pushed."""
    folders = sorted((root / "serving").glob("*"))
    return str(folders[-1]) if folders else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="root of the stock pipeline")
    root = parser.parse_args().root
    print(json.dumps({"nodes": node_seconds(root), "metrics": metrics(root), "model": pushed_model(root)}))


if __name__ == "__main__":
    main()
