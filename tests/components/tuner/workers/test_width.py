"""How many trials run at once, by document, cores and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.tuner.config import TuneConfig
from components.tuner.workers.width import Need, Width, _limit

CASES: dict[str, tuple[dict[str, Any], int, Width]] = {
    "default": ({}, 8, Width(1, 1, 8)),
    "written": ({"algorithm": "random", "side_by_side": 2}, 8, Width(2, 2, 4)),
    "more than cores": ({"algorithm": "random", "side_by_side": 6}, 4, Width(4, 4, 1)),
    "more than trials": ({"algorithm": "random", "side_by_side": 6, "trials": 3}, 8, Width(3, 3, 2)),
    "auto": ({"algorithm": "hyperband", "side_by_side": "auto"}, 4, Width(4, 4, 1)),
    "one core": ({"algorithm": "random", "side_by_side": "auto"}, 1, Width(1, 1, 1)),
    "bayesian auto": ({"algorithm": "bayesian", "side_by_side": "auto"}, 8, Width(1, 1, 8)),
    "bayesian written": ({"algorithm": "bayesian", "side_by_side": 4}, 2, Width(4, 2, 1)),
}


@pytest.mark.parametrize("case", CASES)
def test_width(case: str) -> None:
    tune, cores, expected = CASES[case]
    assert Width.of(TuneConfig.model_validate(tune), cores) == expected


@pytest.mark.parametrize(
    ("text", "cores"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", None), ("", None)],
)
def test_a_containers_cores_count(text: str, cores: int | None, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text, encoding="ascii")
    assert _limit(file) == cores
    assert _limit(tmp_path / "none") is None


def test_no_process_is_started_before_the_first_has_told_its_size() -> None:
    need = Need()
    assert not need.starts(None, 0)
    need.ready(100)
    assert need.starts(100, 0)
    assert not need.starts(99, 0)
    assert not need.starts(199, 1)
    assert need.starts(None, 1)


def test_no_second_trial_is_begun_before_the_first_has_told_its_growth() -> None:
    need = Need(size=100)
    assert not need.begins(None, 0)
    need.ended(50)
    need.ended(20)
    assert need.begins(50, 0)
    assert not need.begins(99, 1)
