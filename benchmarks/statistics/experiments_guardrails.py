"""How often guardrails take an innocent arm out, and after how many requests a bad one: both layers, known truth.

Run as ``python benchmarks/statistics/experiments_guardrails.py``; prints Markdown tables.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from serving.experiments.guardrails.bets import STAKES
from serving.experiments.guardrails.breaker import Breaker
from serving.experiments.guardrails.comparison import spending
from serving.experiments.guardrails.config import GuardrailsConfig
from serving.experiments.guardrails.failures import Fault
from serving.experiments.guardrails.reward import reward_reason
from serving.experiments.state.store import Matured
from serving.experiments.statistics.config import PlannedConfig
from serving.experiments.statistics.design import Design
from serving.experiments.statistics.evidence import Evidence
from serving.experiments.statistics.rates import RateDifference

EXPERIMENTS = 1000
SHARE = 0.1
"""The arm's share of requests, as in a first ramp."""


@dataclass(frozen=True)
class Found:
    """How often an arm was taken out, and when.

    Attributes:
        share: Of the experiments.
        median: Requests of both arms until then, among those; NaN if there are none.
    """

    share: float
    median: float


def _found(at: np.ndarray) -> Found:
    out = at[at > 0]
    return Found(len(out) / len(at), float(np.median(out)) if len(out) else math.nan)


def streams(
    q: float, p0: float, p1: float, experiments: int, units: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether the arm got each unit, and whether it went badly; shape [experiments, units]."""
    rng = np.random.default_rng([seed, 11])
    arm = rng.random((experiments, units)) < q
    return arm, rng.random((experiments, units)) < np.where(arm, p1, p0)


def layer_two(
    q: float, p0: float, p1: float, *, margin: float, alpha: float, experiments: int = EXPERIMENTS, units: int = 20_000,
    seed: int = 0, swing: float = 0.0,
) -> Found:  # fmt: skip
    """Returns how often the comparison takes the arm out, looked at after each unit: ``Bets``, vectorised.

    Args:
        q: The arm's share.
        p0: Control's rate.
        p1: The arm's rate.
        margin: By how much it may exceed control's.
        alpha: The allowed chance of a false alarm.
        experiments: How many.
        units: Units of both arms.
        seed: Of the streams.
        swing: Added to both rates, and the arm's share is nine times as large, in the second half.
    """
    rng = np.random.default_rng([seed, 11])
    at = np.zeros(experiments, dtype=int)
    logs = np.zeros((len(STAKES), experiments))
    for i in range(units):
        late = swing and i >= units // 2
        share, more = (9 * q, swing) if late else (q, 0.0)
        arm = rng.random(experiments) < share
        bad = rng.random(experiments) < np.where(arm, p1 + more, p0 + more)
        largest = 1.0 / (margin + 1.0 / (1 - share))
        gain = np.where(bad, np.where(arm, 1 / share, -1 / (1 - share)), 0.0) - margin
        logs += np.log1p(np.outer(STAKES, largest * gain))
        if i % 10 == 9:
            top = logs.max(axis=0)
            evidence = top + np.log(np.exp(logs - top).mean(axis=0))
            at[(evidence >= math.log(2 / alpha)) & (at == 0)] = i + 1  # the first book has half of alpha
    return _found(at)


def same_units_each_hour(experiments: int, units: int, hours: int, alpha: float) -> tuple[float, float]:
    """Returns how often innocent arms are taken out where 10% of the units are slow in every hour, and all come each hour.

    Returns:
        With evidence of its own for each hour, as it is; and if the hours' evidence were added up. No margin.
    """
    rng = np.random.default_rng(15)
    arm, slow = rng.random((experiments, units)) < 0.5, rng.random((experiments, units)) < 0.1
    honest, added = np.zeros(experiments, dtype=bool), np.zeros(experiments, dtype=bool)
    whole = np.zeros((len(STAKES), experiments))
    for hour in range(1, hours + 1):
        order = rng.permuted(np.tile(np.arange(units), (experiments, 1)), axis=1)
        gain = np.where(slow, np.where(arm, 2.0, -2.0), 0.0)
        steps = np.log1p(np.array(STAKES)[:, None, None] * 0.5 * np.take_along_axis(gain, order, axis=1))
        logs = steps.cumsum(axis=2)
        honest |= _largest(logs) >= math.log(2 / alpha) + spending(hour)
        added |= _largest(whole[:, :, None] + logs) >= math.log(1 / alpha)
        whole += logs[:, :, -1]
    return float(honest.mean()), float(added.mean())


def _largest(logs: np.ndarray) -> np.ndarray:
    """Returns the largest evidence of each experiment; ``logs`` have shape [stakes, experiments, units]."""
    top = logs.max(axis=0)
    found: np.ndarray = (top + np.log(np.exp(logs - top).mean(axis=0))).max(axis=1)
    return found


def by_rates(
    q: float, p0: float, p1: float, *, margin: float, alpha: float, experiments: int, units: int
) -> Found:
    """Returns the same for the beta-mixture sequence of the verdict, looked at every 50 units."""
    arm, bad = streams(q, p0, p1, experiments, units, 0)
    at = np.zeros(experiments, dtype=int)
    for e in range(experiments):
        rates = RateDifference()
        for i in range(0, units, 50):
            a, b = arm[e, i : i + 50], bad[e, i : i + 50]
            rates.add(True, int(b[a].sum()), int(a.sum()))
            rates.add(False, int(b[~a].sum()), int((~a).sum()))
            if rates.exceeds(margin, alpha):
                at[e] = i + 50
                break
    return _found(at)


def breaker_stops(
    p0: float, p1: float, failures: int, requests: int, experiments: int, q: float = SHARE
) -> Found:
    """Returns how often, and after how many requests of both arms, a row of failures takes the arm out."""
    config = GuardrailsConfig.model_validate({"failures_in_a_row": failures})
    arm, bad = streams(q, p0, p1, experiments, requests, 3)
    at = np.zeros(experiments, dtype=int)
    for e in range(experiments):
        breaker = Breaker(config, "old")
        for i in np.flatnonzero(
            arm[e] | (np.arange(requests) % 5 == 0)
        ).tolist():  # control's are thinned out
            mine, wrong = bool(arm[e, i]), bool(bad[e, i])
            breaker.take(
                "new" if mine else "old",
                i.to_bytes(4, "big"),
                i,
                Fault.ARM if wrong else Fault.NONE,
                "",
                None,
            )
            if mine and wrong and breaker.reason("new"):
                at[e] = i + 1
                break
    return _found(at)


def layer_one(p: float, failures: int, requests: int, experiments: int) -> float:
    """Returns how often a row of failures takes an arm out that fails as often as control, in so many of its requests."""
    config = GuardrailsConfig.model_validate({"failures_in_a_row": failures})
    bad = np.random.default_rng([1, 12]).random((experiments, requests)) < p
    stopped = 0
    for row in bad.tolist():
        breaker = Breaker(config, "old")
        for at, wrong in enumerate(row):
            breaker.take("new", at.to_bytes(4, "big"), at, Fault.ARM if wrong else Fault.NONE, "", None)
            if wrong and breaker.reason("new"):
                stopped += 1
                break
    return stopped / experiments


def nan_window(p: float, most: float, answers: int, experiments: int) -> Found:
    """Returns how often, and after how many answers of the arm, the share of NaN takes it out; control has none."""
    bad = np.random.default_rng([2, 13]).random((experiments, answers)) < p
    at = np.zeros(experiments, dtype=int)
    for e, row in enumerate(bad.tolist()):
        breaker = Breaker(GuardrailsConfig.model_validate({"nan_share": most}), "old")
        for i, broken in enumerate(row):
            breaker.take("new", b"", i, Fault.NONE, "", broken)
            if broken and breaker.reason("new"):
                at[e] = i + 1
                break
    return _found(at)


def reward_guard(p0: float, p1: float, allowance: float, alpha: float, experiments: int, units: int) -> Found:
    """Returns how often the guardrail on rewards takes an arm out, looked at every 100 units: its real code."""
    shares, at = {"old": 0.5, "new": 0.5}, np.zeros(experiments, dtype=int)
    for e in range(experiments):
        evidence = Evidence(Design(("old", "new"), "old", planned=PlannedConfig(units=units)))
        rng = np.random.default_rng([e, 14])
        arms = rng.random(units) < 0.5
        earned = rng.random(units) < np.where(arms, p1, p0)
        for i in range(0, units, 100):
            pairs = zip(arms[i : i + 100].tolist(), earned[i : i + 100].tolist(), strict=True)
            evidence.take(
                [
                    Matured("k", "new" if a else "old", 0.5, shares, 1, 0, 0.0, None, float(y))
                    for a, y in pairs
                ]
            )
            if reward_reason(evidence, "new", allowance, alpha):
                at[e] = i + 100
                break
    return _found(at)


def main() -> None:
    began = time.process_time()
    print(
        f"**Circuit breaker, false alarms** ({EXPERIMENTS} arms that fail as often as control; 2,000 requests to the arm)\n"
    )
    print("| failures of both | 5 in a row | 8 in a row |\n|---|---|---|")
    for p in (0.01, 0.05, 0.1, 0.2, 0.3):
        print(
            f"| {p:.0%} | {layer_one(p, 5, 2000, EXPERIMENTS):.1%} | {layer_one(p, 8, 2000, EXPERIMENTS):.1%} |"
        )
    print(
        "\n**Circuit breaker, time to detection** (5 in a row; the arm has 10% of the requests; control fails 1%; 2,000 requests)\n"
    )
    print("| the arm fails | taken out | median requests of both | of the arm |\n|---|---|---|---|")
    for p in (1.0, 0.8, 0.5, 0.2):
        found = breaker_stops(0.01, p, 5, 2000, 300)
        print(f"| {p:.0%} | {found.share:.1%} | {found.median:.0f} | {found.median * SHARE:.0f} |")
    print(
        "\n**NaN share over 20% of the last 50** (2,000 answers of the arm)\n\n| NaN in | taken out | median answers |\n|---|---|---|"
    )
    for p in (0.02, 0.05, 0.1, 0.15, 0.5, 1.0):
        found = nan_window(p, 0.2, 2000, 300)
        print(f"| {p:.0%} | {found.share:.1%} | {found.median:.0f} |")
    print(
        f"\n**Comparison with control, false alarms** ({EXPERIMENTS} experiments, 20,000 units, looked at every 10; margin 1%)\n"
    )
    print("| control | arm | arm's share | alpha | taken out |\n|---|---|---|---|---|")
    for p0, p1, q, alpha, swing in (
        (0.001, 0.001, 0.1, 0.05, 0), (0.001, 0.011, 0.1, 0.05, 0), (0.02, 0.03, 0.1, 0.05, 0), (0.1, 0.11, 0.1, 0.05, 0),
        (0.1, 0.11, 0.5, 0.05, 0), (0.02, 0.03, 0.1, 0.01, 0), (0.02, 0.03, 0.1, 0.05, 0.2),
    ):  # fmt: skip
        found = layer_two(q, p0, p1, margin=0.01, alpha=alpha, swing=swing)
        said = (
            f"{p0:.1%} | {p1:.1%} | {q:.0%}"
            if not swing
            else f"{p0:.0%}, then {p0 + swing:.0%} | {p1:.0%}, then {p1 + swing:.0%} | 10%, then 90%"
        )
        print(f"| {said} | {alpha:.0%} | {found.share:.1%} |")
    print(
        "\n**Comparison with control, time to detection** (alpha 1%, margin 1%; 200 experiments, 20,000 units; median units of both arms; 40 experiments for the beta mixture)\n"
    )
    print("| control | arm | arm's share | by betting | beta mixture |\n|---|---|---|---|---|")
    for p0, p1, q in (
        (0, 1.0, 0.1),
        (0.001, 0.2, 0.1),
        (0.01, 0.1, 0.1),
        (0.01, 0.05, 0.1),
        (0.01, 0.05, 0.5),
        (0.01, 0.03, 0.5),
    ):
        bets = layer_two(q, p0, p1, margin=0.01, alpha=0.01, experiments=200)
        rates = by_rates(q, p0, p1, margin=0.01, alpha=0.01, experiments=40, units=20_000)
        print(f"| {p0:.1%} | {p1:.0%} | {q:.0%} | {said_of(bets)} | {said_of(rates)} |")
    print(
        "\n**An arm that goes bad late** (alpha 1%, margin 1%, arm's share 10%; median units of both since the hour began, 200 experiments)\n"
    )
    print("| control | arm | in the 24th hour | in the 720th |\n|---|---|---|---|")
    for p0, p1 in ((0, 1.0), (0.001, 0.2), (0.01, 0.1)):
        late = [
            layer_two(
                0.1, p0, p1, margin=0.01, alpha=0.01 * math.exp(-spending(hour)), experiments=200, units=5000
            )
            for hour in (24, 720)
        ]
        print(f"| {p0:.1%} | {p1:.0%} | {said_of(late[0])} | {said_of(late[1])} |")
    print(
        "\n**The same units in every hour, 10% of them always slow** (1000 innocent arms, 200 units, 48 hours, alpha 5%, no margin)\n"
    )
    honest, added = same_units_each_hour(EXPERIMENTS, 200, 48, 0.05)
    print("| evidence | taken out |\n|---|---|")
    print(f"| of each hour by itself | {honest:.1%} |\n| of all hours, added up | {added:.1%} |")
    print(
        "\n**Guardrail on rewards of 0 and 1** (alpha 5%, 3 points less allowed; 200 experiments, 4,000 units, looked at every 100)\n"
    )
    print("| control | arm | taken out | median units of both |\n|---|---|---|---|")
    for p0, p1 in ((0.3, 0.3), (0.3, 0.27), (0.05, 0.02), (0.3, 0.2), (0.3, 0.1), (0.3, 0.0)):
        found = reward_guard(p0, p1, 0.03, 0.05, 200, 4000)
        print(
            f"| {p0:.0%} | {p1:.0%} | {found.share:.1%} | {'' if math.isnan(found.median) else f'{found.median:.0f}'} |"
        )
    print(f"\n{time.process_time() - began:.0f} s of CPU")


def said_of(found: Found) -> str:
    missed = "" if found.share == 1 else f" ({found.share:.0%} found)"
    return f"{found.median:.0f}{missed}" if found.share else "not found"


if __name__ == "__main__":
    main()
