"""Metrics: TF Serving's names and text, exact sums over threads, and lock-free recording."""

from __future__ import annotations

import threading

from serving.server.metrics import Metrics
from serving.server.metrics.families import BOUNDS, MAX_SERIES, Family
from serving.server.metrics.prometheus import metric_name
from serving.server.status import Code


def lines(metrics: Metrics, name: str) -> list[str]:
    return [line for line in metrics.page().decode().splitlines() if name in line]


def test_counters() -> None:
    metrics = Metrics()
    metrics.request("m", "predict", "REST", Code.OK, 12.0)
    metrics.request("m", "", "REST", Code.NOT_FOUND, 1.0)
    metrics.request("m", "", "REST", Code.NOT_FOUND, 1.0)
    assert lines(metrics, "request_count") == [
        "# TYPE :penstock:serving:version_request_count counter",
        "# TYPE :tensorflow:serving:request_count counter",
        ':tensorflow:serving:request_count{model_name="m",status="NOT_FOUND"} 2',
        ':tensorflow:serving:request_count{model_name="m",status="OK"} 1',
    ]
    assert metrics.value("/tensorflow/serving/request_count") == 3
    assert metrics.value("/nothing") == 0


def test_histograms() -> None:
    metrics = Metrics()
    for microseconds in (5.0, 10.0, 11.0, 1e12):
        metrics.request("m", "Predict", "GRPC", Code.OK, microseconds)
    metrics.request("m", "Predict", "GRPC", Code.INTERNAL, 1.0)
    seen = lines(metrics, ":tensorflow:serving:request_latency")
    labels = 'model_name="m",API="Predict",entrypoint="GRPC"'
    assert seen[0] == "# TYPE :tensorflow:serving:request_latency histogram"
    assert seen[1] == f':tensorflow:serving:request_latency_bucket{{{labels},le="10"}} 2'
    assert seen[2] == f':tensorflow:serving:request_latency_bucket{{{labels},le="18"}} 3'
    assert seen[33] == f':tensorflow:serving:request_latency_bucket{{{labels},le="1.47476e+09"}} 3'
    assert seen[34] == f':tensorflow:serving:request_latency_bucket{{{labels},le="+Inf"}} 4'
    assert seen[35:] == [
        f":tensorflow:serving:request_latency_sum{{{labels}}} 1000000000026",
        f":tensorflow:serving:request_latency_count{{{labels}}} 4",
    ]
    assert len(BOUNDS) == 33
    assert metrics.value("/tensorflow/serving/request_latency") == 4


def test_a_family_without_labels() -> None:
    metrics = Metrics()
    metrics.batch(3.0)
    assert ':tensorflow:serving:batching_session:queuing_latency_bucket{le="10"} 1' in metrics.page().decode()
    assert ":tensorflow:serving:batching_session:wrapped_run_count{} 1" in metrics.page().decode()


def test_versions_have_their_own_families() -> None:
    metrics = Metrics()
    metrics.version_request("m", 3, "s", "predict", Code.OK, 12.0)
    assert lines(metrics, "version_request_count{") == [
        ':penstock:serving:version_request_count{model_name="m",version="3",signature="s",API="predict",status="OK"} 1'
    ]
    assert "version=" not in "".join(lines(metrics, ":tensorflow:"))


def test_every_family_of_the_contract_is_there() -> None:
    page = Metrics().page().decode()
    for name in (
        "serving:request_count counter", "serving:request_latency histogram", "serving:runtime_latency histogram",
        "serving:request_example_counts histogram", "serving:request_example_count_total counter",
        "serving:model_warmup_latency histogram", "serving:model_warmup_records_read counter",
        "serving:request_log_count counter", "serving:batching_session:queuing_latency histogram",
        "serving:batching_session:wrapped_run_count counter", "cc:saved_model:load_attempt_count counter",
        "cc:saved_model:load_latency counter", "core:graph_runs counter", "core:direct_session_runs counter",
    ):  # fmt: skip
        assert f"# TYPE :tensorflow:{name}\n" in page


def test_names_and_values_are_escaped() -> None:
    metrics = Metrics()
    metrics.request('a"b\\c\nd', "", "REST", Code.OK, 1.0)
    assert r'{model_name="a\"b\\c\nd",status="OK"} 1' in metrics.page().decode()
    assert metric_name("/a/b-c_1") == ":a:b:c_1"


def test_made_up_model_names_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 100):
        metrics.request(f"m{number}", "", "REST", Code.NOT_FOUND, 1.0)
    assert len(lines(metrics, ":tensorflow:serving:request_count{")) == MAX_SERIES + 1
    assert metrics.value("/tensorflow/serving/request_count") == MAX_SERIES + 100


def test_threads_lose_nothing() -> None:
    metrics = Metrics()

    def record() -> None:
        for _ in range(5000):
            metrics.request("m", "predict", "REST", Code.OK, 5.0)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.value("/tensorflow/serving/request_count") == 40_000
    assert metrics.value("/tensorflow/serving/request_latency") == 40_000


def test_threads_that_ended_leave_only_their_sums() -> None:
    metrics = Metrics()
    for number in range(50):
        thread = threading.Thread(target=metrics.load_attempt, args=(f"/m/{number % 2}", Code.OK, 5.0))
        thread.start()
        thread.join()
    family = metrics._load_attempts
    assert len(family._threads) <= 2
    assert metrics.value("/tensorflow/cc/saved_model/load_attempt_count") == 50
    assert lines(metrics, "load_attempt_count{") == [
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/0",status="success"} 25',
        ':tensorflow:cc:saved_model:load_attempt_count{model_path="/m/1",status="success"} 25',
    ]


class Forbidden:
    """A lock that fails when taken."""

    def __enter__(self) -> None:
        raise AssertionError("a request took a lock")

    def __exit__(self, *_: object) -> None:
        pass


def test_recording_takes_no_lock_once_the_thread_is_known() -> None:
    metrics = Metrics()
    metrics.request("m", "predict", "REST", Code.OK, 1.0)
    families = [family for family in vars(metrics).values() if isinstance(family, Family)]
    assert families
    locks = [family._lock for family in families]
    for family in families:
        family._lock = Forbidden()  # type: ignore[assignment]
    for model in ("m", "another"):
        metrics.request(model, "predict", "REST", Code.OK, 123.0)
    for family, lock in zip(families, locks, strict=True):
        family._lock = lock
    assert metrics.value("/tensorflow/serving/request_count") == 3
