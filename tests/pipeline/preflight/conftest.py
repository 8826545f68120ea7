"""Projects of a document and an export, and what a preflight says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.exports.source import resolve
from components.node import Inputs
from pipeline.document import load
from pipeline.preflight import Review
from pipeline.preflight.review import review

NODES = ("MongoExampleGen", "ExampleValidator", "Transform", "Trainer", "EvaluationGate", "Pusher")
DOCUMENT: dict[str, Any] = {
    "name": "people",
    "data": {"mongo_export": "export.jsonl", "label": "won"},
    "features": {"n": "zscore"},
    "model": {"task": "binary"},
    "evaluate": {"metrics": ["auc"], "gates": {"auc": {"at_least": 0.5, "min_rows": 5}}},
    "push": {"to": "served"},
}


@pytest.fixture
def reviewed(tmp_path: Path) -> Callable[..., Review]:
    """Writes document and export and looks at them."""

    def of(documents: list[dict[str, Any]], nodes: tuple[str, ...] = NODES, **sections: Any) -> Review:
        text = "".join(json.dumps({"_id": f"d{i}", **one}) + "\n" for i, one in enumerate(documents))
        (tmp_path / "export.jsonl").write_text(text, encoding="utf-8")
        document = {**DOCUMENT, **sections}
        document["data"] = {**DOCUMENT["data"], **sections.get("data", {})}
        (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        loaded = load([tmp_path / "pipeline.yaml"])
        data = resolve("export.jsonl", tmp_path)
        schema = tmp_path / loaded.spec.schema_path()
        reviewed_schema = schema.read_text(encoding="utf-8") if schema.exists() else None
        return review(loaded, Inputs(tmp_path, data, None, reviewed_schema), nodes)

    return of
