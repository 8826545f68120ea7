from __future__ import annotations

import dataclasses
import math

import pytest

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Earlier, Measured, SliceResult, decide
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


@pytest.mark.parametrize("bound", [0, 0.0, {"at_least": 0}, {"not_worse_than_blessed_by": 0}])
def test_zero_is_a_bound(bound):
    assert decide(config({"auc": bound}), [result()]).checks


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


def paired(metric, own, base, change, error=0.02, slicing="overall", name="overall", rows=2400, **more):
    """Returns a slice whose own interval is wide and whose paired difference has ``error``."""
    reach = 2.093 * error
    return SliceResult(
        slicing, name, rows, 0,
        {metric: Measured(own, own - 0.1, own + 0.1, 0.05, 19)},
        {metric: Measured(base, base - 0.1, base + 0.1, 0.05, 19)},
        {metric: Measured(change, change - reach, change + reach, error, 19)},
        positives=more.pop("positives", rows // 2), negatives=more.pop("negatives", rows // 2), **more,
    )  # fmt: skip


@pytest.mark.parametrize("on_interval", [False, True, "everywhere"])
@pytest.mark.parametrize("slicing", ["overall", "country"])
def test_the_blessed_model_itself_is_never_refused_for_its_calibration(on_interval, slicing):
    gate = {"not_worse_than_blessed_by": 0.01, "on_interval": on_interval, "slices": ["overall", "country"]}
    same = paired("calibration", 1.03, 1.03, 0.0, error=0.0)
    part = paired("calibration", 0.9, 0.9, 0.0, error=0.0, slicing="country", name="country=de", rows=150)
    decision = decide(
        config({"calibration": gate}, metrics=["calibration"], slices=["country"]), [same, part]
    )
    assert decision.blessed, decision.sentence


def test_calibration_on_the_interval_is_judged_on_the_difference():
    gate = {"calibration": {"not_worse_than_blessed_by": 0.02, "on_interval": True}}
    near = paired("calibration", 1.03, 1.028, 0.002, error=0.004)
    far = paired("calibration", 1.06, 1.03, 0.03, error=0.004)
    across = paired("calibration", 0.985, 1.015, -0.03, error=0.004)  # as far off on the other side
    assert decide(config(gate, metrics=["calibration"]), [near]).blessed
    assert not decide(config(gate, metrics=["calibration"]), [far]).blessed
    assert not decide(config(gate, metrics=["calibration"]), [across]).blessed
    surely = dataclasses.replace(
        across, candidate={"calibration": Measured(0.985, 0.98, 0.99, 0.002, 19)},
        baseline={"calibration": Measured(1.015, 1.01, 1.02, 0.002, 19)},
    )  # fmt: skip
    assert decide(config(gate, metrics=["calibration"]), [surely]).blessed


@pytest.mark.parametrize(
    ("metric", "positives", "negatives", "said"),
    [
        ("auc", 2, 98, "2 positives, needs 20 to decide"),
        ("auc", 95, 5, "5 negatives, needs 20 to decide"),
        ("recall", 1, 99, "1 positive, needs 20 to decide"),
        ("f1", 2, 98, "2 positives, needs 20"),
    ],
)
def test_too_few_positives_or_negatives_never_decide(metric, positives, negatives, said):
    given = paired(metric, 0.9, 0.9, 0.0, rows=100, positives=positives, negatives=negatives)
    decision = decide(config({metric: 0.5}, metrics=[metric]), [given])
    assert not decision.blessed
    assert said in decision.sentence
    assert "data.split.test" in decision.sentence
    assert f"lower {metric}'s min_" in decision.sentence
    part = dataclasses.replace(given, slicing="country", name="country=de")
    whole = paired(metric, 0.9, 0.9, 0.0)
    gate = {metric: {"at_least": 0.95, "slices": ["country"]}}
    with pytest.raises(DataError, match="to decide"):
        decide(config(gate, metrics=[metric], slices=["country"]), [whole, part])


@pytest.mark.parametrize(
    ("metric", "gate"),
    [("accuracy", {}), ("log_loss", {}), ("auc", {"min_positives": 2}), ("recall", {"min_positives": 0})],
)
def test_metrics_that_need_no_events_and_gates_that_ask_for_fewer_decide(metric, gate):
    given = paired(metric, 0.9, 0.9, 0.0, rows=100, positives=2, negatives=98)
    bound = {"at_most": 0.95} if metric == "log_loss" else {"at_least": 0.5}
    assert decide(config({metric: gate | bound}, metrics=[metric]), [given]).blessed


def test_a_bound_that_so_few_rows_cannot_show_is_refused_with_the_number_that_can():
    given = SliceResult("overall", "overall", 100, 0, {"accuracy": Measured(1.0, 0.963, 1.0)})
    gate = {"accuracy": {"at_least": 0.99, "on_interval": True}}
    decision = decide(config(gate, metrics=["accuracy"]), [given])
    assert not decision.blessed
    assert "100 rows, which cannot show 0.99 even if all are right; 368 can" in decision.sentence


def test_faultless_rows_of_few_keys_show_no_more_than_the_keys():
    given = SliceResult("overall", "overall", 1000, 0, {"accuracy": Measured(1.0, 0.83, 1.0)}, groups=20)
    decision = decide(
        config({"accuracy": {"at_least": 0.99, "on_interval": True}}, metrics=["accuracy"]), [given]
    )
    assert not decision.blessed
    assert "20 groups of rows with one key, which cannot show 0.99" in decision.sentence


def test_a_loss_in_a_slice_has_to_be_more_than_chance():
    gate = {"auc": {"not_worse_than_blessed_by": 0.01, "slices": ["overall", "country"]}}

    def outcomes(*losses, error=0.01):
        parts = [
            paired("auc", 0.8 - loss, 0.8, -loss, error, "country", f"country={i}", rows=300)
            for i, loss in enumerate(losses)
        ]
        decision = decide(config(gate, slices=["country"]), [paired("auc", 0.8, 0.8, 0, 0.003), *parts])
        return [c.outcome for c in decision.checks[1:]], decision

    assert outcomes(0.02, -0.01, 0.0)[0] == ["not decided"] * 3
    found, decision = outcomes(0.06, 0.0, 0.0)
    assert found == ["fails", "not decided", "not decided"]
    assert "more than chance" in decision.sentence
    assert outcomes(0.0, 0.009, error=0.002)[0] == ["holds", "holds"]
    assert outcomes(0.0, 0.02, error=0.002)[0] == ["holds", "fails"]
    assert "too few rows to tell 0.01: a loss of 0.02 is seen in" in outcomes(0.0, 0.02)[1].checks[1].note


def test_overall_a_loss_above_what_is_allowed_may_be_chance_up_to_twice_that_and_the_sentence_says_so():
    gate = config({"auc": {"at_least": 0.5, "not_worse_than_blessed_by": 0.01}})
    decision = decide(gate, [paired("auc", 0.786, 0.8, -0.014, 0.01)])
    assert decision.blessed
    assert [c.outcome for c in decision.checks] == ["holds", "not decided"]
    assert "meets ≥ 0.500;" in decision.sentence
    assert "auc on overall is worse by 0.014, which chance alone does in 9% of runs" in decision.sentence
    assert not decide(gate, [paired("auc", 0.786, 0.8, -0.014, 0.006)]).blessed
    assert not decide(gate, [paired("auc", 0.779, 0.8, -0.021, 0.02)]).blessed
    assert decide(gate, [paired("auc", 0.791, 0.8, -0.009, 0.001)]).blessed


def test_a_comparison_in_slices_holds_overall_too_and_an_absolute_bound_only_where_it_is_asked():
    given = [
        paired("auc", 0.77, 0.8, -0.03, 0.003),
        paired("auc", 0.8, 0.8, 0.0, 0.01, "country", "country=0"),
    ]
    compared = decide(config({"auc": {"not_worse_than_blessed_by": 0.01, "slices": ["country"]}}), given)
    assert [(c.slice, c.outcome) for c in compared.checks] == [
        ("overall", "fails"),
        ("country=0", "not decided"),
    ]
    assert decide(config({"auc": {"at_least": 0.79, "slices": ["country"]}}), given).blessed


def test_many_slices_need_more_evidence_than_one():
    gate = {"auc": {"not_worse_than_blessed_by": 0.01, "slices": ["country"]}}

    def blessed(count):
        parts = [paired("auc", 0.765, 0.8, -0.035, 0.01, "country", "country=0", rows=300)]
        parts += [
            paired("auc", 0.8, 0.8, 0.0, 0.01, "country", f"country={i}", rows=300) for i in range(1, count)
        ]
        return decide(config(gate, slices=["country"]), [paired("auc", 0.8, 0.8, 0, 0.003), *parts]).blessed

    assert not blessed(1)
    assert blessed(16)


def test_a_share_of_the_compared_value_is_allowed():
    gate = {"rmse": {"not_worse_than_blessed_by": "3%"}}
    close, far = (paired("rmse", 100 + by, 100, by, 0.5) for by in (2.9, 3.2))
    assert decide(config(gate, metrics=["rmse"]), [close]).blessed
    decision = decide(config(gate, metrics=["rmse"]), [far])
    assert "at most 3% (3) worse than the blessed model's 100.0" in decision.sentence


def with_references(constant, linear, own=0.8, error=0.01):
    def gain(other):
        return Measured(own - other, own - other - 2.1 * error, own - other + 2.1 * error, error, 19)

    return dataclasses.replace(
        paired("auc", own, own, 0.0),
        references={"constant": {"auc": Measured(constant)}, "linear": {"auc": Measured(linear)}},
        gains={"constant": {"auc": gain(constant)}, "linear": {"auc": gain(linear)}},
    )


@pytest.mark.parametrize(
    ("gate", "given", "blessed"),
    [
        ({"better_than_constant": True}, with_references(0.5, 0.8), True),
        ({"better_than_constant": True}, with_references(0.79, 0.8), False),  # not surely
        ({"better_than_constant": True}, with_references(0.8, 0.8, error=0.0), False),  # no better at all
        ({"not_worse_than_linear_by": 0.01}, with_references(0.5, 0.805), True),
        ({"not_worse_than_linear_by": 0.01}, with_references(0.5, 0.815, error=0.005), False),
        ({"not_worse_than_linear_by": 0.01}, with_references(0.5, 0.821), False),
        ({"not_worse_than_linear_by": "3%"}, with_references(0.5, 0.815), True),
    ],
)
def test_simple_models_are_to_be_beaten(gate, given, blessed):
    decision = decide(config({"auc": gate}), [given])
    assert decision.blessed is blessed
    assert "baseline's 0." in decision.sentence


def test_a_simple_model_that_was_not_measured_is_an_error():
    with pytest.raises(DataError, match="expected the constant baseline in the evaluation of overall"):
        decide(config({"auc": {"better_than_constant": True}}), [result()])


def test_a_blessed_model_that_cannot_be_evaluated_here_is_compared_by_its_own_verdict():
    gate = {"auc": {"not_worse_than_blessed_by": 0.01}}
    given = result(0.941, 0.93, 0.952, incomparable="it needs the feature 'score'")
    refused = dataclasses.replace(given, recorded={"auc": Measured(0.997, 0.995, 0.999, 0.001, 19)})
    decision = decide(config(gate), [refused])
    assert not decision.blessed
    assert "0.997" in decision.sentence
    assert "it needs the feature 'score'" in decision.sentence
    unknown = decide(config(gate), [given])
    assert not unknown.blessed
    assert "bless one model without not_worse_than_blessed_by" in unknown.sentence
    kept = dataclasses.replace(given, recorded={"auc": Measured(0.945, 0.93, 0.96, 0.005, 19)})
    assert decide(config(gate), [kept]).blessed


def test_small_losses_in_a_row_are_held_against_the_best_of_the_last_models():
    gate = {"auc": {"not_worse_than_blessed_by": 0.01}}
    given = paired("auc", 0.792, 0.8, -0.008, 0.002)

    def since(*losses):
        return [
            Earlier(i, f"run {i}", {"auc": Measured(x, error=0.003, freedom=19)})
            for i, x in enumerate(losses)
        ]

    assert decide(config(gate), [given]).blessed
    assert decide(config(gate), [given], since(0.001, -0.002)).blessed
    decision = decide(config(gate), [given], since(0.008, 0.016, 0.024))
    assert not decision.blessed
    assert "at most 0.01 worse than the blessed model 4 back, of run run 2" in decision.sentence
    assert [c.kind for c in decision.checks] == ["not_worse_than_blessed_by", "best_of_last"]
    noisy = decide(config(gate), [paired("auc", 0.8, 0.8, 0.0, 0.01)], since(0.002))
    assert noisy.checks[-1].outcome == "not decided"
    assert noisy.sentence == (
        "Blessed: auc 0.800 (0.700–0.900) on overall (2,400 rows) meets at most 0.01 worse than the blessed model's "
        "0.800; would be refused with auc worse by 0.019 on overall."
    )
    alone = {"auc": {"not_worse_than_blessed_by": 0.01, "best_of_last": 1}}
    assert decide(config(alone), [given], since(0.008, 0.016, 0.024)).blessed


def test_a_gate_holds_for_one_class_of_several():
    measured = {"recall": Measured(0.8), "recall[setosa]": Measured(0.6, 0.5, 0.7, 0.05, 99)}
    given = SliceResult("overall", "overall", 300, 0, measured)
    decision = decide(config({"recall[setosa]": 0.7}, metrics=["recall"]), [given])
    assert not decision.blessed
    assert "needs recall[setosa] ≥ 0.700" in decision.sentence
    with pytest.raises(DataError, match="setosa"):
        decide(config({"recall[setossa]": 0.7}, metrics=["recall"]), [given])


def test_a_class_may_not_be_worse_than_the_blessed_models():
    gate = {"recall[setosa]": {"not_worse_than_blessed_by": 0.01}}
    own, base, change = Measured(0.6), Measured(0.8), Measured(-0.2, -0.25, -0.15, 0.02, 99)
    given = SliceResult(
        "overall", "overall", 300, 0, *({"recall[setosa]": one} for one in (own, base, change))
    )
    assert not decide(config(gate, metrics=["recall"]), [given]).blessed
