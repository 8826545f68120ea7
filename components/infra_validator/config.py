"""The ``infra_validation`` slice of the document: how a model is served before the push, and limits on its cost."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from foundation.config import Allowance, Config, allowed


class ServingGate(Config):
    """Bounds on one measurement that a model must meet to be pushed."""

    at_most: float | None = Field(default=None, gt=0)
    """Largest value."""
    not_worse_than_blessed_by: Allowance | None = None
    """How far it may exceed the blessed model's, in the metric's unit or as a share such as 20%."""

    @model_validator(mode="after")
    def _bounded(self) -> ServingGate:
        if self.at_most is None and self.not_worse_than_blessed_by is None:
            raise ValueError("give at_most or not_worse_than_blessed_by")
        return self

    def allowed(self, blessed: float) -> float | None:
        """Returns the largest value allowed next to the blessed model's, None if that does not matter."""
        allowance = self.not_worse_than_blessed_by
        if allowance is None:
            return None
        return blessed + allowed(allowance, blessed)


class ServingGates(Config):
    """Bounds on the cost of serving a model; a plain number is short for at_most."""

    latency_p50_ms: ServingGate | None = None
    """Median request time in milliseconds, for each protocol and batch size."""
    latency_p99_ms: ServingGate | None = None
    """99th percentile of request time in milliseconds, for each protocol and batch size."""
    memory_mb: ServingGate | None = None
    """MiB by which the server grows when it loads the model and answers with it."""

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {
            key: {"at_most": value}
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            else value
            for key, value in data.items()
        }

    def given(self) -> dict[str, ServingGate]:
        """Returns metric → gate for the gates that are given."""
        gates = ((name, getattr(self, name)) for name in ServingGates.model_fields)
        return {name: gate for name, gate in gates if gate is not None}


class InfraValidationConfig(Config):
    """A trial of the candidate: served as in production, queried by gRPC and REST with real examples, measured."""

    server: str = "auto"
    """The server: auto is Penstock's own; otherwise the path of a tensorflow_model_server."""
    examples: int = Field(default=50, ge=1, le=10_000)
    """Number of test examples to send."""
    batch_sizes: list[Annotated[int, Field(ge=1, le=10_000)]] = Field(default=[1, 32], min_length=1)
    """Rows per request; each size is checked and measured."""
    requests: int = Field(default=50, ge=1, le=100_000)
    """Timed requests to each model, for each protocol and batch size; a gate on p99 makes it 1000, in at most 20 s more."""
    timeout_seconds: float = Field(default=120, gt=0)
    """Time limit for the server to start, and for each model to load."""
    warmup_requests: int = Field(default=8, ge=0, le=1000)
    """Warm-up requests, made from real examples, in the pushed model, replayed by every server that loads it; 0 for none."""
    measure: Literal["auto", "always"] = "auto"
    """auto measures latency, memory and the blessed model beside it only where a gate needs them; always in every run."""
    gates: ServingGates = ServingGates()
    """Bounds on latency and memory; without them a model only has to load and answer correctly."""

    @property
    def measures_latency(self) -> bool:
        """Whether requests are timed."""
        return self._asked(self.gates.latency_p50_ms, self.gates.latency_p99_ms)

    @property
    def measures_memory(self) -> bool:
        """Whether the candidate is loaded twice, so that its memory is known."""
        return self._asked(self.gates.memory_mb)

    @property
    def serves_blessed(self) -> bool:
        """Whether the blessed model is served beside the candidate."""
        given = self.gates.given().values()
        return self._asked(*(gate for gate in given if gate.not_worse_than_blessed_by is not None))

    def _asked(self, *gates: ServingGate | None) -> bool:
        return self.measure == "always" or any(gate is not None for gate in gates)
