"""Outcomes to log, as a data plane hands them over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from serving.experiments.contract import Choice, Outcome, Target
from serving.experiments.log.read import tables

BEGAN = 1_790_000_000.123456


def choice(arm: str = "new", experiment: str = "exp", **changes: Any) -> Choice:
    made = {
        "target": Target("learner", 2),
        "propensity": 0.25,
        "unit": b"\x01" * 16,
        "document": "0123456789ab",
        "table": 3,
        "shadows": (("copy", Target("learner", 9, backend="far")),),
        **changes,
    }
    return Choice(experiment, arm, **made)


def outcome(number: object = 0, *, inputs: object = None, answer: object = 0.5, **changes: Any) -> Outcome:
    body = {"instances": inputs if inputs is not None else [{"x": 1.5, "country": "DE"}]}
    made = {
        "api": "rest",
        "method": "predict",
        "began": BEGAN,
        "seconds": 0.002,
        "code": 0,
        "request": json.dumps(body).encode(),
        "response": json.dumps({"predictions": answer if isinstance(answer, list) else [answer]}).encode(),
        "version": 2,
        **changes,
    }
    return Outcome(f"r{number}", **made)


def rows(directory: Path, experiment: str = "exp", **options: Any) -> list[dict[str, Any]]:
    return [row for table in tables(directory, experiment, **options) for row in table.to_pylist()]
