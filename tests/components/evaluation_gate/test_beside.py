"""What is said about a model beside the two simple ones."""

from __future__ import annotations

import pytest

from components.evaluation_gate.beside import beside, outcome_of, sentence
from components.evaluation_gate.result import Gate, Interval, Metric, Verdict


def metric(name: str, gain: Interval, value: float = 0.819, linear: float = 0.815, **more: object) -> Metric:
    return Metric(
        name, "overall", value, value - 0.0181, value + 0.0169, 2433,
        references={"linear": linear, "constant": 0.5},
        gains={"linear": gain, "constant": Interval(value - 0.5, value - 0.52, value - 0.48)},
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "higher", "lower"),
    [
        (0.001, 0.01, "better", "worse"),
        (-0.01, -0.001, "worse", "better"),
        (-0.002, 0.01, "not told apart", "not told apart"),
        (0.0, 0.0, "not told apart", "not told apart"),
    ],
)
def test_a_model_is_better_or_worse_only_where_the_interval_excludes_zero(low, high, higher, lower) -> None:
    gain = Interval(0.0, low, high)
    assert (outcome_of(gain, True), outcome_of(gain, False)) == (higher, lower)


def test_too_few_rows_are_told_from_intervals_that_nobody_asked_for() -> None:
    assert outcome_of(Interval(0.1, None, None, error=0.2, freedom=3), True) == "too few rows to tell"
    assert outcome_of(Interval(0.1, None, None), True) == "no interval"
    said = sentence(Verdict(True, metrics=(metric("auc", Interval(0.1, None, None)),)))
    assert "difference 0.100: no interval" in said


def test_the_sentence_names_the_value_both_baselines_and_the_paired_differences() -> None:
    said = sentence(Verdict(True, metrics=(metric("auc", Interval(0.0042, -0.0021, 0.0104)),)))
    assert said == (
        "Beside simple models: AUC 0.819 (0.801–0.836); linear baseline 0.815, difference 0.004 (-0.002 to 0.010): "
        "not told apart; constant baseline 0.500, better by 0.319 (0.299 to 0.339)."
    )


def test_a_loss_that_is_sure_is_told_by_its_amount_and_one_that_is_not_never_called_worse() -> None:
    lost = sentence(Verdict(True, metrics=(metric("auc", Interval(-0.02, -0.031, -0.009)),)))
    assert "linear baseline 0.815, worse by 0.020 (0.009 to 0.031);" in lost
    unsure = sentence(Verdict(True, metrics=(metric("auc", Interval(-0.02, -0.05, 0.01)),)))
    assert "difference -0.020 (-0.050 to 0.010): not told apart" in unsure and "worse" not in unsure


def test_for_an_error_less_is_better() -> None:
    gain = Interval(-1200.0, -1500.0, -900.0)
    said = sentence(Verdict(True, metrics=(metric("rmse", gain, value=900.0, linear=2100.0),)))
    assert "linear baseline 2,100" in said and "better by 1,200 (900 to 1,500)" in said


def test_an_interval_that_ends_close_to_zero_is_not_rounded_onto_it() -> None:
    said = sentence(Verdict(True, metrics=(metric("auc", Interval(0.1, 0.00004, 0.2)),)))
    assert "better by 0.10000 (0.00004 to 0.20000)" in said


def test_gated_metrics_come_first_and_those_without_a_better_direction_not_at_all() -> None:
    gain = Interval(0.01, 0.005, 0.015)
    rows = tuple(metric(name, gain) for name in ("auc", "calibration", "mean_label", "recall"))
    slice_only = Metric("auc", "country=de", 0.8, gains={"linear": gain})
    gate = Gate("recall", "overall", "≥ 0.5", 0.8, 2433, "holds")
    found = beside(Verdict(True, gates=(gate,), metrics=(*rows, slice_only)))
    assert [one.metric.metric for one in found] == ["recall", "auc"]


def test_a_verdict_from_before_there_were_simple_models_says_nothing() -> None:
    assert sentence(Verdict(True, metrics=(Metric("auc", "overall", 0.8),))) == ""
