"""How often the alarm on the arms' shares is false, and how soon it finds lost records, tested after every batch.

Run as ``python benchmarks/statistics/experiments_shares.py``; prints Markdown tables.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np

from serving.experiments.statistics.simulate.shares import log_wealth

EXPERIMENTS, BATCHES = 1000, 1000
SMALL, LARGE = 50, 1000
ALPHAS = (0.05, 0.001)
"""0.001 is the product's; 0.05 shows the test itself, which is hardly ever false at 0.001."""

Weights = np.ndarray


def fixed_weights(*weights: float) -> Weights:
    """Returns the same weights for every batch."""
    return np.array(weights)[None, None]


def moving_weights(rng: np.random.Generator, arms: int) -> Weights:
    """Returns weights that wander between 5% and nearly everything, as a bandit's do."""
    walk = rng.normal(size=(EXPERIMENTS, BATCHES, arms)).cumsum(axis=1) * 0.1
    free = np.exp(walk - walk.max(axis=2, keepdims=True))
    return np.asarray(0.05 + (1 - 0.05 * arms) * free / free.sum(axis=2, keepdims=True))


def counts(rng: np.random.Generator, weights: Weights, size: int, lost: float = 0.0) -> np.ndarray:
    """Returns recorded units of each batch; of the last arm a share is lost."""
    shares = np.broadcast_to(weights, (EXPERIMENTS, BATCHES, weights.shape[-1]))
    kept = shares * np.array([1.0] * (shares.shape[-1] - 1) + [1.0 - lost])
    return rng.multinomial(size, kept / kept.sum(axis=2, keepdims=True))


def cases(rng: np.random.Generator) -> dict[str, Weights]:
    """Returns the intended weights by name."""
    return {
        "50/50": fixed_weights(0.5, 0.5),
        "90/10": fixed_weights(0.9, 0.1),
        "99/1": fixed_weights(0.99, 0.01),
        "60/30/10": fixed_weights(0.6, 0.3, 0.1),
        "two moving": moving_weights(rng, 2),
        "four moving": moving_weights(rng, 4),
    }


def main() -> None:
    """Prints the tables."""
    began, rng = time.process_time(), np.random.default_rng(1)
    print(f"| weights, {SMALL * BATCHES:,} units | false at 5%, of {EXPERIMENTS:,} | false at 0.1% |")
    print("|---|---|---|")
    for name, weights in cases(rng).items():
        most = log_wealth(counts(rng, weights, SMALL), weights).max(axis=1)
        shares = [f"{(most >= -math.log(alpha)).mean():.1%}" for alpha in ALPHAS]
        print(f"| {name} | **{shares[0]}** | **{shares[1]}** |", flush=True)
    print()
    print(
        f"| weights, records lost in one arm | found in {LARGE * BATCHES:,} at 0.1% | units until then, in the middle |"
    )
    print("|---|---|---|")
    for name, weights in cases(rng).items():
        for lost in (0.02, 0.05, 0.1):
            hit = log_wealth(counts(rng, weights, LARGE, lost), weights) >= -math.log(ALPHAS[1])
            found = hit.any(axis=1)
            middle = np.median(np.where(found, (hit.argmax(axis=1) + 1) * LARGE, np.inf))
            text = f"{middle:,.0f}" if np.isfinite(middle) else "not in the half of them"
            print(f"| {name}, {lost:.0%} | {found.mean():.0%} | {text} |", flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time", file=sys.stderr)


if __name__ == "__main__":
    main()
