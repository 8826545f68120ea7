"""What a search says about itself, and when it goes on; no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.tuner.result import Limits, Trial, Trials


def search(ran: int, limits: Limits, **rest: Any) -> Trials:
    trials = tuple(Trial(trial=str(i), status="COMPLETED", score=0.1 * i, epochs=3) for i in range(ran))
    return Trials("val_loss", "min", "0", trials, limits=limits, **rest)


@pytest.mark.parametrize(
    ("ended", "before", "now", "continues"),
    [
        ("minutes", Limits(20, 0.1), Limits(20, 5), "5 minutes, not 0.1; 2 trials are kept"),
        ("minutes", Limits(20, 0.1), Limits(20, None), "any number of minutes, not 0.1"),
        ("minutes", Limits(20, 0.1), Limits(20, 0.1), ""),
        ("minutes", Limits(20, 0.1), Limits(40, 0.1), ""),
        ("minutes", Limits(20, 5), Limits(20, 0.1), ""),
        ("minutes", Limits(20, 0.1), Limits(2, 5), ""),
        ("trials", Limits(2, None), Limits(5, None), "5 trials, not 2; 2 trials are kept"),
        ("trials", Limits(2, 5), Limits(2, 50), ""),
        ("trials", Limits(2, None), Limits(1, None), ""),
        ("trials", Limits(2, None), Limits(None, 5), "any number of trials"),
        ("space", Limits(20, None), Limits(40, None), ""),
        ("schedule", Limits(None, None), Limits(None, 5), ""),
    ],
)
def test_a_search_goes_on_when_the_limit_that_ended_it_is_raised(
    ended: Any, before: Limits, now: Limits, continues: str
) -> None:
    said = search(2, before, ended=ended).unfinished(now)
    assert (continues in said) if continues else not said


def test_a_trial_that_time_ended_is_repeated_though_no_other_is_left() -> None:
    cut = Trial(trial="2", status="COMPLETED", score=0.3, epochs=1, ended_by_time=True)
    found = search(2, Limits(3, 1.0), ended="minutes")
    found = Trials(**{**vars(found), "trials": (*found.trials, cut)})
    assert found.unfinished(Limits(3, 2.0))
    assert "3 trials ran, 1 ended by time" in found.sentence


def test_the_sentence_says_how_many_failed_why_and_what_ended_the_search() -> None:
    failed = [
        Trial(trial=str(i), status="FAILED", error=why) for i, why in enumerate(["NaN", "NaN", "memory"], 2)
    ]
    found = search(2, Limits(20, 0.1), planned=20, ended="minutes")
    found = Trials(**{**vars(found), "trials": (*found.trials, *failed)})
    assert found.sentence == (
        "5 of 20 trials ran, 3 failed (2 × NaN; memory), the best is trial 0 with val_loss 0; "
        "then time ran out (0.1 minutes)."
    )
    assert [trial.trial for trial in found.ranked] == ["0", "1", "2", "3", "4"]


def test_a_used_up_space_and_a_full_search_are_told_apart() -> None:
    assert "no other setting to try" in search(3, Limits(20), planned=3, settings=3, ended="space").sentence
    assert search(3, Limits(3), planned=3, ended="trials").sentence.startswith("3 trials ran, the best is")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    found = search(2, Limits(20, 0.1), planned=20, ended="minutes", search="search_1")
    found.write(tmp_path)
    assert Trials.read(tmp_path) == found


def test_the_ranking_of_an_older_penstock_is_read(tmp_path: Path) -> None:
    rows = [{"trial_id": "1", "score": 0.36, "learning_rate": 0.01, "tuner/epochs": 3}]
    (tmp_path / "tuner_results.json").write_text(json.dumps(rows), encoding="utf-8")
    found = Trials.read(tmp_path)
    assert found.best == "1"
    assert found.trials[0].chosen == {"learning_rate": 0.01}
    assert not found.sentence
    assert not found.unfinished(Limits(5, 5))
