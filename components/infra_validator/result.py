"""``infra_validation.json``: what came of serving a model before it is pushed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from foundation.result import Part, Result


@dataclass(frozen=True)
class Answers(Part):
    """Answers of the server against those of the model in this process."""

    compared: int
    """Requests that were answered."""
    largest_difference: float | None
    """Largest difference of two numbers."""


@dataclass(frozen=True)
class Times(Part):
    """Milliseconds of a request."""

    p50_ms: float
    """Half of the requests take no longer."""
    p99_ms: float
    """99 of 100 requests take no longer."""


@dataclass(frozen=True)
class LatencyRow(Part):
    """What requests of one size by one protocol take."""

    protocol: str
    """gRPC or REST."""
    rows: int
    """Rows of a request."""
    requests: int
    """Requests that were measured."""
    candidate: Times
    """The new model."""
    blessed: Times | None = None
    """The last blessed model, measured in turn with the new one."""


@dataclass(frozen=True)
class Latency(Part):
    """Latencies of one signature."""

    signature: str = ""
    """The signature; empty where it never came to that."""
    rounds: int = 0
    """How often candidate and blessed model were measured in turn."""
    measured: tuple[LatencyRow, ...] = ()
    """A row for each protocol and size of request."""


@dataclass(frozen=True)
class Gate(Part):
    """One bound on what serving costs, and whether it holds."""

    metric: str
    """What was measured."""
    where: str
    """Where it was measured, such as ``REST, 32 rows``."""
    bound: str
    """The bound in words."""
    value: float | None
    """The candidate's value."""
    outcome: Literal["holds", "fails", "not decided"]
    """What the gate says."""
    note: str = ""
    """Why it did not decide."""
    limit: float | None = None
    """The bound as a number."""
    blessed: float | None = None
    """The blessed model's value."""


@dataclass(frozen=True)
class InfraValidation(Result):
    """Whether a model may be pushed, and what serving it costs."""

    FILE: ClassVar[str] = "infra_validation.json"

    blessed: bool
    """Whether it may be pushed."""
    sentence: str = ""
    """Why, or why not."""
    server: str = ""
    """The server, as the document names it."""
    signatures: dict[str, str] = field(default_factory=dict)
    """Signature → asked, or why it was not."""
    answers: Answers = Answers(0, None)
    """How the answers agree."""
    load_seconds: dict[str, float] = field(default_factory=dict)
    """``candidate`` and ``blessed`` → seconds to load."""
    memory_mb: dict[str, float | None] = field(default_factory=dict)
    """``server``, ``candidate`` and ``blessed`` → MiB; null where it cannot be measured."""
    latency: Latency = Latency()
    """What requests take."""
    gates: tuple[Gate, ...] = ()
    """The document's bounds."""
    notes: tuple[str, ...] = ()
    """What else a reader should know."""
    examples: int = 0
    """Test rows that were asked."""
    warmup_requests: int = 0
    """Warm-up requests that the model carries."""

    @property
    def reason(self) -> str:
        """The sentence without the words that say whether the model is fit to serve."""
        return self.sentence.removeprefix("Fit to serve: ").removeprefix("Not fit to serve: ")
