"""A document that ``init`` writes passes the look at its own export, whatever the export holds."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.exports.source import resolve
from components.node import Inputs
from pipeline.document import load
from pipeline.preflight.review import review
from pipeline.project import create_project
from tests.pipeline.preflight.conftest import NODES

WORDS = ("alpha", "né", "x y", "no", "yes", "NA", "null", "true", "1", "on")
Value = Callable[[random.Random], Any]
VALUES: tuple[Value, ...] = (
    lambda d: d.randrange(20),
    lambda d: d.gauss(0, 1),
    lambda d: float(d.randrange(5)),
    lambda d: str(d.randrange(300)),
    lambda d: str(d.gauss(0, 1)),
    lambda d: {"$date": f"20{d.randrange(10, 25)}-0{d.randrange(1, 10)}-11T0{d.randrange(10)}:00:00Z"},
    lambda d: f"20{d.randrange(10, 25)}-0{d.randrange(1, 10)}-11T00:00:00Z",
    lambda d: f"2024-0{d.randrange(1, 10)}-11",
    lambda d: d.choice(WORDS),
    lambda d: [d.choice(WORDS) for _ in range(d.randrange(4))],
    lambda d: d.choice([d.choice(WORDS), [d.choice(WORDS)]]),
    lambda d: {"a": d.randrange(5), "b": d.choice(WORDS)},
    lambda d: {"$numberDecimal": str(round(d.gauss(5, 2), 2))},
    lambda d: {"$numberLong": str(d.randrange(10**12))},
    lambda d: {"$oid": f"{d.randrange(16**6):024x}"},
    lambda d: {"$numberDouble": d.choice(["NaN", "1.5", "2.0"])},
    lambda d: d.choice([True, False, 0, 1]),
    lambda d: d.choice([1, "1", 1.0, True]),
    lambda d: f"{d.randrange(1000, 1020)},{d.randrange(100)}",
    lambda d: f"0{d.randrange(1000, 1300)}",
    lambda d: d.lognormvariate(3, 2),
    lambda d: " ".join(d.choice(WORDS) for _ in range(8)),
)
STRANGE: tuple[Any, ...] = ("N/A", "", "-", None, 3, True, 1.5)
LABELS: tuple[Value, ...] = (
    lambda d: d.choice(["yes", "no"]),
    lambda d: d.choice([0, 1]),
    lambda d: d.choice([2, 4]),
    lambda d: d.choice("abc"),
    lambda d: d.gauss(5, 2),
    lambda d: d.choice(["1", "0"]),
    lambda d: d.choice([1.0, 0.0, None]),
    lambda d: str(d.gauss(5, 2)),
    lambda d: d.choice([1, 2, 3, "x"]),
    lambda d: d.choice([True, False, "true"]),
    lambda d: float(d.randrange(4)),
    lambda d: d.random() < 0.1,
)


def column(draw: random.Random) -> Value:
    """A kind of values, of which a share is strange or missing."""
    usual, share = draw.choice(VALUES), draw.choice([0, 0, 0.02, 0.1, 0.3, 0.6])
    return lambda d: d.choice(STRANGE) if d.random() < share else usual(d)


@pytest.mark.parametrize("seed", range(len(LABELS)))
def test_a_written_document_passes(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    names = ("n", "a b", "zip", "from", "self", "Área", "type", "class")
    columns = {"sure": VALUES[0], **{name: column(draw) for name in names}}
    lines = [
        json.dumps(
            {
                "_id": f"d{i}",
                **{name: value(draw) for name, value in columns.items()},
                "outcome": LABELS[seed](draw),
            }
        )
        for i in range(400)
    ]
    (tmp_path / "export.jsonl").write_text("\n".join(lines), encoding="utf-8")
    loaded = load([create_project(tmp_path / "p", tmp_path / "export.jsonl", "p", "outcome")[0]])
    data = resolve(loaded.spec.data.mongo_export, loaded.folder)
    found = review(loaded, Inputs(loaded.folder, data, None, None), NODES)
    assert [str(remark) for remark in found.remarks] == []
