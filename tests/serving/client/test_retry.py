from __future__ import annotations

import time

import pytest

from serving.client import CallError, Code, DeadlineError, InputError, Retries, UnavailableError
from serving.client.errors import call_error
from serving.client.retry import Deadline, call
from tests.serving.client.conftest import Clock

QUICK = Retries(count=2, first=0.001)


class Flaky:
    """Fails with the given codes in turn, then answers."""

    def __init__(self, *codes: Code) -> None:
        self.codes, self.limits = list(codes), []

    def __call__(self, left: float) -> str:
        self.limits.append(left)
        if self.codes:
            raise call_error(self.codes.pop(0), "no", model="m")
        return "yes"


def test_temporary_failures_are_retried() -> None:
    flaky = Flaky(Code.UNAVAILABLE, Code.UNAVAILABLE)
    assert call(flaky, Deadline(5), QUICK) == "yes"
    assert len(flaky.limits) == 3
    assert flaky.limits == sorted(flaky.limits, reverse=True)


def test_the_last_error_has_the_number_of_attempts() -> None:
    with pytest.raises(UnavailableError, match=r"m: UNAVAILABLE: no \(after 3 attempts\)") as caught:
        call(Flaky(*[Code.UNAVAILABLE] * 9), Deadline(5), QUICK)
    assert caught.value.attempts == 3


@pytest.mark.parametrize(
    "code", [c for c in Code if c not in (Code.OK, Code.UNAVAILABLE)], ids=lambda c: c.name
)
def test_permanent_failures_are_not_retried(code: Code) -> None:
    flaky = Flaky(code)
    with pytest.raises(CallError):
        call(flaky, Deadline(5), QUICK)
    assert len(flaky.limits) == 1


def test_other_codes_are_retried_if_configured() -> None:
    retries = Retries(1, 0.001, codes=frozenset({Code.RESOURCE_EXHAUSTED}))
    assert call(Flaky(Code.RESOURCE_EXHAUSTED), Deadline(5), retries) == "yes"


def test_no_pause_ends_after_the_deadline(clock: Clock) -> None:
    flaky = Flaky(*[Code.UNAVAILABLE] * 99)
    with pytest.raises(UnavailableError):
        call(flaky, Deadline(0.2), Retries(99, first=0.05))
    assert len(flaky.limits) > 1
    assert clock.now < 0.2


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    deadline, flaky = Deadline(0.001), Flaky()
    time.sleep(0.002)
    with pytest.raises(DeadlineError, match=r"within 0\.001 s"):
        call(flaky, deadline, QUICK)
    assert not flaky.limits


def test_pauses_grow_up_to_the_longest_and_differ() -> None:
    retries = Retries(first=0.1, longest=1.0)
    for retry, most in ((0, 0.1), (1, 0.2), (2, 0.4), (9, 1.0), (5000, 1.0)):
        pauses = {retries.pause(retry) for _ in range(20)}
        assert len(pauses) > 1
        assert all(most / 2 <= pause <= most for pause in pauses)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_limit_is_positive(seconds: float) -> None:
    with pytest.raises(InputError, match="more than 0 seconds"):
        Deadline(seconds)


def test_retries_are_not_negative() -> None:
    with pytest.raises(InputError, match="at least 0"):
        Retries(-1)
