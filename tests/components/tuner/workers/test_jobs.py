"""What a process tells of a trial arrives as it was."""

from __future__ import annotations

import json

import pytest

from components.tuner.result import Outcome
from components.tuner.workers.jobs import Fitted, InProcess, Job, fitted
from foundation.errors import DataError, StorageError, UserCodeError

ERRORS = {
    "user code": UserCodeError("model.py:3", expected="a model", seen="None"),
    "data": DataError("training, val_loss", expected="a number", seen="NaN"),
    "storage": StorageError("a file", seen="disk full").passing(),
    "other": ZeroDivisionError("division by zero"),
}


def told(value: Fitted) -> Fitted:
    return Fitted.from_json(json.loads(json.dumps(value.as_json())))


def test_an_outcome_is_told_whole() -> None:
    done = Fitted("3", Outcome(1.5, {"val_auc": 0.7}, epochs=4, ended_by_time=True))
    assert told(done) == done


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_keeps_its_words_and_if_ours_its_kind(name: str) -> None:
    error = ERRORS[name]
    back = told(Fitted("0", Outcome(), error)).error
    assert str(back) == str(error)
    if name == "other":
        assert type(back) is RuntimeError
    else:
        assert (type(back), back.may_pass) == (type(error), error.may_pass)  # type: ignore[union-attr]


def test_jobs_are_fitted_in_turn_and_an_error_is_handed_back() -> None:
    fitter = InProcess(
        lambda values, epochs, over: Outcome(metrics={"loss": 1 / values["x"]}, epochs=epochs or 1)
    )
    for trial, x in (("0", 2), ("1", 0)):
        fitter.give(Job(trial, {"x": x}, None, lambda: None))
    first, second = fitter.take(), fitter.take()
    assert (first.trial, first.outcome.metrics) == ("0", {"loss": 0.5})
    assert isinstance(second.error, ZeroDivisionError)


@pytest.mark.parametrize(("left", "over"), [(None, False), (1.0, False), (-0.1, True)])
def test_a_job_knows_when_time_is_over(left: float | None, over: bool) -> None:
    seen = []
    fitted(
        lambda values, epochs, is_over: (seen.append(is_over()), Outcome())[1],
        Job("0", {}, None, lambda: left),
    )
    assert seen == [over]
