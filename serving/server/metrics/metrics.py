"""The server's metrics: TF Serving's families, and extra ones per version."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from serving.server.metrics import prometheus
from serving.server.metrics.families import Counter, Family, Histogram, Labels
from serving.server.status import Code

Snapshot = dict[str, dict[Labels, list[float]]]
"""Metric → labels → values of one process."""

_CODE_NAMES: Final = tuple(Code(number).name for number in range(len(Code)))
"""Indexed by code: hashing an enum member runs Python code, indexing is free."""


class Metrics:
    """One server process's metrics. Every method is thread-safe and takes about a microsecond."""

    def __init__(self) -> None:
        #: Fetches the values of the other processes behind the same port; None if there are none.
        self.gather: Callable[[], Awaitable[list[Snapshot]]] | None = None
        self._request_count = Counter("/tensorflow/serving/request_count", ("model_name", "status"))
        self._request_latency = Histogram(
            "/tensorflow/serving/request_latency", ("model_name", "API", "entrypoint")
        )
        self._runtime_latency = Histogram(
            "/tensorflow/serving/runtime_latency", ("model_name", "API", "runtime")
        )
        self._example_counts = Histogram("/tensorflow/serving/request_example_counts", ("model",))
        self._example_total = Counter("/tensorflow/serving/request_example_count_total", ("model",))
        self._warmup_latency = Histogram("/tensorflow/serving/model_warmup_latency", ("model_path", "status"))
        self._warmup_records = Counter("/tensorflow/serving/model_warmup_records_read", ("model_path",))
        self._log_count = Counter("/tensorflow/serving/request_log_count", ("model_name", "status_code"))
        self._queuing_latency = Histogram("/tensorflow/serving/batching_session/queuing_latency")
        self._wrapped_runs = Counter("/tensorflow/serving/batching_session/wrapped_run_count")
        self._load_attempts = Counter(
            "/tensorflow/cc/saved_model/load_attempt_count", ("model_path", "status")
        )
        self._load_latency = Counter("/tensorflow/cc/saved_model/load_latency", ("model_path",))
        self._graph_runs = Counter("/tensorflow/core/graph_runs")
        self._session_runs = Counter("/tensorflow/core/direct_session_runs")
        self._version_requests = Counter(
            "/penstock/serving/version_request_count", ("model_name", "version", "signature", "API", "status")
        )
        self._version_latency = Histogram(
            "/penstock/serving/version_request_latency", ("model_name", "version", "signature", "API")
        )
        self._families: tuple[Family, ...] = tuple(
            member for member in vars(self).values() if isinstance(member, Family)
        )

    def request(self, model: str, api: str, entrypoint: str, status: Code, microseconds: float) -> None:
        """Counts an answered request, and its latency if it succeeded.

        Args:
            model: The model's name in the request.
            api: ``Predict``, ``Classify``, ``Regress`` over gRPC, small letters over REST; empty for
                requests whose latency TF Serving does not record (status, metadata, unreadable ones).
            entrypoint: ``GRPC`` or ``REST``.
            status: Its status code.
            microseconds: Time from its arrival to its answer.
        """
        self._request_count.add((model, _CODE_NAMES[status]))
        if api and status is Code.OK:
            self._request_latency.observe((model, api, entrypoint), microseconds)

    def version_request(
        self, model: str, version: int, signature: str, api: str, status: Code, microseconds: float
    ) -> None:
        """Counts a request by the version and signature that answered it, which TF Serving does not.

        Args:
            model: The model's name.
            version: The version that was leased.
            signature: The signature's key.
            api: The call in small letters.
            status: Its status code.
            microseconds: Time from its arrival to its answer.
        """
        labels = (model, str(version), signature, api)
        self._version_requests.add((*labels, _CODE_NAMES[status]))
        if status is Code.OK:
            self._version_latency.observe(labels, microseconds)

    def runtime(self, model: str, api: str, microseconds: float) -> None:
        """Records how long a session ran for a request.

        Args:
            model: The model's name.
            api: ``Predict``, ``Classify``, ``Regress`` or ``MultiInference``.
            microseconds: The duration of the run.
        """
        self._runtime_latency.observe((model, api, "TF1"), microseconds)
        self._graph_runs.add(())
        self._session_runs.add(())

    def examples(self, model: str, count: int) -> None:
        """Records how many examples a Classify, Regress or MultiInference request had."""
        self._example_counts.observe((model,), count)
        self._example_total.add((model,), count)

    def load_attempt(self, path: str, status: Code, microseconds: float) -> None:
        """Records an attempt to load a SavedModel from a directory."""
        self._load_attempts.add((path, "success" if status is Code.OK else "fail"))
        self._load_latency.add((path,), round(microseconds))

    def warmup(self, path: str, status: Code, microseconds: float, records: int) -> None:
        """Records a warmup: its status, duration and number of records."""
        self._warmup_latency.observe((path, _CODE_NAMES[status]), microseconds)
        self._warmup_records.add((path,), records)

    def batch(self, queued_microseconds: float) -> None:
        """Records that a batch ran, and how long its oldest request had waited."""
        self._queuing_latency.observe((), queued_microseconds)
        self._wrapped_runs.add(())

    def logged(self, model: str, status: Code) -> None:
        """Counts a request that the request log accepted (OK) or dropped (RESOURCE_EXHAUSTED and others)."""
        self._log_count.add((model, _CODE_NAMES[status]))

    def value(self, name: str) -> int:
        """Returns a metric's value over all labels (for a histogram, its number of values); 0 if it does not exist.

        Args:
            name: With slashes, such as ``/tensorflow/serving/request_count``.
        """
        return sum(int(family.total()) for family in self._families if family.name == name)

    async def full_value(self, name: str) -> int:
        """Returns a metric's value over all processes behind this port."""
        if self.gather is None:
            return self.value(name)
        others = await self.gather()
        wanted = [family for family in self._families if family.name == name]
        return sum(int(family.joined(other.get(name, {}) for other in others).total()) for family in wanted)

    def page(self) -> bytes:
        """Returns all metrics as Prometheus text."""
        return prometheus.page(self._families)

    def snapshot(self) -> Snapshot:
        """Returns all values, for another process to add up."""
        return {family.name: family.series() for family in self._families}

    async def full_page(self) -> bytes:
        """Returns the page for all processes behind this port."""
        if self.gather is None:
            return self.page()
        others = await self.gather()
        return prometheus.page(
            family.joined(other.get(family.name, {}) for other in others) for family in self._families
        )
