"""What the gate reads: the evaluation's result file, and TFMA's files where there is none."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.judge import Blessed, judge
from components.evaluation_gate.measured import Measured
from components.evaluation_gate.measurements import read_evaluation
from components.evaluation_gate.result import Verdict
from components.evaluator.result import OVERALL, EvaluatedSlice, Evaluation, Measurement
from foundation.errors import DataError

WHOLE = EvaluatedSlice(
    slicing=OVERALL,
    name=OVERALL,
    rows=1000,
    unlabelled=3,
    groups=990,
    positives=400,
    negatives=600,
    candidate={"auc": Measurement(0.8, 0.77, 0.83, 0.015, 19), "calibration": Measurement(None)},
    baseline={"auc": Measurement(0.79, 0.76, 0.82, 0.016, 19)},
    change={"auc": Measurement(0.01, -0.005, 0.025, 0.007, 19)},
    references={"constant": {"auc": Measurement(0.5)}},
    gains={"constant": {"auc": Measurement(0.3, 0.27, 0.33, 0.015, 19)}},
)
PART = EvaluatedSlice("country", "country=日本", 10, 0, 10, {"auc": Measurement("inf", None, "-inf")})
CONFIG = EvaluateConfig.model_validate(
    {"metrics": ["auc"], "gates": {"auc": {"at_least": 0.7, "not_worse_than_blessed_by": 0.01}}}
)


def test_numbers_come_back_as_they_were_also_those_that_json_lacks(tmp_path: Path) -> None:
    Evaluation((WHOLE, PART), "in process").write(tmp_path)
    json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    whole, part = read_evaluation(str(tmp_path))
    assert whole.candidate["auc"] == Measured(0.8, 0.77, 0.83, 0.015, 19)
    assert math.isnan(whole.candidate["calibration"].value)
    assert whole.gains["constant"]["auc"].low == 0.27
    assert (whole.rows, whole.unlabelled, whole.positives, part.positives) == (1000, 3, 400, None)
    assert (part.candidate["auc"].value, part.candidate["auc"].high) == (math.inf, -math.inf)


def test_a_verdict_follows_the_blessed_models_before(tmp_path: Path) -> None:
    Evaluation((WHOLE,)).write(tmp_path)
    first, verdict = judge(str(tmp_path), CONFIG, "binary", None)
    assert first.blessed and verdict.since == () and verdict.overall["auc"] == 0.8
    verdict.write(tmp_path / "verdict")
    _, after = judge(str(tmp_path), CONFIG, "binary", Blessed(7, "run 1", str(tmp_path / "verdict")))
    assert [(one.model, one.run) for one in after.since] == [(7, "run 1")]
    after.write(tmp_path / "after")
    _, third = judge(str(tmp_path), CONFIG, "binary", Blessed(8, "run 2", str(tmp_path / "after")))
    assert [one.model for one in third.since] == [8, 7]
    assert third.since[1].losses["auc"].value == pytest.approx(-0.02)


def test_judging_loads_no_tensorflow(tmp_path: Path) -> None:
    Evaluation((WHOLE,)).write(tmp_path)
    script = f"""
import sys
from components.evaluation_gate.judge import judge
from components.evaluation_gate.config import EvaluateConfig
config = EvaluateConfig.model_validate_json({CONFIG.canonical_json()!r})
_, verdict = judge({str(tmp_path)!r}, config, "binary", None)
verdict.write({str(tmp_path)!r})
print(*sorted({{"tensorflow", "tfx", "apache_beam", "keras", "pandas", "pyarrow"}} & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert Verdict.read(tmp_path).blessed


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('{"format": 1, "slices": [', id="cut"),
        pytest.param('{"format": 1, "slices": [{"name": "overall"}]}', id="incomplete"),
        pytest.param('{"format": 1, "slices": []}', id="no rows"),
        pytest.param('{"format": 99, "slices": []}', id="newer"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_not_replaced_by_another(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(DataError, match="evaluation") as refused:
        judge(str(tmp_path), CONFIG, "binary", None)
    assert "\n" not in str(refused.value)


def test_a_gate_on_a_slice_that_was_not_measured_is_refused(tmp_path: Path) -> None:
    Evaluation((replace(WHOLE, rows=0),)).write(tmp_path)
    with pytest.raises(DataError, match="labelled rows"):
        judge(str(tmp_path), CONFIG, "binary", None)
