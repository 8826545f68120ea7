from __future__ import annotations

import time
from pathlib import Path

import pytest

from foundation.errors import SpecError
from serving.experiments.control import actions
from serving.experiments.control.actions import Asked, ramped
from serving.experiments.control.status import status
from serving.experiments.document.reader import parse_document
from serving.experiments.state.lifecycle import change
from serving.experiments.state.sqlite import SqliteStore
from tests.serving.experiments.control.conftest import DOCUMENT

HELD = {"old": 0.7, "new": 0.2, "far": 0.1}


def rounded(weights: dict[str, float]) -> dict[str, float]:
    return {arm: round(weight, 9) for arm, weight in weights.items()}


def test_control_gives_and_takes_the_rest_so_that_no_two_others_exchange_units() -> None:
    assert rounded(ramped(HELD, {"new": 0.5}, "old")) == {"old": 0.4, "new": 0.5, "far": 0.1}
    assert rounded(ramped(HELD, {"new": 0.0}, "old")) == {"old": 0.9, "new": 0.0, "far": 0.1}
    assert rounded(ramped(HELD, {"new": 0.5, "far": 0.5}, "old")) == {"old": 0.0, "new": 0.5, "far": 0.5}
    assert rounded(ramped(HELD, {"old": 0.6, "new": 0.3}, "old")) == {"old": 0.6, "new": 0.3, "far": 0.1}


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"new": 0.95}, "name far too"),
        ({"old": 0.5}, "name new and far too"),
        ({"old": 0.5, "new": 0.1, "far": 0.1}, "leave old out"),
        ({"nwe": 0.5}, "did you mean 'new'"),
        ({"new": float("nan")}, "from 0% to 100%"),
    ],
)
def test_shares_that_do_not_add_up_are_refused(weights: dict[str, float], text: str) -> None:
    with pytest.raises(SpecError, match=text):
        ramped(HELD, weights, "old")


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    store = SqliteStore(tmp_path / "e.db")
    running = Asked(store, parse_document(DOCUMENT, "experiments.yaml"), "e", "maria")
    actions.start(running)
    return running


def test_of_a_ramp_and_the_document_the_later_one_wins_and_the_status_says_which(asked: Asked) -> None:
    actions.ramp(asked, {"new": 0.3})
    seen = status(asked.store, asked.document, "e")
    assert (seen["weights_from"], seen["share_from"], seen["ramp_replaced"]) == ("ramp", "document", False)
    assert seen["arms"]["new"]["weight"] == 0.3
    assert seen["arms"]["new"]["declared_weight"] == 0.2

    other = parse_document(DOCUMENT.replace("20%", "25%").replace("70%", "65%"), "experiments.yaml")
    seen = status(asked.store, other, "e")
    assert (seen["weights_from"], seen["ramp_replaced"]) == ("document", True)
    assert seen["arms"]["new"]["weight"] == 0.25

    actions.ramp(Asked(asked.store, other, "e", "maria"), {"far": 0.2})
    seen = status(asked.store, other, "e")
    assert (seen["weights_from"], seen["ramp_replaced"]) == ("ramp", False)
    assert rounded({arm: it["weight"] for arm, it in seen["arms"].items()}) == {
        "old": 0.55,
        "new": 0.25,
        "far": 0.2,
    }


def test_a_second_ramp_begins_where_the_first_ended(asked: Asked) -> None:
    actions.ramp(asked, {"new": 0.3})
    after = actions.ramp(asked, {"far": 0.3})
    assert rounded(after.ramp.weights) == {"old": 0.4, "new": 0.3, "far": 0.3}
    assert after.ramp.share is None


def test_the_share_of_the_layer_is_ramped_apart_from_the_weights(asked: Asked) -> None:
    after = actions.ramp(asked, {}, 0.5)
    assert (after.ramp.share, after.ramp.weights) == (0.5, {})
    seen = status(asked.store, asked.document, "e")
    assert (seen["share"], seen["share_from"], seen["weights_from"]) == (0.5, "ramp", "document")
    after = actions.ramp(asked, {"new": 0.3})
    assert after.ramp.share == 0.5


def test_an_arm_that_was_taken_out_comes_back_only_when_that_is_said(asked: Asked) -> None:
    change(asked.store, "e", lambda life: life.without("new", "five failures in a row", 1.0))
    seen = status(asked.store, asked.document, "e")
    assert rounded({arm: it["weight"] for arm, it in seen["arms"].items()}) == {
        "old": 0.9,
        "new": 0.0,
        "far": 0.1,
    }
    assert "arm new was taken out: five failures in a row" in seen["alarms"]
    with pytest.raises(SpecError, match=r"five failures in a row; remedy: --readmit"):
        actions.ramp(asked, {"new": 0.1})
    after = actions.ramp(asked, {"new": 0.1}, readmit=True)
    assert after.out == {}


def test_weights_that_a_mode_learns_are_not_a_persons_to_set(tmp_path: Path) -> None:
    text = DOCUMENT.replace("    control: old\n", "    control: old\n    mode: thompson\n", 1)
    asked = Asked(SqliteStore(tmp_path / "e.db"), parse_document(text, "experiments.yaml"), "e", "maria")
    actions.start(asked)
    with pytest.raises(SpecError, match="mode thompson, which sets them itself"):
        actions.ramp(asked, {"new": 0.1})
    assert actions.ramp(asked, {}, 0.5).ramp.share == 0.5


def test_starting_twice_and_stopping_twice_are_refused(asked: Asked) -> None:
    with pytest.raises(SpecError, match="it runs"):
        actions.start(asked)
    actions.stop(asked)
    with pytest.raises(SpecError, match="it was stopped"):
        actions.stop(asked)
    actions.start(asked)


@pytest.mark.parametrize(("shift", "words"), [(7200.0, "stands still for "), (-7200.0, ""), (5.0, "")])
def test_a_state_that_a_wrong_clock_put_ahead_is_an_alarm(tmp_path: Path, shift: float, words: str) -> None:
    SqliteStore(tmp_path / "e.db", lambda: time.time() + shift).event("e", "note", "the clock was wrong")
    seen = status(SqliteStore(tmp_path / "e.db"), parse_document(DOCUMENT, "experiments.yaml"), "e")
    assert [words in alarm for alarm in seen["alarms"] if "clock" in alarm] == ([True] if words else [])
