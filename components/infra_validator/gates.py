"""The decision: checks the cost of serving against the document's gates. Plain Python, no TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from components.infra_validator.config import ServingGate, ServingGates
from foundation.numbers import beside, exact

Outcome = Literal["holds", "fails", "not decided"]

UNITS = {"latency_p50_ms": "ms", "latency_p99_ms": "ms", "memory_mb": "MiB"}


@dataclass(frozen=True)
class Measurement:
    """One number about the candidate, and the same number about the blessed model.

    Attributes:
        metric: ``latency_p50_ms``, ``latency_p99_ms`` or ``memory_mb``.
        where: Where it was measured, such as ``gRPC, 32 rows``; empty if there is only one place.
        value: The candidate's value; None if this system cannot measure it.
        blessed: The blessed model's value; None without one.
    """

    metric: str
    where: str
    value: float | None
    blessed: float | None = None


@dataclass(frozen=True)
class Check:
    """One bound on one measurement.

    Attributes:
        bound: The bound in words.
        limit: The bound as a number; None if it could not be computed.
        note: Why it did not decide.
    """

    measurement: Measurement
    bound: str
    limit: float | None
    outcome: Outcome
    note: str = ""

    @property
    def failure(self) -> str:
        """What is wrong, with the numbers."""
        m = self.measurement
        where = f" ({m.where})" if m.where else ""
        value = beside(m.value, self.limit)[0] if m.value is not None and self.limit is not None else m.value
        return f"{m.metric} is {value} {UNITS[m.metric]}{where}, must be {self.bound}"


def check_all(gates: ServingGates, measured: list[Measurement]) -> list[Check]:
    """Checks every gate against each measurement of its metric."""
    given = gates.given()
    return [check for m in measured if m.metric in given for check in _checks(given[m.metric], m)]


def _checks(gate: ServingGate, m: Measurement) -> Iterator[Check]:
    unit = UNITS[m.metric]
    if gate.at_most is not None:
        yield _check(m, f"≤ {exact(gate.at_most)} {unit}", gate.at_most)
    allowance = gate.not_worse_than_blessed_by
    if allowance is None:
        return
    words = allowance.strip() if isinstance(allowance, str) else f"{exact(allowance)} {unit}"
    if m.blessed is None:
        note = "there is no blessed model to compare with"
        yield Check(m, f"not worse than blessed by more than {words}", None, "holds", note)
        return
    limit = gate.allowed(m.blessed)
    shown = beside(m.value, limit)[1] if m.value is not None and limit is not None else limit
    yield _check(m, f"≤ {shown} {unit}, the blessed model's {m.blessed:.4g} and {words}", limit)


def _check(m: Measurement, bound: str, limit: float | None) -> Check:
    if m.value is None or limit is None:
        return Check(m, bound, limit, "not decided", "it cannot be measured on this system")
    return Check(m, bound, limit, "holds" if m.value <= limit else "fails")


def sentence(checks: list[Check], summary: str) -> str:
    """Returns the verdict in one sentence.

    Args:
        checks: Every check.
        summary: What was tested, for the sentence about a fit model.
    """
    failed = [check.failure for check in checks if check.outcome == "fails"]
    if failed:
        more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        return f"Not fit to serve: {'; '.join(failed[:3])}{more}."
    undecided = [f"{c.measurement.metric} {c.bound}: {c.note}" for c in checks if c.outcome == "not decided"]
    return "; ".join([f"Fit to serve: {summary}", *undecided]) + "."
