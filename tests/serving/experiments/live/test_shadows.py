"""Shadow mode in a running process: clients see control alone, and the status says how the copies compare."""

from __future__ import annotations

import time

from serving.experiments.contract import Outcome
from serving.experiments.control.status import status
from tests.serving.experiments.live.conftest import Open, experiment


def outcome(request: str, value: float, code: int = 0) -> Outcome:
    body = b"" if code else b'{"predictions": [%f]}' % value
    return Outcome(request, "rest", "predict", time.time(), 0.01, code, b"{}", body)


def test_the_status_says_how_copies_compare_and_a_failing_copy_takes_nothing_out(opened: Open) -> None:
    plane = opened(experiment("mode: shadow, guardrails: {failures_in_a_row: 2}"))
    plane.start("e")
    route = plane.live.route("m")
    assert route is not None
    for n in range(30):
        choice = route.choose(f"user-{n}", f"r{n}", None)
        assert choice is not None
        assert (choice.arm, choice.propensity) == ("old", 1.0)
        assert [arm for arm, _ in choice.shadows] == ["new"]
        route.answered(choice, outcome(f"r{n}", 0.5))
        route.shadowed(choice, "new", outcome(f"r{n}", 0.5 if n % 3 else 0.75, 14 if n >= 20 else 0))
    plane.live.tick()
    seen = status(plane.live.store, plane.live.document, "e")
    report = seen["shadows"]["new"]
    assert (report["pairs"], report["compared"], report["failed"], report["codes"]) == (
        30,
        20,
        10,
        {"14": 10},
    )
    assert report["largest_difference"] == 0.25
    assert seen["arms"]["new"]["units"] == 0
    assert seen["arms"]["new"].get("out") in (None, "", {})


def test_the_status_shows_the_evidence_of_guardrails(opened: Open) -> None:
    plane = opened(experiment("guardrails: {failures_in_a_row: null}"))
    plane.start("e")
    for n in range(40):
        plane.call(f"user-{n}")
    plane.live.tick()
    found = status(plane.live.store, plane.live.document, "e")["guardrails"]["new"]["errors"]
    assert sum(found["units"]) == 40
    assert found["bad"] == [0, 0]
    assert found["evidence"] < 0
