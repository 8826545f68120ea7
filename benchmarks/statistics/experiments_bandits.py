"""What the modes of an experiment cost in regret, beside MABWiser on the same streams: easy and close arms, numbers, delay, change.

Run as ``python benchmarks/statistics/experiments_bandits.py``; prints Markdown tables.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.experiments.modes.allocator import Allocator
from serving.experiments.modes.config import ModeConfig
from serving.experiments.modes.mode import ContextualMode

STREAMS = 1000
REQUESTS, INTERVAL = 2000, 100
FREE = {"floor": 0, "control_floor": 0, "step": 1}
BOUNDED: dict[str, float] = {}  # the document's defaults: floor 5%, control 10%, step 10%
FADING = {"half_life": 3 * 300.0}  # three intervals


@dataclass(frozen=True)
class World:
    """Streams with known truth.

    Attributes:
        name: For the table.
        means: Each arm's mean reward; the first arm is control.
        binary: Whether rewards are 0 or 1; else normal with deviation 1.
        delay: Intervals until a reward is known, for each arm.
        turns: Whether the order of the arms is reversed half-way.
    """

    name: str
    means: tuple[float, ...]
    binary: bool = True
    delay: tuple[int, ...] = ()
    turns: bool = False

    def truth(self) -> np.ndarray:
        """Returns each request's mean reward by arm, shape [requests, arms]."""
        table = np.tile(np.array(self.means), (REQUESTS, 1))
        if self.turns:
            table[REQUESTS // 2 :] = table[REQUESTS // 2 :, ::-1]
        return table

    def rewards(self, seed: int) -> np.ndarray:
        """Returns what each arm would have earned with each request, shape [requests, arms]."""
        rng = np.random.default_rng([seed, 77])
        if self.binary:
            return (rng.random((REQUESTS, len(self.means))) < self.truth()).astype(float)
        return self.truth() + rng.standard_normal((REQUESTS, len(self.means)))


EASY = World("10%, 20%, 30%", (0.1, 0.2, 0.3))
CLOSE = World("45%, 50%, 55%", (0.45, 0.5, 0.55))
RARE = World("1%, 2%, 3%", (0.01, 0.02, 0.03))
NUMBERS = World("numbers 1.0, 1.2, 1.5, deviation 1", (1.0, 1.2, 1.5), binary=False)
LATE = World("20%, 30%, rewards 5 intervals late", (0.2, 0.3), delay=(5, 5))
UNEQUAL = World("20%, 30%, the better arm answers 5 intervals later", (0.2, 0.3), delay=(0, 5))
TURNING = World("20%, 40%, exchanged half-way", (0.2, 0.4), turns=True)

Policy = Callable[[World, int], np.ndarray]


def ours(kind: str, bounds: dict[str, float], **settings: Any) -> Policy:
    """Returns a policy of ours: from a world and a seed to the arm of each request."""

    def run(world: World, seed: int) -> np.ndarray:
        names = [str(at) for at in range(len(world.means))]
        config = ModeConfig.model_validate({"type": kind, "seed": seed, **bounds, **settings})
        weights = dict.fromkeys(names, 1 / len(names))
        allocator = Allocator(config, weights, names[0], binary=world.binary)
        rewards, rng = world.rewards(seed), np.random.default_rng([seed, 5])
        chosen = np.zeros(REQUESTS, dtype=int)
        for k in range(REQUESTS // INTERVAL):
            learn(allocator, world, chosen, rewards, k)
            shares = list(allocator.advance(k).values())
            span = slice(k * INTERVAL, (k + 1) * INTERVAL)
            chosen[span] = np.minimum(
                np.searchsorted(np.cumsum(shares), rng.random(INTERVAL)), len(names) - 1
            )
        return chosen

    return run


def learn(allocator: Allocator, world: World, chosen: np.ndarray, rewards: np.ndarray, interval: int) -> None:
    """Gives the allocator the units whose window has closed by the beginning of an interval.

    The window is the longest delay: units of all arms are counted when it closes.
    """
    closed = interval - 1 - max(world.delay, default=0)
    if closed < 0:
        return
    span = slice(closed * INTERVAL, (closed + 1) * INTERVAL)
    arms = chosen[span]
    values = rewards[span][np.arange(INTERVAL), arms]
    allocator.learn((str(arm), float(value), ()) for arm, value in zip(arms, values, strict=True))


def early(world: World, seed: int) -> np.ndarray:
    """Thompson sampling that counts successes as they come and failures when the window closes: what not to do."""
    successes, failures = np.ones(len(world.means)), np.ones(len(world.means))
    rewards, rng = world.rewards(seed), np.random.default_rng([seed, 5])
    chosen, window = np.zeros(REQUESTS, dtype=int), max(world.delay)
    for k in range(REQUESTS // INTERVAL):
        for arm, delay in enumerate(world.delay):
            for counts, wait, value in ((successes, delay, 1.0), (failures, window, 0.0)):
                at = k - 1 - wait
                if at >= 0:
                    span = slice(at * INTERVAL, (at + 1) * INTERVAL)
                    counts[arm] += np.sum((chosen[span] == arm) & (rewards[span, arm] == value))
        span = slice(k * INTERVAL, (k + 1) * INTERVAL)
        chosen[span] = rng.beta(successes, failures, (INTERVAL, len(world.means))).argmax(axis=1)
    return chosen


def mabwiser(kind: str, **settings: Any) -> Policy:
    """Returns MABWiser's policy, told of rewards at the same times as ours."""

    def run(world: World, seed: int) -> np.ndarray:
        from mabwiser.mab import MAB, LearningPolicy

        arms = list(range(len(world.means)))
        bandit = MAB(arms, getattr(LearningPolicy, kind)(**settings), seed=seed)
        rewards, chosen = world.rewards(seed), np.zeros(REQUESTS, dtype=int)
        chosen[:INTERVAL] = np.random.default_rng([seed, 5]).integers(len(arms), size=INTERVAL)
        contexts = np.zeros((INTERVAL, 1))
        for k in range(1, REQUESTS // INTERVAL):
            before = slice((k - 1) * INTERVAL, k * INTERVAL)
            told = chosen[before], rewards[before][np.arange(INTERVAL), chosen[before]]
            (bandit.fit if k == 1 else bandit.partial_fit)(*told)
            if kind == "UCB1":  # the same arm until it is told more
                chosen[k * INTERVAL : (k + 1) * INTERVAL] = bandit.predict()
            else:
                chosen[k * INTERVAL : (k + 1) * INTERVAL] = bandit.predict(contexts)
        return chosen

    return run


def uniform(world: World, seed: int) -> np.ndarray:
    """Returns arms drawn evenly: what a fixed, even split costs."""
    return np.random.default_rng([seed, 5]).integers(len(world.means), size=REQUESTS)


def regret(policy: Policy, world: World, streams: int) -> np.ndarray:
    """Returns each stream's regret: what the best arm's mean exceeds the chosen arms' means by, summed over requests."""
    truth = world.truth()
    lost = truth.max(axis=1, keepdims=True) - truth
    return np.array([lost[np.arange(REQUESTS), policy(world, seed)].sum() for seed in range(streams)])


def context_regret(kind: str | None, streams: int, bounds: dict[str, float], **settings: Any) -> np.ndarray:
    """Returns each stream's regret where the better arm depends on the context.

    One number x, standard normal, and a device; control earns with probability 0.3 whatever they are, the other arm
    0.3 + 0.2 for x > 0 and 0.3 - 0.2 for x < 0. ``kind`` None splits evenly.
    """
    found = []
    for seed in range(streams):
        rng = np.random.default_rng([seed, 99])
        x, devices = rng.standard_normal(REQUESTS), rng.choice(["phone", "web"], REQUESTS)
        truth = np.stack([np.full(REQUESTS, 0.3), 0.3 + 0.2 * np.sign(x)], axis=1)
        earned = (rng.random((REQUESTS, 2)) < truth).astype(float)
        chosen = (
            rng.integers(2, size=REQUESTS)
            if kind is None
            else _contextual(kind, settings | bounds, seed, x, devices, earned)
        )
        found.append((truth.max(axis=1) - truth[np.arange(REQUESTS), chosen]).sum())
    return np.array(found)


def _contextual(
    kind: str, settings: dict[str, Any], seed: int, x: np.ndarray, devices: np.ndarray, earned: np.ndarray
) -> np.ndarray:
    config = ModeConfig.model_validate({"type": kind, "seed": seed, **settings})
    allocator = Allocator(config, {"a": 0.5, "b": 0.5}, "a")
    rng, chosen = np.random.default_rng([seed, 5]), np.zeros(REQUESTS, dtype=int)
    mode = allocator.mode
    for k in range(REQUESTS // INTERVAL):
        shares = list(allocator.advance(k).values())
        rows = []
        for i in range(k * INTERVAL, (k + 1) * INTERVAL):
            context: tuple[float | None, ...] = ()
            if isinstance(mode, ContextualMode):
                context = tuple(mode.context({"x": float(x[i]), "device": str(devices[i])}))
                shares = mode.probabilities(context)
            chosen[i] = int(rng.random() >= shares[0])
            rows.append(("ab"[chosen[i]], float(earned[i, chosen[i]]), context))
        allocator.learn(rows)
    return chosen


def row(name: str, values: np.ndarray, oracle: np.ndarray | None = None) -> str:
    error = 1.96 * values.std() / len(values) ** 0.5
    beside = "" if oracle is None else f"{values.mean() / oracle.mean() - 1:+.1%}"
    return f"| {name} | {values.mean():.1f} ± {error:.1f} | {beside} |"


def table(title: str, world: World, policies: dict[str, Policy], streams: int, oracle: str = "") -> None:
    print(
        f"\n**{title}: {world.name}** ({streams} streams)\n\n| policy | regret | against MABWiser |\n|---|---|---|"
    )
    done = {name: regret(policy, world, streams) for name, policy in policies.items()}
    for name, values in done.items():
        print(row(name, values, done.get(oracle) if oracle and name != oracle else None))
    sys.stdout.flush()


def main() -> None:
    began = time.process_time()
    ts, quick = "MABWiser Thompson sampling", {"draws": 1024}
    free, bounded = ours("thompson", FREE, **quick), ours("thompson", BOUNDED, **quick)
    table("Easy", EASY, {
        ts: mabwiser("ThompsonSampling"), "thompson, no floors": free, "thompson, default floors and step": bounded,
        "epsilon_greedy, 10%, no floors": ours("epsilon_greedy", FREE), "ucb, no floors": ours("ucb", FREE), "even split": uniform,
    }, STREAMS, ts)  # fmt: skip
    print("\nMABWiser's own epsilon-greedy (10%) and UCB1 (alpha 1), on the first 300 of these streams:",
          f"{regret(mabwiser('EpsilonGreedy', epsilon=0.1), EASY, 300).mean():.1f},",
          f"{regret(mabwiser('UCB1', alpha=1), EASY, 300).mean():.1f}")  # fmt: skip
    table(
        "Close",
        CLOSE,
        {ts: mabwiser("ThompsonSampling"), "thompson, no floors": free, "even split": uniform},
        STREAMS,
        ts,
    )
    table(
        "Rare",
        RARE,
        {ts: mabwiser("ThompsonSampling"), "thompson, no floors": free, "even split": uniform},
        STREAMS,
        ts,
    )
    others = {
        "thompson": ours("thompson", FREE, **quick), "epsilon_greedy": ours("epsilon_greedy", FREE),
        "ucb": ours("ucb", FREE), "even split": uniform,
    }  # fmt: skip
    table("Numbers", NUMBERS, others, STREAMS)
    table("Delayed", LATE, others, STREAMS)
    unequal = {"thompson": others["thompson"], "Thompson sampling that counts early successes": early}
    table("Unequal delays", UNEQUAL, unequal, STREAMS)
    fading = ours("thompson", BOUNDED | FADING, **quick)
    table("Turning", TURNING, {**others, "thompson, default floors and step": bounded,
                               "the same, half_life of 3 intervals": fading}, STREAMS)  # fmt: skip
    print(
        "\n**Context: the better arm depends on one number** (40 streams)\n\n| policy | regret | |\n|---|---|---|"
    )
    named = {"features": {"x": "number", "device": ["phone", "web"]}}
    print(row("linear, thompson, step 50%", context_regret("linear", 40, FREE | {"step": 0.5}, **named)))
    print(
        row(
            "linear, ucb, step 50%",
            context_regret("linear", 40, FREE | {"step": 0.5}, policy="ucb", **named),
        )
    )
    print(row("thompson, without context", context_regret("thompson", 40, FREE, **quick)))
    print(row("even split", context_regret(None, 40, {})))
    print(f"\n{time.process_time() - began:.0f} s of CPU")


if __name__ == "__main__":
    main()
