"""The routing benchmark's tables, from made-up figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Any:
    for folder in ("routing", "serving"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    import routing_tables

    yield routing_tables
    for name in ("routing_tables", "planes", "tables", "bodies", "models"):
        sys.modules.pop(name, None)


def point(plane: str, repeat: int, **figures: float) -> dict[str, Any]:
    whole = {"rate": 1000.0, "p50": 1.0, "p99": 2.0, "plane_us": 0.0, "backend_us": 200.0, "client_us": 10.0}
    where = {"backend": "Penstock's server", "protocol": "gRPC", "plane": plane, "concurrency": 8, "rows": 1}
    return {**where, "repeat": repeat, **whole, **figures}


def test_ratios_are_of_medians_and_aims_are_judged_by_them(tables: Any) -> None:
    points = [point("direct", n) for n in range(3)]
    points += [
        point(tables.ROUTER, n, rate=rate, p50=1.2, plane_us=50) for n, rate in enumerate((860, 1, 870))
    ]
    points += [point(tables.HOP_FREE, 0, rate=940), point(tables.AIO_FRONT, 0, rate=400)]
    text = tables.render({"machine": "a machine", "repeats": 3, "seconds": 90, "points": points})
    assert "| 8 at once, Penstock's router | 860 | 86% | 1.20 | 2.00 | +0.20 | 50 | 200 | 10 |" in text
    assert "| router, gRPC, 8 at once: at least 85% of direct | 86% | yes |" in text
    assert "were it one core | 80% | no |" in text
    assert "| experiments in the server, gRPC, 8 at once: at most 5% off | 94% | no |" in text
    assert "| server, gRPC, 8 at once: at least 2× its former front | 2.50× | yes |" in text
    assert "| router, gRPC, alone: at most 0.3 ms added at p50 | – | – |" in text
