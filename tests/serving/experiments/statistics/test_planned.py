"""The ``planned`` slice says what is wrong where it is wrong."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from foundation.document.problems import SpecErrors
from serving.experiments.document.reader import parse_document
from serving.experiments.statistics.config import PlannedConfig

_DOCUMENT = """\
experiments:
  e:
    model: m
    control: old
    arms: {{old: {{version: 1, weight: 50%}}, new: {{version: 2, weight: 50%}}}}
    reward: {{metric: good, type: {type}, window: 1h}}
    planned: {planned}
"""


@pytest.mark.parametrize(
    ("given", "margin"), [("1%", 0.01), ("-0.5%", -0.005), (0.02, 0.02), ("+2%", 0.02)], ids=str
)
def test_a_margin_is_a_number_or_a_percentage_with_its_sign(given: object, margin: float) -> None:
    assert PlannedConfig.model_validate({"margin": given}).margin == pytest.approx(margin)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0},
        {"alpha": "60%"},
        {"units": 10},
        {"minimum": 5},
        {"margin": "much"},
        {"sides": "three"},
        {"cap": 0},
    ],
    ids=str,
)
def test_what_would_break_the_statistics_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PlannedConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("type_", "planned", "said"),
    [
        ("number", "{interval: exact}", "the exact interval is for rewards of 0 and 1"),
        ("binary", "{cap: 5}", "rewards of 0 and 1 need no cap"),
        ("binary", "{rates: {nev: 0.5}}", "did you mean 'new'"),
        ("binary", "{rates: {new: 5}}", "a share from 0 to 1"),
    ],
    ids=["exact-number", "cap-binary", "unknown-arm", "rate-above-one"],
)
def test_contradictions_are_said_with_their_place(type_: str, planned: str, said: str) -> None:
    with pytest.raises(SpecErrors, match=r"e\.yaml:7") as raised:
        parse_document(_DOCUMENT.format(type=type_, planned=planned), "e.yaml")
    assert said in str(raised.value)
