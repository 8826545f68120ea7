"""An experiment's life is one document that commands and guardrails change together."""

from __future__ import annotations

import json

import pytest

from serving.experiments.state.lifecycle import Lifecycle, Phase, Ramp


def test_a_lifecycle_survives_being_stored() -> None:
    life = Lifecycle().moved_to(Phase.RUNNING, 5.0).without("new", "5 failures in a row", 6.0)
    assert Lifecycle.from_json(json.loads(json.dumps(life.to_json()))) == life


def test_the_first_reason_stays_until_the_arm_is_readmitted() -> None:
    life = Lifecycle().without("new", "first", 1.0).without("new", "second", 2.0)
    assert life.out["new"].reason == "first"
    assert life.readmitted("new").out == {}


@pytest.mark.parametrize(
    ("share", "weights", "holds"),
    [
        (1.0, {"old": 0.9, "new": 0.1}, (0.5, {"old": 0.7, "new": 0.3})),
        (0.8, {"old": 0.9, "new": 0.1}, (0.8, {"old": 0.7, "new": 0.3})),
        (1.0, {"old": 0.5, "new": 0.5}, (0.5, {"old": 0.5, "new": 0.5})),
        (1.0, {"old": 0.9, "far": 0.1}, (0.5, {"old": 0.9, "far": 0.1})),
    ],
    ids=["unchanged", "share edited", "weights edited", "arm renamed"],
)
def test_a_ramp_holds_until_the_document_says_something_else(
    share: float, weights: dict[str, float], holds: tuple[float, dict[str, float]]
) -> None:
    ramp = Ramp(0.5, {"old": 0.7, "new": 0.3}, 1.0, {"old": 0.9, "new": 0.1})
    assert ramp.of(share, weights) == holds


def test_without_a_ramp_the_document_holds() -> None:
    assert Ramp().of(0.4, {"a": 1.0}) == (0.4, {"a": 1.0})
