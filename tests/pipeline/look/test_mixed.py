"""What look says of a path with several types is what an ingestion does with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.look import look
from pipeline.look.text import rows


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("7", "mixed types, read as string; declare type: int"),
        ("7.5", "mixed types, read as string; declare type: float"),
        ("x", "mixed types, read as string"),
        (0.5, "mixed types, read as float"),
        (True, "mixed types, read as int"),
        (None, ""),
    ],
    ids=["whole", "number", "word", "float", "bool", "null"],
)
def test_mixed_types(tmp_path: Path, odd: Any, said: str) -> None:
    documents = [{"_id": n, "v": odd if n % 20 == 0 else n} for n in range(200)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents))
    (notes,) = [row[-1] for row in rows(look(str(tmp_path / "a.jsonl"))) if row[0] == "v"]
    assert notes == said
