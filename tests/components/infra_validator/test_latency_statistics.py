"""How often a gate on p99 decides rightly; the whole simulation is ``benchmarks/statistics/latency.py``."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.statistics.latency import by_evidence, pair, refused
from components.infra_validator.config import ServingGates
from components.infra_validator.gates import Measurement, check_all
from components.infra_validator.measure import alternate, summary

P99 = "latency_p99_ms"


@pytest.mark.parametrize("requests", [50, 1000])
def test_an_equal_model_is_hardly_ever_refused(requests: int) -> None:
    rng = np.random.default_rng(1)
    assert sum(refused(rng, requests, 1, by_evidence, 1.0, 1.0) for _ in range(100)) <= 5


@pytest.mark.parametrize(("slower", "often"), [(3.0, 1.0), (1.0, 8.0)])
def test_a_model_that_is_much_slower_is_refused(slower: float, often: float) -> None:
    rng = np.random.default_rng(2)
    assert sum(refused(rng, 1000, 3, by_evidence, slower, often) for _ in range(30)) >= 24


def test_the_slowest_of_a_few_requests_refuses_nothing() -> None:
    times = [2.0] * 49 + [9.0]
    gates = ServingGates.model_validate({P99: {"at_most": 5, "not_worse_than_blessed_by": "20%"}})
    found = summary(times)
    checks = check_all(gates, [Measurement(P99, "", found.p99, 2.0, found.times, (2.0,) * 50)])
    assert [check.outcome for check in checks] == ["not decided", "not decided"]
    assert all("it is 9, but 50 requests are too few" in check.note for check in checks)
    found = summary([9.0] * 50)
    checks = check_all(gates, [Measurement(P99, "", found.p99, 2.0, found.times, (2.0,) * 50)])
    assert [check.outcome for check in checks] == ["fails", "fails"]


def test_more_requests_are_made_only_while_there_is_time() -> None:
    asked: list[int] = []
    measured = alternate({"one": [lambda: asked.append(1)]}, 7, more=30, seconds=-1.0)
    assert (measured["one"].requests, len(measured["one"].times)) == (7, 7)
    assert alternate({"one": [lambda: None]}, 7, more=30, seconds=60.0)["one"].requests == 30
    assert alternate({"one": [lambda: None]}, 7)["one"].requests == 7


def test_both_models_are_measured_in_the_same_moments() -> None:
    candidate, blessed = pair(np.random.default_rng(3), 200, 1.0, 1.0)
    assert candidate.shape == blessed.shape == (200,)
