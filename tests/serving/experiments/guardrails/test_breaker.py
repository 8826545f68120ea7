"""The circuit breaker takes a failing arm out, and only the arm whose fault it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from serving.codes import Code

if TYPE_CHECKING:
    from tests.serving.experiments.guardrails.conftest import Watcher

ARMS_FAULT = ["UNKNOWN", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "ABORTED", "NOT_FOUND", "RESOURCE_EXHAUSTED"]
NOT_THE_ARMS = [
    "CANCELLED", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE", "UNIMPLEMENTED", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "UNAUTHENTICATED", "DEADLINE_EXCEEDED",
]  # fmt: skip


@pytest.mark.parametrize("name", ARMS_FAULT)
def test_failures_in_a_row_take_the_arm_out(watcher: Watcher, name: str) -> None:
    watch = watcher(errors=None)
    assert watch.take(*(watch.answer("new", Code[name]) for _ in range(4))) == {}
    out = watch.take(watch.answer("new", Code[name]))
    assert out == {"new": f"5 failures in a row, the last: {name}"}


@pytest.mark.parametrize("name", NOT_THE_ARMS)
def test_the_clients_own_errors_take_no_arm_out(watcher: Watcher, name: str) -> None:
    watch = watcher(errors=None)
    assert watch.take(*(watch.answer("new", Code[name]) for _ in range(500))) == {}


def test_every_code_is_decided() -> None:
    assert {*ARMS_FAULT, *NOT_THE_ARMS, "OK"} == set(Code.__members__)


@pytest.mark.parametrize("between", ["CANCELLED", "INVALID_ARGUMENT"])
def test_the_clients_own_errors_do_not_end_a_row(watcher: Watcher, between: str) -> None:
    watch = watcher(errors=None)
    answers = [
        a for _ in range(5) for a in (watch.answer("new", Code.INTERNAL), watch.answer("new", Code[between]))
    ]
    assert "new" in watch.take(*answers)


def test_a_good_answer_ends_a_row(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    answers = [watch.answer("new", Code.OK if at % 5 == 4 else Code.INTERNAL) for at in range(500)]
    assert watch.take(*answers) == {}


@pytest.mark.parametrize(
    "given",
    [{"code": Code.OK, "seconds": 10.0}, {"code": Code.CANCELLED, "seconds": 11.0}, {"code": Code.DEADLINE_EXCEEDED, "seconds": 1.5}],
    ids=["late answer", "client left", "deadline"],
)  # fmt: skip
def test_an_arm_that_hangs_is_taken_out_whatever_its_code(watcher: Watcher, given: dict[str, Any]) -> None:
    watch = watcher(errors=None)
    assert "new" in watch.take(*(watch.answer("new", **given) for _ in range(5)))


def test_an_impossible_deadline_is_the_clients_own_choice(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    answers = [watch.answer("new", Code.DEADLINE_EXCEEDED, seconds=0.001) for _ in range(100)]
    assert watch.take(*answers) == {}


def test_an_answer_that_control_gave_instead_is_a_failure(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    assert (
        "control had to answer" in watch.take(*(watch.answer("new", fell_back=True) for _ in range(5)))["new"]
    )


def test_one_unit_alone_needs_three_times_as_many_failures(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    assert watch.take(*(watch.answer("new", Code.INTERNAL, unit="poison") for _ in range(14))) == {}
    assert "15 failures" in watch.take(watch.answer("new", Code.INTERNAL, unit="poison"))["new"]


def test_arms_stay_in_while_control_fails_too_and_control_alarms_once(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    answers = [watch.answer(arm, Code.UNAVAILABLE) for _ in range(30) for arm in ("new", "old")]
    assert watch.take(*answers) == {}
    assert [alert["kind"] for alert in watch.heard.alerts] == ["control_failing"]
    assert [event.kind for event in watch.store.events("exam")] == ["control_failing"]


def test_an_arm_that_goes_on_failing_when_control_is_back_is_taken_out(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    watch.take(*(watch.answer(arm, Code.UNAVAILABLE) for _ in range(10) for arm in ("new", "old")))
    assert "new" in watch.take(watch.answer("old"), watch.answer("new", Code.UNAVAILABLE))


def test_control_that_recovers_alarms_again_only_after_a_quiet_minute(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    for wait in (0, 10, 100):
        watch.take(watch.answer("old"))
        watch.now += wait
        watch.take(*(watch.answer("old", Code.INTERNAL) for _ in range(6)))
    assert len(watch.heard.alerts) == 2


NAN = b'{"predictions": [[0.5, NaN]]}'


def test_nan_in_too_many_of_the_last_answers_takes_the_arm_out(watcher: Watcher) -> None:
    watch = watcher(errors=None, nan_share="20%")
    assert watch.take(*(watch.answer("new", response=NAN) for _ in range(10))) == {}
    assert watch.take(watch.answer("new", response=NAN)) == {
        "new": "11 of the last 11 answers with NaN or infinity, more than 20% of 50"
    }


def test_nan_in_any_row_of_an_answer_counts(watcher: Watcher) -> None:
    watch = watcher(errors=None)
    late = b'{"predictions": [[0.5], [0.5], [-Infinity]]}'
    assert "new" in watch.take(*(watch.answer("new", response=late) for _ in range(11)))


def test_old_nan_is_forgotten(watcher: Watcher) -> None:
    watch = watcher(errors=None, nan_share="20%")
    for _ in range(20):
        answers = [
            watch.answer("new", response=NAN if at < 10 else b'{"predictions": [1]}') for at in range(50)
        ]
        assert watch.take(*answers) == {}


def test_nan_that_control_gives_as_well_is_not_the_arms(watcher: Watcher) -> None:
    watch = watcher(errors=None, nan_share="20%")
    answers = [watch.answer(arm, response=NAN) for _ in range(60) for arm in ("old", "new")]
    assert watch.take(*answers) == {}
    assert [alert["kind"] for alert in watch.heard.alerts] == ["control_failing"]


@pytest.mark.parametrize("body", [b'{"error": NaN', b"\xff", b"NaN", b'{"predictions": ["NaN"]}'], ids=str)
def test_an_answer_that_cannot_be_read_or_says_nan_in_words_is_none(watcher: Watcher, body: bytes) -> None:
    watch = watcher(errors=None)
    assert watch.take(*(watch.answer("new", response=body) for _ in range(60))) == {}


def test_only_the_last_answers_of_a_large_batch_are_looked_into(
    watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    from serving.experiments.guardrails import guardrails
    from serving.experiments.payload.rows import Rows

    read: list[bytes] = []

    def response(api: str, method: str, body: bytes, most: int) -> Rows:
        read.append(body)
        return Rows(1, {"x": [float("nan")]})

    monkeypatch.setattr(guardrails, "response", response)
    watch = watcher(errors=None, nan_share="20%")
    watch.take(*(watch.answer("new", response=NAN) for _ in range(5000)))
    assert len(read) == 50


def test_what_is_turned_off_is_not_looked_at(watcher: Watcher) -> None:
    watch = watcher(failures_in_a_row=None, hang=None, nan_share=None, errors=None)
    answers = [watch.answer("new", Code.INTERNAL, seconds=1e6) for _ in range(200)]
    answers += [watch.answer("new", response=NAN) for _ in range(200)]
    assert watch.take(*answers) == {}
