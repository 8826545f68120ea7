"""``infra_validation.json``: the result of serving a model before the push."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from foundation.result import Part, Result


@dataclass(frozen=True)
class Answers(Part):
    """The server's answers compared with the model's in this process."""

    compared: int
    """Number of answered requests."""
    largest_difference: float | None
    """Largest difference between two numbers."""


@dataclass(frozen=True)
class Times(Part):
    """Request times in milliseconds."""

    p50_ms: float
    """Median."""
    p99_ms: float
    """99th percentile."""


@dataclass(frozen=True)
class LatencyRow(Part):
    """Latency of requests of one size by one protocol."""

    protocol: str
    """gRPC or REST."""
    rows: int
    """Rows per request."""
    requests: int
    """Number of timed requests."""
    candidate: Times
    """The new model."""
    blessed: Times | None = None
    """The last blessed model, measured in turn with the new one."""


@dataclass(frozen=True)
class Latency(Part):
    """Latencies of one signature."""

    signature: str = ""
    """The signature; empty if nothing was measured."""
    rounds: int = 0
    """Number of rounds in which candidate and blessed model were measured in turn."""
    measured: tuple[LatencyRow, ...] = ()
    """One row for each protocol and request size."""


@dataclass(frozen=True)
class Gate(Part):
    """One bound on the cost of serving, and whether it holds."""

    metric: str
    """Name of the measurement."""
    where: str
    """Where it was measured, such as ``REST, 32 rows``."""
    bound: str
    """The bound in words."""
    value: float | None
    """The candidate's value."""
    outcome: Literal["holds", "fails", "not decided"]
    """The gate's outcome."""
    note: str = ""
    """Why it did not decide."""
    limit: float | None = None
    """The bound as a number."""
    blessed: float | None = None
    """The blessed model's value."""


@dataclass(frozen=True)
class InfraValidation(Result):
    """Whether a model may be pushed, and the cost of serving it."""

    FILE: ClassVar[str] = "infra_validation.json"

    blessed: bool
    """Whether it may be pushed."""
    sentence: str = ""
    """Why, or why not."""
    server: str = ""
    """The server, as named in the document."""
    signatures: dict[str, str] = field(default_factory=dict)
    """Signature → asked, or why it could not be."""
    answers: Answers = Answers(0, None)
    """How well the answers agree."""
    load_seconds: dict[str, float] = field(default_factory=dict)
    """``candidate`` and ``blessed`` → seconds to load."""
    memory_mb: dict[str, float | None] = field(default_factory=dict)
    """``server``, ``candidate`` and ``blessed`` → MiB; null if it cannot be measured."""
    latency: Latency = Latency()
    """Request latencies."""
    gates: tuple[Gate, ...] = ()
    """The document's bounds."""
    unmeasured: tuple[str, ...] = ()
    """What was not measured, as no gate and not ``infra_validation.measure`` asked for it."""
    notes: tuple[str, ...] = ()
    """Further remarks."""
    examples: int = 0
    """Number of test rows used in requests."""
    warmup_requests: int = 0
    """Number of warm-up requests in the model."""

    @property
    def reason(self) -> str:
        """The sentence without its leading verdict."""
        return self.sentence.removeprefix("Fit to serve: ").removeprefix("Not fit to serve: ")
