"""Small exports in every format, and plans for them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from components.exports.fields import FieldConfig
from components.mongo_example_gen.config import DataConfig
from components.mongo_example_gen.plan import Plan, make_plan

WriteLines = Callable[..., Path]


@pytest.fixture
def write_lines(tmp_path: Path) -> WriteLines:
    """Writes documents (dictionaries, or raw bytes for broken ones) as JSON lines under the test's folder."""

    def write(name: str, documents: Iterable[Any], gz: bool = False) -> Path:
        lines = [
            d if isinstance(d, bytes) else json.dumps(d, separators=(",", ":")).encode() for d in documents
        ]
        data = b"".join(line + b"\n" for line in lines)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if gz else data)
        return path

    return write


@pytest.fixture
def make_test_plan() -> Callable[..., Plan]:
    """Makes a plan from dotted path → type (None: to be found); the label is ``y``."""

    def make(fields: dict[str, str | None], labelled: bool = True, by: str = "_id") -> Plan:
        config = DataConfig.model_validate({"mongo_export": "x", "label": "y", "split": {"by": by}})
        return make_plan(config, {path: FieldConfig(type=kind) for path, kind in fields.items()}, labelled)

    return make
