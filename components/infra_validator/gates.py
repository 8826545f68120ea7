"""The decision: checks the cost of serving against the document's gates. Plain Python, no TensorFlow.

A percentile of some requests is an estimate: of 50 requests the p99 is the slowest, and one hiccup of the machine would
refuse an equal model. So a bound on a percentile fails only if it is exceeded and chance does not explain it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from components.infra_validator.config import ServingGate, ServingGates
from foundation.numbers import beside, exact

Outcome = Literal["holds", "fails", "not decided"]

CHANCE = 0.05
"""A bound on a percentile fails if requests as slow as these have at most this probability under the bound."""
SHARES = {"latency_p50_ms": 0.5, "latency_p99_ms": 0.99}
"""Metric → share of requests that may not be slower than the bound."""
UNITS = {"latency_p50_ms": "ms", "latency_p99_ms": "ms", "memory_mb": "MiB"}


@dataclass(frozen=True)
class Measurement:
    """One number about the candidate, and the same number about the blessed model.

    Attributes:
        metric: ``latency_p50_ms``, ``latency_p99_ms`` or ``memory_mb``.
        where: Where it was measured, such as ``gRPC, 32 rows``; empty if there is only one place.
        value: The candidate's value; None if this system cannot measure it.
        blessed: The blessed model's value; None without one.
        times: Of a percentile, the candidate's requests in milliseconds.
        blessed_times: The blessed model's, measured in turn with them.
    """

    metric: str
    where: str
    value: float | None
    blessed: float | None = None
    times: Sequence[float] = ()
    blessed_times: Sequence[float] = ()


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
        yield _check(m, f"≤ {exact(gate.at_most)} {unit}", gate.at_most, chance_of(m, gate.at_most))
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
    bound = f"≤ {shown} {unit}, the blessed model's {m.blessed:.4g} and {words}"
    yield _check(m, bound, limit, chance_beside(m, gate))


def _check(m: Measurement, bound: str, limit: float | None, chance: float) -> Check:
    if m.value is None or limit is None:
        return Check(m, bound, limit, "not decided", "it cannot be measured on this system")
    if m.value > limit and chance > CHANCE:
        value, requests = beside(m.value, limit)[0], f"{len(m.times):,} requests"
        note = f"it is {value}, but {requests} are too few to tell that from chance"
        return Check(m, bound, limit, "not decided", note)
    return Check(m, bound, limit, "holds" if m.value <= limit else "fails")


def chance_of(m: Measurement, limit: float) -> float:
    """Returns how probable at least as many slow requests are if the percentile is just at the limit.

    The number of requests beyond the p-th percentile is binomial, with probability 1 - p. 0 if ``m`` is no percentile.
    """
    from scipy.stats import binom

    slower = sum(time > limit for time in m.times)
    return float(binom.sf(slower - 1, len(m.times), 1 - SHARES[m.metric])) if m.times else 0.0


def chance_beside(m: Measurement, gate: ServingGate) -> float:
    """Returns how probable at least as many slow requests are if the candidate is just as slow as the gate allows.

    The blessed model's requests are made slower by what is allowed. The number of the candidate's requests beyond the
    percentile of those is then negative hypergeometric: a precedence test, exact for any distribution of times (Balakrishnan
    and Ng, Precedence-Type Tests and Applications, 2006). 0 if ``m`` is no percentile.
    """
    from scipy.stats import nhypergeom

    if not m.times or not m.blessed_times:
        return 0.0
    allowed = sorted(gate.allowed(time) or 0.0 for time in m.blessed_times)
    place = max(0, math.ceil(SHARES[m.metric] * len(allowed)) - 1)
    slower = sum(time > allowed[place] for time in m.times)
    every = len(allowed) + len(m.times)
    return float(nhypergeom.sf(slower - 1, every, len(m.times), len(allowed) - place))


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
