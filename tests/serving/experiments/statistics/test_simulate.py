"""``penstock experiment simulate`` tries a document's own design before it starts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foundation.errors import SpecError
from pipeline.cli.main import main
from serving.experiments.document.reader import parse_document
from serving.experiments.statistics.asked import design_in
from serving.experiments.statistics.simulate.looks import looks
from serving.experiments.statistics.simulate.run import Simulated, assume, rates_of, simulate
from serving.experiments.statistics.simulate.size import smallest_difference, units_for
from serving.experiments.statistics.simulate.streams import Interval, binary, fixed, moving, thompson
from tests.serving.experiments.statistics.units import design

_DOCUMENT = """\
experiments:
  e:
    model: m
    control: old
    arms: {{old: {{version: 1, weight: 50%}}, new: {{version: 2, weight: 50%}}}}
    mode: {mode}
    reward: {{metric: good, type: {type}, window: 1h}}
    planned: {{units: 2000, per_day: 1000, rates: {{old: 20%, new: 30%}}, deviation: 0.4}}
"""


def run(
    mode: str = "split", type_: str = "binary", rates: tuple[str, ...] = (), **planned: object
) -> Simulated:
    document = parse_document(_DOCUMENT.format(mode=mode, type=type_), "d")
    experiment = document.experiments["e"]
    if planned:
        changed = experiment.planned.model_copy(update=planned)
        document = document.model_copy(
            update={"experiments": {"e": experiment.model_copy(update={"planned": changed})}}
        )
    made = design_in(document, "e")
    return simulate(document.experiments["e"], made, assume(made, rates_of(rates, made)))


@pytest.mark.parametrize("mode", ["split", "{type: thompson, every: 2h}", "{type: ucb, every: 2h}"])
def test_a_large_difference_is_found_early_and_alike_arms_are_not_promoted(mode: str) -> None:
    found = run(mode, units=1000)
    assert (found.best, found.wrong) == ("new", 0.0)
    assert found.right > (0.75 if mode == "split" else 0.4)  # moving weights find less
    assert found.false_promotions <= 0.05
    assert found.regret_equal == pytest.approx(50.0)
    assert found.regret < 50 if mode != "split" else found.regret == pytest.approx(50, abs=2)


def test_numbers_and_the_exact_interval_are_simulated_too() -> None:
    assert run(type_="number", units=600, deviation=0.3).right > 0.7
    exact, usual = run(interval="exact", units=800), run(units=800)
    assert 0.02 < exact.right < usual.right


def test_where_no_arm_is_better_control_stays() -> None:
    found = run(rates=("new=20%",), units=1000)
    assert (found.best, found.units_for_power) == ("old", None)
    assert found.right >= 0.95


def test_modes_that_go_by_features_are_refused_with_the_way_out() -> None:
    with pytest.raises(SpecError, match="mode=thompson"):
        run("{type: linear, features: [age]}")


def test_a_size_that_no_memory_holds_is_answered_by_formula() -> None:
    with pytest.raises(SpecError, match="find a difference of about 0"):
        run(units=50_000_000)


def test_the_command_says_what_was_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = _DOCUMENT.format(mode="split", type="binary").replace(
        "per_day: 1000, rates: {old: 20%, new: 30%}, ", ""
    )
    (tmp_path / "experiments.yaml").write_text(text.replace("2000", "500"))
    monkeypatch.chdir(tmp_path)
    assert main(["experiment", "simulate", "e"]) == 0
    said = capsys.readouterr().out
    assert "guessed: the mean rewards (give planned.rates or --rate ARM=MEAN); the units a day" in said
    assert main(["experiment", "simulate", "e", "--json", "--rate", "old=0.1%", "--rate", "new=0.2%"]) == 0
    assert json.loads(capsys.readouterr().out)["e"]["smallest"] is None
    assert main(["experiment", "simulate", "e", "--rate", "old=7"]) == 2


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_the_size_that_is_named_has_the_power_that_is_named(rate: float) -> None:
    made, even = design(units=4000), {"old": 0.5, "new": 0.5}
    gain = smallest_difference(made, rate, 0.0, even)
    units = fixed(np.random.default_rng(1), (100, 4000), (0.5, 0.5), binary((rate, rate + gain)))
    seen = looks(made, units, "new")
    assert 0.72 <= (seen.estimate > seen.half).any(axis=1).mean() <= 0.97
    assert units_for(made, gain, rate, 0.0, even) == pytest.approx(4000, rel=0.1)


@pytest.mark.parametrize(
    ("rates", "count"), [((0.02, 0.03), 6000), ((0.3, 0.3), 2000), ((0.5, 0.6), 1500)], ids=str
)
@pytest.mark.parametrize("kind", ["fixed", "uneven", "thompson"])
def test_under_continuous_looking_the_truth_is_missed_less_than_alpha(
    rates: tuple[float, float], count: int, kind: str
) -> None:
    rng, made = np.random.default_rng(11), design(units=count // 2)
    if kind == "thompson":
        units = moving(
            rng, (60, count), (0.5, 0.5), binary(rates), thompson(rng, 0.15, draws=50), Interval(100)
        )
    else:
        units = fixed(rng, (60, count), (0.5, 0.5) if kind == "fixed" else (0.8, 0.2), binary(rates))
    seen = looks(made, units, "new")
    ever = seen.missed(rates[1] - rates[0]).mean()
    assert ever <= 0.1  # 60 experiments at 5%: more than 6 has a chance of 4%
    assert np.isfinite(seen.half).any(axis=1).mean() > 0.5
