"""Bounds on latency and memory: what the document can say, and the decision."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.infra_validator.config import InfraValidationConfig, ServingGates
from components.infra_validator.gates import Measurement, check_all, sentence
from components.infra_validator.measure import summary

P99 = "latency_p99_ms"


def outcomes(gates: dict[str, Any], *measured: Measurement) -> list[str]:
    return [check.outcome for check in check_all(ServingGates.model_validate(gates), list(measured))]


@pytest.mark.parametrize(
    ("gate", "value", "blessed", "outcome"),
    [
        pytest.param(50, 50.0, None, "holds", id="short form, at the bound"),
        pytest.param({"at_most": 50}, 50.1, None, "fails", id="above"),
        pytest.param({"not_worse_than_blessed_by": "20%"}, 12.0, 10.0, "holds", id="share, at the bound"),
        pytest.param({"not_worse_than_blessed_by": "20%"}, 12.1, 10.0, "fails", id="share, above"),
        pytest.param({"not_worse_than_blessed_by": 3}, 12.9, 10.0, "holds", id="in its unit"),
        pytest.param({"not_worse_than_blessed_by": 0}, 10.1, 10.0, "fails", id="no worse at all"),
        pytest.param({"not_worse_than_blessed_by": "20%"}, 99.0, None, "holds", id="nothing blessed yet"),
        pytest.param({"at_most": 50}, None, None, "not decided", id="not measurable here"),
    ],
)
def test_a_bound_decides(gate: Any, value: float | None, blessed: float | None, outcome: str) -> None:
    assert outcomes({P99: gate}, Measurement(P99, "gRPC, 1 row", value, blessed)) == [outcome]


def test_every_protocol_and_size_decides_but_other_metrics_do_not() -> None:
    measured = [Measurement(P99, "gRPC, 1 row", 1), Measurement(P99, "REST, 32 rows", 9)]
    assert outcomes({P99: 5}, *measured, Measurement("memory_mb", "", 900)) == ["holds", "fails"]


def test_the_sentence_says_what_is_wrong_with_the_numbers() -> None:
    gates = ServingGates.model_validate({P99: {"at_most": 5, "not_worse_than_blessed_by": "20%"}})
    checks = check_all(gates, [Measurement(P99, "REST, 32 rows", 9.4, 4.0)])
    assert sentence(checks, "…") == (
        "Not fit to serve: latency_p99_ms is 9.4 ms (REST, 32 rows), must be ≤ 5 ms; "
        "latency_p99_ms is 9.4 ms (REST, 32 rows), must be ≤ 4.8 ms, the blessed model's 4 and 20%."
    )


def test_the_sentence_of_a_fit_model_says_what_was_and_was_not_tested() -> None:
    checks = check_all(ServingGates.model_validate({"memory_mb": 5}), [Measurement("memory_mb", "", None)])
    said = sentence(checks, "4 requests got the same answers")
    assert said.startswith("Fit to serve: 4 requests got the same answers; memory_mb ≤ 5 MiB: it cannot be")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"gates": {P99: {}}}, "give at_most or not_worse_than_blessed_by"),
        ({"gates": {P99: {"not_worse_than_blessed_by": "20"}}}, "a share such as 20%"),
        ({"gates": {P99: {"not_worse_than_blessed_by": "much%"}}}, "a share such as 20%"),
        ({"gates": {P99: {"not_worse_than_blessed_by": "-1%"}}}, "a share such as 20%"),
        ({"gates": {"latency_p98_ms": 4}}, "Extra inputs"),
        ({"warmup_requests": 1001}, "less than or equal to 1000"),
        ({"batch_sizes": []}, "at least 1 item"),
    ],
)
def test_invalid_bounds_are_refused(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        InfraValidationConfig.model_validate(section)


def test_percentiles_use_the_nearest_rank() -> None:
    latency = summary([float(n) for n in range(100, 0, -1)])
    assert (latency.requests, latency.p50, latency.p99) == (100, 50.0, 99.0)
    assert summary([7.0]).p99 == 7.0
