"""The ``mode`` slice takes what it means and refuses the rest."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from serving.experiments.modes.config import ModeConfig


def test_a_word_is_a_mode() -> None:
    assert ModeConfig.model_validate("thompson").type == "thompson"


def test_features_may_be_a_list_or_say_their_values() -> None:
    assert ModeConfig.model_validate({"type": "linear", "features": ["a", "b"]}).features == {
        "a": "number",
        "b": "number",
    }
    config = ModeConfig.model_validate({"type": "linear", "features": {"device": ["phone", "web"]}})
    assert config.features == {"device": ("phone", "web")}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("bandit", "expected epsilon_greedy, linear, shadow, split, thompson, ucb; seen: bandit"),
        ({"type": "split", "every": "5m"}, "every: not a setting of split, which has no settings"),
        ({"type": "ucb", "draws": 500}, "draws: not a setting of ucb"),
        ({"type": "linear"}, "linear needs features"),
        ({"type": "linear", "features": ["a", "a"]}, "each name once"),
        ({"type": "linear", "features": {"a": ["x"]}}, "at least two different values"),
        ({"type": "thompson", "every": 0}, "greater than 0"),
        ({"type": "thompson", "step": 0}, "greater than 0"),
    ],
    ids=["type", "split", "foreign", "no features", "twice", "one value", "every", "step"],
)
def test_what_does_not_fit_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModeConfig.model_validate(given)


def test_floors_that_cannot_hold_together_are_a_contradiction() -> None:
    config = ModeConfig.model_validate({"type": "thompson", "floor": "30%"})
    assert not config.contradiction(3)
    assert "120%" in config.contradiction(4)
    assert not ModeConfig.model_validate("split").contradiction(50)


def test_the_document_loads_no_numpy() -> None:
    code = "import sys, serving.experiments.modes.config; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
