"""What Prometheus reads of a process's experiments."""

from __future__ import annotations

import math
import os
import socket
import statistics
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from serving.experiments.contract import Target
from serving.experiments.metrics import families
from serving.experiments.metrics.metrics import ArmState, ExperimentState, Metrics
from serving.experiments.metrics.processes import Processes, usage_of
from serving.experiments.metrics.window import Window
from tests.serving.experiments.log.logged import choice, outcome

ORDER = [
    "experiment",
    "arm",
    "model",
    "version",
    "api",
    "code",
    "input",
    "output",
    "window",
    "state",
    "status",
    "reason",
    "part",
    "backend",
    "python",
    "le",
]


def read(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample → values of its labels → value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.exposition()[0].decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[
                tuple(sample.labels[name] for name in ORDER if name in sample.labels)
            ] = sample.value
    return found


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_requests_errors_and_latency_are_counted_by_arm(metrics: Metrics) -> None:
    batch = [(choice(), outcome(i, seconds=s)) for i, s in enumerate((0.00005, 0.0001, 0.004, 99))]
    metrics.take([*batch, (choice("old"), outcome(9, code=14, response=b"", version=None, api="grpc"))])
    got = read(metrics)
    new, old = ("exp", "new", "learner", "2", "rest"), ("exp", "old", "learner", "", "grpc")
    assert got["penstock_requests_total"] == {(*new, "OK"): 4, (*old, "UNAVAILABLE"): 1}
    assert got["penstock_request_errors_total"] == {(*old, "UNAVAILABLE"): 1}
    buckets = {
        key[-1]: value
        for key, value in got["penstock_request_duration_seconds_bucket"].items()
        if key[1] == "new"
    }
    assert (buckets["0.0001"], buckets["0.003"], buckets["0.005"], buckets["30.0"], buckets["+Inf"]) == (
        2,
        2,
        3,
        3,
        4,
    )
    assert got["penstock_request_duration_seconds_count"][new] == 4
    assert got["penstock_request_duration_seconds_sum"][new] == pytest.approx(99.00415)


def test_bounds_of_latency_are_fine_enough() -> None:
    assert families.BUCKETS[0] == 0.0001
    for low, high in zip(families.BUCKETS, families.BUCKETS[1:], strict=False):
        assert 1 < high / low <= 2.0000001


def test_numbers_of_answers_have_a_window(metrics: Metrics) -> None:
    values = [0.25, 0.5, 1.0, 0.125]
    metrics.take([(choice(), outcome(i, answer=value)) for i, value in enumerate(values[:2])])
    metrics.take([(choice(), outcome(i, answer=value)) for i, value in enumerate(values[2:])])
    metrics.take([(choice(), outcome(0, response=b'{"predictions": [NaN, 1e308]}'))])
    got = read(metrics)
    key = ("exp", "new", "", "5m")
    assert got["penstock_prediction_mean"][key] == pytest.approx(statistics.mean(values))
    assert got["penstock_prediction_stddev"][key] == pytest.approx(statistics.stdev(values))
    assert (got["penstock_prediction_min"][key], got["penstock_prediction_max"][key]) == (0.125, 1.0)
    assert got["penstock_predictions_total"][key[:3]] == 4
    assert got["penstock_prediction_nan_total"][key[:3]] == 2


def test_a_window_forgets() -> None:
    window = Window()
    window.add([1.0, 3.0], 1000.0)
    window.add([5.0], 1200.0)
    assert window.read(1200.0)[:2] == (3, 3.0)
    assert window.read(1400.0)[:2] == (1, 5.0)
    assert window.read(2000.0).number == 0


def test_missing_and_nan_inputs_are_counted(metrics: Metrics) -> None:
    inputs = [{"x": 1.5, "y": 1}, {"x": None, "y": 2}, {"y": [1.0, 2.0]}]
    metrics.take(
        [(choice(), outcome(1, inputs=inputs)), (choice(), outcome(2, inputs=[{"x": math.nan, "y": 1}]))]
    )
    metrics.take([(choice(), outcome(3, inputs=[{"x": 1.5}])), (choice(), outcome(4, request=b"{"))])
    got = read(metrics)
    assert got["penstock_input_rows_total"] == {("exp", "new"): 5}
    assert got["penstock_input_missing_total"] == {("exp", "new", "x"): 2, ("exp", "new", "y"): 1}
    assert got["penstock_input_nan_total"] == {("exp", "new", "x"): 1}
    assert got["penstock_unread_requests_total"] == {("exp", "new"): 1}


def test_copies_and_fallbacks_are_counted_apart(metrics: Metrics) -> None:
    fell_back = (choice(fallback=Target("learner", 1)), outcome(1, fell_back=True, version=1, answer=9.0))
    metrics.take([fell_back], [(choice(), "copy", outcome(1))])
    got = read(metrics)
    assert got["penstock_fallbacks_total"] == {("exp", "new"): 1}
    assert got["penstock_requests_total"] == {("exp", "new", "learner", "1", "rest", "OK"): 1}
    assert got["penstock_shadow_requests_total"] == {("exp", "copy", "learner", "2", "rest", "OK"): 1}
    assert "penstock_prediction_mean" not in got  # control's answer says nothing of the arm


def test_the_state_is_shown_and_ended_experiments_go(metrics: Metrics) -> None:
    arms = [ArmState("old", 0.9, True, 100, 20.0, 5), ArmState("new", 0.0, False, 10, 3.0, 1)]
    metrics.observe([ExperimentState("exp", arms, 7, True)])
    got = read(metrics)
    assert got["penstock_assignment_weight"] == {("exp", "old"): 0.9, ("exp", "new"): 0.0}
    assert got["penstock_arm_in"] == {("exp", "old"): 1, ("exp", "new"): 0}
    assert got["penstock_reward_units"][("exp", "old", "pending")] == 5
    assert got["penstock_reward_value_sum"][("exp", "new")] == 3.0
    assert got["penstock_sample_ratio_mismatch"] == {("exp",): 1}
    assert got["penstock_slot_table_version"] == {("exp",): 7}
    metrics.observe([])
    assert "penstock_arm_in" not in read(metrics)


def test_rewards_failures_process_and_build_are_shown(metrics: Metrics) -> None:
    metrics.rewarded("exp", "accepted")
    metrics.failed("state")
    got = read(metrics)
    assert got["penstock_rewards_received_total"] == {("exp", "accepted"): 1}
    assert got["penstock_failures_total"] == {("state",): 1}
    assert got["process_resident_memory_bytes"][()] > 1e6
    assert got["process_cpu_seconds_total"][()] > 0
    assert list(got["penstock_build_info"].values()) == [1]


def test_both_formats_are_answered(metrics: Metrics) -> None:
    metrics.take([(choice(), outcome(1))])
    body, kind = metrics.exposition("text/plain")
    assert kind.startswith("text/plain; version=0.0.4") and b"# TYPE penstock_requests_total counter" in body
    body, kind = metrics.exposition("application/openmetrics-text; version=1.0.0,text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert {family.name for family in parse_openmetrics(body.decode())} >= {"penstock_requests"}


def test_labels_stay_few_whatever_clients_and_models_send(metrics: Metrics) -> None:
    odd = [
        (choice(), outcome(i, version=i, inputs=[{f"x{i}": 1}], answer=[{f"y{i}": 1.0}])) for i in range(300)
    ]
    metrics.take(odd)
    got = read(metrics)
    assert len(got["penstock_requests_total"]) == 51
    assert len(got["penstock_input_missing_total"]) <= 100
    assert len(got["penstock_prediction_mean"]) <= 100
    text = metrics.exposition()[0].decode()
    assert "r17" not in text and "01" * 16 not in text


def test_an_odd_outcome_does_not_stop_the_tick(metrics: Metrics) -> None:
    metrics.take([(choice(), outcome(1, seconds=None))])  # type: ignore[list-item]
    assert read(metrics)["penstock_failures_total"] == {("metrics",): 1}


def test_names_of_samples_follow_the_conventions() -> None:
    for family in families.FAMILIES:
        assert family.name.startswith("penstock_") and not family.name.endswith("_total")
        assert not {"unit", "request_id", "id"} & set(family.labels)
    assert len({family.name for family in families.FAMILIES}) == len(families.FAMILIES)


def test_a_backend_on_this_machine_shows_its_process() -> None:
    code = "import socket, sys; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = int(process.stdout.readline())
    with socket.socket() as mine:
        mine.bind(("127.0.0.1", 0))
        mine.listen()
        addresses = {
            "a": f"127.0.0.1:{port}",
            "b": f"localhost:{mine.getsockname()[1]}",
            "far": f"10.0.0.1:{port}",
        }
        found = Processes(addresses).read()
        assert set(found) == {"a", "b"}
        own, other = usage_of(os.getpid()), usage_of(process.pid)
        assert own and other
        assert abs(found["b"].memory_bytes - own.memory_bytes) < 50e6
        assert found["a"].memory_bytes == other.memory_bytes
    process.communicate("")
    assert usage_of(process.pid) is None


def test_cpu_time_is_divided_by_the_time_of_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from serving.experiments.metrics import metrics as module
    from serving.experiments.metrics.processes import Usage

    spent = iter([Usage(10.0, 1), Usage(14.0, 1)])
    monkeypatch.setattr(module, "usage_of", lambda process: next(spent))
    metrics = Metrics()
    assert "penstock_arm_cpu_seconds_estimated_total" not in read(metrics)
    metrics.take([(choice(), outcome(1, seconds=0.3)), (choice("old"), outcome(2, seconds=0.1))])
    got = read(metrics)["penstock_arm_cpu_seconds_estimated_total"]
    assert got == {("exp", "new"): pytest.approx(3.0), ("exp", "old"): pytest.approx(1.0)}
