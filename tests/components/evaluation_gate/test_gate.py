from __future__ import annotations

import math

import pytest

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Measured, SliceResult, decide
from foundation.errors import DataError


def result(auc=0.684, low=0.671, high=0.697, rows=1987, slicing="overall", name="overall", **more):
    candidate = {"auc": Measured(auc, low, high), **more.pop("candidate", {})}
    return SliceResult(slicing, name, rows, 0, candidate, **more)


def config(gates, metrics=("auc",), slices=()):
    return EvaluateConfig(metrics=list(metrics), slices=list(slices), gates=gates)


def test_refusal_names_bound_value_interval_rows_and_shortfall():
    decision = decide(config({"auc": 0.7}), [result()])
    assert not decision.blessed
    assert decision.sentence == (
        "Not blessed: needs auc ≥ 0.700 on overall, has 0.684 (0.671–0.697) on 1,987 rows: 0.016 short."
    )


def test_blessing_names_value_and_what_would_flip_it():
    decision = decide(config({"auc": 0.65}), [result()])
    assert decision.blessed
    assert "auc 0.684 (0.671–0.697) on overall (1,987 rows) meets ≥ 0.650" in decision.sentence
    assert decision.flips == ("auc worse by 0.035 on overall",)


def test_blessing_joins_several_bounds_on_one_metric():
    gate = {"auc": {"at_least": 0.65, "at_most": 0.9, "not_worse_than_blessed_by": 0.01}}
    given = with_baseline("auc", Measured(0.7), 0.69, Measured(0.01))
    sentence = decide(config(gate), [given]).sentence
    assert "meets ≥ 0.650 and ≤ 0.900 and at most 0.01 worse than the blessed model's 0.690" in sentence


def test_the_worse_end_decides_if_asked():
    gate = {"at_least": 0.68, "on_interval": True}
    assert not decide(config({"auc": gate}), [result()]).blessed
    assert decide(config({"auc": {"at_most": 0.69}}), [result()]).blessed
    assert not decide(config({"auc": {"at_most": 0.69, "on_interval": True}}), [result()]).blessed


def test_without_gates_every_model_is_blessed_and_the_sentence_says_so():
    decision = decide(config("none"), [result()])
    assert decision.blessed
    assert "gates: none" in decision.sentence


def test_first_model_passes_a_relative_gate_and_the_sentence_says_so():
    decision = decide(config({"auc": {"not_worse_than_blessed_by": 0.01}}), [result()])
    assert decision.blessed
    assert "there is no blessed model yet" in decision.sentence


def with_baseline(metric, own, base, change):
    return SliceResult(
        "overall", "overall", 500, 0, {metric: own}, {metric: Measured(base)}, {metric: change}
    )


@pytest.mark.parametrize(
    ("metric", "own", "base", "blessed"),
    [
        ("auc", 0.70, 0.705, True),
        ("auc", 0.70, 0.72, False),
        ("log_loss", 0.40, 0.395, True),
        ("log_loss", 0.40, 0.38, False),
        ("calibration", 0.97, 1.02, True),
        ("calibration", 1.05, 0.98, False),
    ],
)
def test_worse_follows_the_direction_of_the_metric(metric, own, base, blessed):
    change = Measured(own - base, own - base - 0.1, own - base + 0.1)
    gate = {metric: {"not_worse_than_blessed_by": 0.01}}
    given = with_baseline(metric, Measured(own, own - 0.1, own + 0.1), base, change)
    assert decide(config(gate, metrics=[metric]), [given]).blessed is blessed


def test_relative_gate_on_the_interval_takes_the_paired_difference():
    gate = {"auc": {"not_worse_than_blessed_by": 0.01, "on_interval": True}}
    own = Measured(0.70, 0.60, 0.80)  # its own interval is wide, the difference's is not
    close = with_baseline("auc", own, 0.705, Measured(-0.005, -0.008, -0.002))
    wide = with_baseline("auc", own, 0.705, Measured(-0.005, -0.03, 0.02))
    assert decide(config(gate), [close]).blessed
    assert not decide(config(gate), [wide]).blessed


def test_metric_without_a_better_direction_cannot_be_compared():
    given = with_baseline("mean_label", Measured(0.3), 0.3, Measured(0.0))
    with pytest.raises(DataError, match="where higher or lower is better"):
        decide(config({"mean_label": {"not_worse_than_blessed_by": 1}}, metrics=["mean_label"]), [given])


def test_a_slice_can_fail_alone_but_a_small_one_never_decides():
    gate = {"auc": {"at_least": 0.65, "slices": ["overall", "country"]}}
    rows = [result(), result(0.60, 0.58, 0.62, slicing="country", name="country=de"),
            result(0.10, rows=20, slicing="country", name="country=fr")]  # fmt: skip
    decision = decide(config(gate, slices=["country"]), rows)
    assert [c.outcome for c in decision.checks] == ["holds", "fails", "not decided"]
    assert "country=de" in decision.sentence
    assert "country=fr" not in decision.sentence


def test_too_few_rows_overall_never_bless():
    decision = decide(config({"auc": 0.5}), [result(rows=50)])
    assert not decision.blessed
    assert "50 rows, needs 100 to decide" in decision.sentence


@pytest.mark.parametrize("bound", [{"at_least": 0.1}, {"at_most": 0.9}, {"not_worse_than_blessed_by": 1}])
def test_nan_never_passes(bound):
    given = result(auc=math.nan, low=math.nan, high=math.nan)
    decision = decide(config({"auc": bound}), [given])
    assert not decision.blessed
    assert "no value" in decision.sentence


def test_missing_interval_never_passes_if_it_decides():
    given = result(low=math.nan, high=math.nan)
    decision = decide(config({"auc": {"at_least": 0.1, "on_interval": True}}), [given])
    assert not decision.blessed
    assert "no interval" in decision.sentence


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({"auk": 0.5}, "did you mean 'auc'"),
        ({"auc": {"at_least": 0.5, "slices": ["county"]}}, "slice county"),
    ],
    ids=["metric", "slice"],
)
def test_gate_on_something_unmeasured_is_an_error(gates, message):
    with pytest.raises(DataError, match=message):
        decide(config(gates), [result()])


def test_gates_only_on_slices_that_are_all_too_small_are_an_error():
    rows = [result(), result(rows=5, slicing="country", name="country=de")]
    with pytest.raises(DataError, match="lower min_rows"):
        decide(config({"auc": {"at_least": 0.5, "slices": ["country"]}}, slices=["country"]), rows)
