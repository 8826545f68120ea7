from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from serving.client.address import Tls
from serving.client.rewards import Reward, RewardChannel
from serving.experiments.state.store import StoreAwayError
from tests.serving.experiments.control.conftest import DOCUMENT, Starter, exposed


def test_a_reward_by_unit_or_by_request_is_taken_once_and_says_so(start: Starter) -> None:
    running = start()
    exposed(running, "ann", "r1")
    assert running.post("/e:reward", {"unit": "ann", "metric": "retained", "value": True}) == (
        200,
        {"status": "accepted", "experiment": "e", "value": 1.0},
    )
    status, again = running.post("/e:reward", {"request_id": "r1", "value": 1})
    assert (status, again["status"]) == (200, "repeated")
    status, other = running.post("/e:reward", {"request_id": "r1", "value": 0})
    assert (status, other["status"], other["value"]) == (200, "conflicting", 1.0)
    assert "1 counts" in other["message"]
    status, unknown = running.post("/e:reward", {"unit": "bob", "value": 1})
    assert (status, unknown["status"]) == (200, "unknown")
    assert "no such unit" in unknown["message"]


def test_the_client_of_penstock_is_understood(start: Starter) -> None:
    running = start()
    exposed(running, "ann", "r1")
    channel = RewardChannel(f"http://127.0.0.1:{running.port}", Tls(), {}, None)
    assert channel.send(Reward("e", 1, unit="ann"), 10).counted
    assert channel.send(Reward("e", 0, request_id="r1"), 10).status == "conflicting"
    exposed(running, "ann", "r2", "numbers")
    assert channel.send(Reward("numbers", 2.5, unit="ann"), 10).counted
    assert channel.send(Reward("numbers", 3.5, unit="ann"), 10).counted
    channel.close()


BAD: list[tuple[str, Any, str]] = [
    ("no object", [1], "expected an object"),
    ("stray key", {"unit": "a", "value": 1, "vaule": 1}, "did you mean 'value'"),
    ("no value", {"unit": "a"}, "expected value"),
    ("both", {"unit": "a", "request_id": "b", "value": 1}, "seen: both"),
    ("neither", {"value": 1}, "seen: neither"),
    ("empty unit", {"unit": "", "value": 1}, "an empty one"),
    ("unit of another type", {"unit": [1], "value": 1}, "seen: a list"),
    ("long unit", {"unit": "u" * 2000, "value": 1}, "at most 1024"),
    ("long request", {"request_id": "r" * 500, "value": 1}, "at most 200"),
    ("two", {"unit": "a", "value": 2}, "0, 1, true or false"),
    ("null", {"unit": "a", "value": None}, "seen: null"),
    ("list", {"unit": "a", "value": [1]}, "seen: a list"),
    ("huge", {"unit": "a", "value": 10**300}, "0, 1, true or false"),
    ("another metric", {"unit": "a", "value": 1, "metric": "retain"}, "did you mean 'retained'"),
    ("another experiment", {"unit": "a", "value": 1, "experiment": "numbers"}, "as in the address"),
]


@pytest.mark.parametrize(("body", "text"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_reward_is_refused_with_a_remedy(start: Starter, body: Any, text: str) -> None:
    status, answer = start().post("/e:reward", body)
    assert status == 400
    assert text in answer["error"]
    assert set(answer) == {"error", "subject", "expected", "seen", "remedy"}


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"1e999", b'"nan"', b"true", b'"1_0"'])
def test_a_number_must_be_finite(start: Starter, value: bytes) -> None:
    status, answer = start().call(
        "POST", "/v1/experiments/numbers:reward", b'{"unit": "a", "value": ' + value + b"}"
    )[:2]
    assert (status, "expected" in answer["error"]) == (400, True)


def test_an_experiment_that_is_not_there_is_404_with_the_nearest_name(start: Starter) -> None:
    status, answer = start().post("/number:reward", {"unit": "a", "value": 1})
    assert status == 404
    assert "did you mean 'numbers'" in answer["error"]


def test_a_bulk_call_answers_for_each_and_finds_the_experiments_that_declare_the_metric(
    start: Starter,
) -> None:
    running = start()
    exposed(running, "ann", "r1")
    exposed(running, "ann", "r2", "numbers")
    rewards = [
        {"unit": "ann", "metric": "retained", "value": 1},
        {"unit": "ann", "metric": "minutes", "value": 7.5},
        {"request_id": "r1", "value": 1},
        {"unit": "ann", "value": 3, "experiment": "numbers"},
        {"unit": "zoe", "metric": "retained", "value": 0},
        {"unit": "ann", "metric": "retained", "value": "yes"},
    ]
    status, answer = running.post(":rewards", {"rewards": rewards})
    assert status == 200
    assert [receipt["status"] for receipt in answer["receipts"]] == [
        "accepted",
        "accepted",
        "repeated",
        "replaced",
        "unknown",
        "refused",
    ]
    assert "rewards[5]" in answer["receipts"][5]["message"]
    assert answer["totals"]["accepted"] == 2


def test_a_bulk_call_is_bounded(start: Starter) -> None:
    running = start()
    entry = {"unit": "a", "metric": "retained", "value": 1}
    assert running.post(":rewards", {"rewards": [entry] * 101})[0] == 413
    assert running.post(":rewards", b" " * 20_001)[0] == 413
    assert running.post(":rewards", {"rewards": entry})[0] == 400
    assert running.post(":rewards", b"[" * 15_000)[0] == 400
    assert running.post(":rewards", {"rewards": []}) == (200, {"receipts": [], "totals": {}})


def test_an_exposure_that_comes_a_moment_later_is_waited_for(start: Starter) -> None:
    running = start(pauses=(0.05, 0.1, 5.0))
    late = threading.Timer(0.1, exposed, (running, "ann", "r1"))
    late.start()
    assert running.post("/e:reward", {"request_id": "r1", "value": 1})[1]["status"] == "accepted"
    late.join()
    assert "unknown" not in running.store.counters("e")


def test_an_unknown_reward_is_counted_once_however_often_it_was_looked_for(start: Starter) -> None:
    running = start(pauses=(0.01, 0.01, 0.01))
    assert running.post("/e:reward", {"request_id": "r1", "value": 1})[1]["status"] == "unknown"
    assert running.store.counters("e")["unknown"] == 1


def test_more_waiting_rewards_than_allowed_are_answered_with_429(start: Starter) -> None:
    running = start(pauses=(1.0,))
    entries = [{"request_id": f"r{n}", "metric": "retained", "value": 1} for n in range(100)]
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(running.post(":rewards", {"rewards": entries})[0]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 429, 429]


def test_while_the_state_is_away_a_reward_is_refused_to_be_sent_again(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start()

    def away(*_: object, **__: object) -> None:
        raise StoreAwayError("experiments.db", seen="database or disk is full", remedy="free space")

    monkeypatch.setattr(running.store, "reward", away)
    status, answer, headers = running.call("POST", "/v1/experiments/e:reward", {"unit": "a", "value": 1})
    assert (status, headers["retry-after"]) == (503, "1")
    assert "free space" in answer["error"]


def test_rewards_that_come_together_are_written_together(start: Starter) -> None:
    running = start()
    for n in range(40):
        exposed(running, f"u{n}", f"r{n}")
    answers: list[str] = []

    def report(first: int) -> None:
        for n in range(40):
            body = {"unit": f"u{(first + n) % 40}", "value": 1}
            answers.append(running.post("/e:reward", body)[1]["status"])

    threads = [threading.Thread(target=report, args=(n * 10,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (answers.count("accepted"), answers.count("repeated")) == (40, 120)


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", json.dumps({"unit": "a\x00b"}).encode(), b'"\\ud800"'])
def test_bodies_that_are_no_rewards_are_400(start: Starter, raw: bytes) -> None:
    assert start().post("/e:reward", raw)[0] == 400


def test_units_with_any_characters_are_only_hashed(start: Starter) -> None:
    running = start()
    exposed(running, "a\x00b é 漢", "r1")
    assert running.post("/e:reward", {"unit": "a\x00b é 漢", "value": 1})[1]["status"] == "accepted"
    status, answer = running.post("/e:reward", {"request_id": "a\x00b", "value": 1})
    assert (status, "printable" in answer["error"]) == (400, True)


def test_units_are_read_as_the_data_plane_reads_them(start: Starter) -> None:
    text = DOCUMENT.replace("    model: n\n", "    model: n\n    unit: {feature: user}\n")
    running = start(text)
    exposed(running, "ann", "r1")
    exposed(running, "7", "r2", "numbers")
    exposed(running, "7.5", "r3", "numbers")
    exposed(running, " x ", "r4", "numbers")
    assert running.post("/e:reward", {"unit": " ann ", "value": 1})[1]["status"] == "accepted"
    for unit in (7, 7.5, " x "):
        assert running.post("/numbers:reward", {"unit": unit, "value": 1})[1]["status"] == "accepted"
    assert running.post("/numbers:reward", {"unit": 7.0, "value": 1})[1]["status"] == "repeated"
    assert running.post("/numbers:reward", {"unit": True, "value": 1})[0] == 400


def test_what_one_experiment_knows_is_not_waited_for_nor_counted_as_unknown_in_another(
    start: Starter,
) -> None:
    running = start(DOCUMENT.replace("minutes, type: number", "retained"), pauses=(60.0,))
    exposed(running, "ann", "r1")
    rewards = [{"unit": "ann", "metric": "retained", "value": 1}, {"request_id": "r1", "value": 1}]
    status, answer = running.post(":rewards", {"rewards": rewards})
    assert (status, answer["totals"]) == (200, {"accepted": 1, "repeated": 1})
    assert [receipt["experiment"] for receipt in answer["receipts"]] == ["e", "e"]
    assert running.store.counters("numbers") == {}
