"""What the sentences say is so: bounds and values read as they compare, and what is printed as a flip flips the verdict."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import Any

import pytest

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Measured, SliceResult, decide
from components.evaluation_gate.result import Gate

UNITS = {"auc": 0.8, "mse": 3e-4, "mae": 900.0, "rmse": 2.0e6, "log_loss": 0.4, "calibration": 1.02}
BETTER = {"auc": 1, "mse": -1, "mae": -1, "rmse": -1, "log_loss": -1}
KINDS = ("at_least", "at_most", "not_worse_than_blessed_by")


def drawn(rng: random.Random) -> tuple[dict[str, Any], list[SliceResult]]:
    """Returns a gate on one metric and what was measured, near the bound."""
    metric = rng.choice(list(UNITS))
    unit = UNITS[metric]
    kind = rng.choice(KINDS)
    near = unit * rng.choice([1e-6, 1e-3, 0.02])
    error = unit * rng.choice([0.002, 0.01])
    gate: dict[str, Any] = {kind: near if kind == KINDS[2] else unit, "slices": ["overall", "country"]}
    gate["on_interval"] = rng.random() < 0.4
    return {metric: gate}, [measured(rng, metric, name, near, error) for name in ("overall", "de", "fr")]


def measured(rng: random.Random, metric: str, name: str, near: float, error: float) -> SliceResult:
    base = UNITS[metric]
    value = base + rng.gauss(0, 3 * near) + (1e-7 * base if metric == "calibration" else 0)
    own = Measured(value, value - 2.1 * error, value + 2.1 * error, error, 19)
    change, spread = value - base, near * rng.choice([0.3, 2])
    slicing = name if name == "overall" else "country"
    return SliceResult(
        slicing,
        name if name == "overall" else f"country={name}",
        500,
        0,
        {metric: own},
        {metric: Measured(base, base - 2.1 * error, base + 2.1 * error, error, 19)},
        {metric: Measured(change, change - 2.1 * spread, change + 2.1 * spread, spread, 19)},
        positives=200,
        negatives=300,
    )


def moved(result: SliceResult, metric: str, by: float) -> SliceResult:
    """Returns a result whose metric, with its intervals, is moved."""

    def shifted(m: Measured) -> Measured:
        return dataclasses.replace(m, value=m.value + by, low=m.low + by, high=m.high + by)

    return dataclasses.replace(
        result,
        candidate={metric: shifted(result.candidate[metric])},
        change={metric: shifted(result.change[metric])},
    )


def direction(metric: str, word: str, value: float, gate: dict[str, Any], short: bool) -> int:
    """Returns the sign of the change that a flip names."""
    if word in ("lower", "higher"):
        return 1 if word == "higher" else -1
    if short and "at_least" in gate:
        return 1
    if short and "at_most" in gate:
        return -1
    if metric == "calibration":
        return (1 if value > 1 else -1) * (-1 if short else 1)
    return BETTER[metric] * (1 if short else -1)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_printed_as_a_flip_flips_the_verdict(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        gates, results = drawn(rng)
        (metric, gate), *_ = gates.items()
        if metric == "calibration" and gate["on_interval"]:
            continue  # both ends count there, so no single direction does it
        config = EvaluateConfig(metrics=[metric], slices=["country"], gates=gates)
        decision = decide(config, results)
        after = {r.name: r for r in results}
        for flip in decision.flips:
            found = re.fullmatch(r"(\S+) (.+?) by (\S+) on (\S+)", flip)
            lack = re.fullmatch(r"(\S+) on (\S+): (\S+) short", flip)
            where = found[4] if found else lack[2] if lack else ""
            amount = float(found[3] if found else lack[3] if lack else "nan")
            value = after[where].candidate[metric].value
            sign = direction(metric, found[2] if found else "", value, gate, short=not found)
            after[where] = moved(after[where], metric, sign * amount)
        assert decide(config, list(after.values())).blessed is not decision.blessed, decision


@pytest.mark.parametrize("seed", range(5))
def test_the_numbers_of_a_bound_read_as_they_compare(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        value = 10 ** rng.uniform(-9, 6)
        limit = value * (1 + rng.choice([-1, 1]) * 10 ** rng.uniform(-9, -1))
        gates = {"mse": {"at_most": limit}}
        own = SliceResult("overall", "overall", 500, 0, {"mse": Measured(value)})
        decision = decide(EvaluateConfig(metrics=["mse"], gates=gates), [own])
        said = re.search(r"has (\S+) on", decision.sentence) or re.search(r"mse (\S+) on", decision.sentence)
        bound = re.search(r"≤ (\S+)", decision.sentence)
        assert said
        assert bound
        first, second = (float(text.rstrip(".;").replace(",", "")) for text in (said[1], bound[1]))
        assert (first <= second) is decision.blessed, decision.sentence


def test_the_nearest_flip_is_the_nearest_across_units() -> None:
    candidate = {"mae": Measured(900.0), "mse": Measured(4_960_000.0)}
    own = SliceResult("overall", "overall", 500, 0, candidate)
    gates = {"mae": {"at_most": 1800.0}, "mse": {"at_most": 5_000_000.0}}
    decision = decide(EvaluateConfig(metrics=["mae", "mse"], gates=gates), [own])
    assert decision.flips == ("mse worse by 41000 on overall",)


def test_the_verdict_file_has_the_exact_bound_of_each_gate() -> None:
    own = SliceResult("overall", "overall", 500, 0, {"mse": Measured(0.00021)})
    checks = decide(EvaluateConfig(metrics=["mse"], gates={"mse": {"at_most": 0.000215}}), [own]).checks
    assert [(c.kind, c.threshold) for c in checks] == [("at_most", 0.000215)]
    assert checks[0].bound == "≤ 0.000215"


def test_the_plot_has_the_exact_bound_and_of_an_older_verdict_the_printed_one():
    new = Gate("mse", "overall", "≤ 0.000215", 0.00021, 500, "holds", kind="at_most", threshold=0.0002154)
    compared = Gate(
        "mse", "overall", "at most 3% …", 1.0, 500, "holds", kind="not_worse_than_blessed_by", threshold=0.03
    )
    old = Gate("auc", "overall", "≥ 0.750 (at the worse end of the interval)", 0.8, 500, "holds")
    assert [gate.limit for gate in (new, compared, old)] == [0.0002154, None, 0.75]
