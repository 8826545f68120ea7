"""How often a gate on latency decides rightly: an equal model, and slower ones, as they would be measured in turn.

Run as ``python benchmarks/statistics/latency.py``; prints a Markdown table.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.infra_validator.config import ServingGates
from components.infra_validator.gates import Measurement, check_all
from components.infra_validator.measure import Latency, summary

TRIALS = 1000
ROUNDS = 3
METRIC = "latency_p99_ms"
GATES = ServingGates.model_validate({METRIC: {"not_worse_than_blessed_by": "20%"}})

Pair = tuple[np.ndarray, np.ndarray]


def pair(rng: np.random.Generator, requests: int, slower: float, often: float) -> Pair:
    """Returns the milliseconds of two models' requests in turn.

    A log-normal body of 2 ms; one request in a hundred waits for the machine; and in one stretch of 20 requests in
    fifty everything takes twice as long, for both models.

    Args:
        rng: Random numbers.
        requests: Number of requests to each.
        slower: Factor of every request of the candidate.
        often: How much more often the candidate waits.
    """

    def one(factor: float, more: float) -> np.ndarray:
        body = rng.lognormal(np.log(2.0), 0.25, requests) * factor
        return body + (rng.random(requests) < 0.01 * more) * rng.exponential(8.0, requests)

    busy = np.repeat(1.0 + (rng.random(-(-requests // 20)) < 0.02), 20)[:requests]
    return one(slower, often) * busy, one(1.0, 1.0) * busy


def by_point(candidate: Latency, blessed: Latency) -> bool:
    """Returns whether the bound on the estimates alone fails, as it was before."""
    return candidate.p99 > 1.2 * blessed.p99


def by_evidence(candidate: Latency, blessed: Latency) -> bool:
    """Returns whether the gate fails now."""
    measured = Measurement(METRIC, "", candidate.p99, blessed.p99, candidate.times, blessed.times)
    return check_all(GATES, [measured])[0].outcome == "fails"


def refused(
    rng: np.random.Generator,
    requests: int,
    rounds: int,
    fails: Callable[[Latency, Latency], bool],
    slower: float,
    often: float,
) -> bool:
    """Returns whether a candidate is refused: the bound fails in every round, as the round least disturbed sees it."""
    best: tuple[Latency, Latency] | None = None
    for _ in range(rounds):
        candidate, blessed = (summary(times.tolist()) for times in pair(rng, requests, slower, often))
        if best is None or candidate.p99 < best[0].p99:
            best = candidate, blessed
        if not fails(*best):
            return False
    return True


RULES = {
    "p99 of 50 requests, one round": (50, 1, by_point),
    "p99 of 50 requests, up to three rounds (before)": (50, ROUNDS, by_point),
    "p99 of 1,000 requests, one round": (1000, 1, by_point),
    "p99 of 200 requests with evidence, up to three rounds (a slow model)": (200, ROUNDS, by_evidence),
    "p99 of 1,000 requests with evidence, up to three rounds (now)": (1000, ROUNDS, by_evidence),
}
CANDIDATES = {
    "equal": (1.0, 1.0),
    "10% slower": (1.1, 1.0),
    "1.5 times": (1.5, 1.0),
    "twice": (2.0, 1.0),
    "three times": (3.0, 1.0),
    "waits 5 times as often": (1.0, 5.0),
}
"""Candidate → factor of every request, and of how often it waits."""


def main() -> None:
    """Prints the table."""
    print(f"| refused by a gate of 20% on p99, of {TRIALS:,} | {' | '.join(CANDIDATES)} |")
    print(f"|---|{'---|' * len(CANDIDATES)}")
    for name, (requests, rounds, fails) in RULES.items():
        shares = []
        for number, (slower, often) in enumerate(CANDIDATES.values()):
            rng = np.random.default_rng(number)
            hits = sum(refused(rng, requests, rounds, fails, slower, often) for _ in range(TRIALS))
            shares.append(f"{hits / TRIALS:.1%}")
        print(f"| {name} | {' | '.join(shares)} |")


if __name__ == "__main__":
    main()
