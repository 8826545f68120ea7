"""Small exports, written as mongoexport writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def export(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    """Writes documents as JSON lines and returns the file."""

    def write(documents: list[dict[str, Any]]) -> Path:
        path = tmp_path / "exports" / "people.jsonl"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
        return path

    return write


@pytest.fixture
def people() -> list[dict[str, Any]]:
    """Two hundred documents of an app."""
    return [
        {
            "_id": {"$oid": f"{i:024x}"},
            "user_id": f"u{i % 90}",
            "email": f"canary{i}@example.com",
            "profile": {
                "country": ["CANARYLAND", "CANARYSTAN"][i % 2],
                "age": 20 + i % 40 if i % 5 else str(20 + i % 40),
            },
            "bio": f"a canary sang {i} songs in the {i * 7} trees",
            "spent": 0.5 if i % 20 else 98765.4321,
            "joined": {"$date": f"2024-01-{1 + i % 28:02d}T00:00:00Z"},
            "tags": ["CANARYTAG", f"t{i % 4}"],
            "scores": {f"{i:024x}": 1},
            "version": "CANARY1",
            "note": None if i % 3 else "CANARYNOTE",
            "churned_at": {"$date": "2024-03-01T00:00:00Z"} if i % 2 else None,
            "nothing": None,
            "active": i % 3 == 0,
            "churned": i % 2 == 1,
        }
        for i in range(200)
    ]
