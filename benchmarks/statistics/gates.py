"""How often the gates bless and refuse, by seeded simulation with known truth, before and now.

Usage: ``python benchmarks/statistics/gates.py``. Prints Markdown tables; takes under two minutes on one core.

Two models are fitted on different weeks of the same process and compared on one test split, as in a weekly retrain. The
candidate is made worse by noise on its scores, as much as costs the AUC that a row names. Metrics, jackknife and
intervals are recomputed here with NumPy; ``components.evaluation_gate.gate.decide`` decides. "Before" is the rule that
held each slice's own value, or the worse end of its interval, against the bound.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Earlier, Measured, SliceResult, decide
from components.evaluation_gate.questions import losses_of, plus

Array = Any
GROUPS = 20
T = 2.093
"""Quantile 0.975 of Student's t with 19 degrees of freedom."""
ROWS = 2400
TRAIN = 8400
COUNTRIES = {
    "US": 0.2,
    "BR": 0.16,
    "DE": 0.12,
    "IN": 0.11,
    "MX": 0.09,
    "FR": 0.08,
    "JP": 0.07,
    "GB": 0.06,
    "PL": 0.05,
}
OTHERS = {"TR": 0.04, "KE": 0.015, "NZ": 0.005}
SLICES = {
    "country": {**COUNTRIES, **OTHERS},
    "device": {"android": 0.52, "ios": 0.30, "web": 0.18},
    "plan": {"free": 0.74, "plus": 0.19, "family": 0.07},
}
"""Feature → shares of its values, those of ``examples/learner_retention``: 15 slices of 100 rows or more."""
MARGIN = 0.01
STEADY, UNSTEADY = 0.0, 0.02
"""AUC that each model loses by its own noise: none for a stable fit, some for one that differs from seed to seed."""


@dataclass(frozen=True)
class Rows:
    """Test rows: features [n, d], labels [n], groups [n], and which rows are in which slice."""

    features: Array
    labels: Array
    groups: Array
    slices: dict[str, Array]


def week(rng: np.random.Generator, count: int) -> Rows:
    """Returns rows of one process: eight numbers, three categories, a curved effect that no linear model has."""
    values = {name: rng.choice(len(s), count, p=list(s.values())) for name, s in SLICES.items()}
    numbers = rng.normal(size=(count, 8))
    effects = np.array([0.9, 0.7, -0.6, 0.4, 0.3, -0.2, 0.1, 0.5])
    logit = numbers @ effects + 0.4 * np.sin(2 * numbers[:, 0]) - 0.3
    logit += np.resize([0.3, -0.2, 0.1, 0.0, -0.4, 0.5], len(SLICES["country"]))[values["country"]]
    labels = (rng.random(count) < 1 / (1 + np.exp(-logit))).astype(float)
    hot = [np.eye(len(shares))[values[name]][:, 1:] for name, shares in SLICES.items()]
    features = np.concatenate([np.ones((count, 1)), numbers, numbers[:, :4] ** 2, *hot], axis=1)
    inside = {
        f"{name}={value}": values[name] == i
        for name, shares in SLICES.items()
        for i, value in enumerate(shares)
    }
    return Rows(features, labels, rng.integers(0, GROUPS, count), {"overall": np.full(count, True), **inside})


def fitted(rows: Rows) -> Array:
    """Returns the weights of a logistic regression with a small penalty, by Newton's method."""
    weights = np.zeros(rows.features.shape[1])
    for _ in range(6):
        p = 1 / (1 + np.exp(-rows.features @ weights))
        curvature = (rows.features * (p * (1 - p))[:, None]).T @ rows.features + np.eye(len(weights))
        weights += np.linalg.solve(curvature, rows.features.T @ (rows.labels - p) - weights)
    return weights


def auc_samples(scores: Array, labels: Array, groups: Array) -> Array:
    """Returns [1 + GROUPS] areas: over all rows, then with each group left out."""
    order = np.argsort(scores)
    label, group = labels[order], groups[order]
    below = np.zeros((len(label), GROUPS))
    below[np.arange(len(label)), group] = 1 - label
    below = np.cumsum(below, axis=0)
    wins = np.zeros((GROUPS, GROUPS))
    np.add.at(wins, group[label == 1], below[label == 1])
    positive, negative = (np.bincount(groups, weights, GROUPS) for weights in (labels, 1 - labels))
    left = wins.sum() - wins.sum(0) - wins.sum(1) + np.diag(wins)
    pairs = (positive.sum() - positive) * (negative.sum() - negative)
    every = positive.sum() * negative.sum()
    whole = wins.sum() / every if every else np.nan
    return np.concatenate([[whole], left / np.where(pairs > 0, pairs, np.nan)])


def calibration_samples(scores: Array, labels: Array, groups: Array) -> Array:
    """Returns [1 + GROUPS] calibrations: over all rows, then with each group left out."""
    predicted, actual = (np.bincount(groups, w, GROUPS) for w in (1 / (1 + np.exp(-scores)), labels))
    sums = np.concatenate([[predicted.sum()], predicted.sum() - predicted])
    return sums / np.concatenate([[actual.sum()], actual.sum() - actual])


SAMPLES: dict[str, Callable[[Array, Array, Array], Array]] = {
    "auc": auc_samples,
    "calibration": calibration_samples,
}


def measured(samples: Array) -> Measured:
    """Returns a value with its jackknife error and Student's interval."""
    deviations = (samples[1:] - samples[0]) * (GROUPS - 1)
    error = float(np.sqrt(deviations.var() / (GROUPS - 1)))
    value = float(samples[0])
    return Measured(value, value - T * error, value + T * error, error, GROUPS - 1)


def compared(
    rows: Rows, candidate: Array, baseline: Array, metrics: Sequence[str] = ("auc",)
) -> list[SliceResult]:
    """Returns what Evaluator measures of two models' scores, overall first."""
    results = []
    for name, inside in rows.slices.items():
        labels, groups = rows.labels[inside], rows.groups[inside]
        own, base = (
            {m: SAMPLES[m](scores[inside], labels, groups) for m in metrics}
            for scores in (candidate, baseline)
        )
        results.append(
            SliceResult(
                slicing=name.partition("=")[0],
                name=name,
                rows=int(inside.sum()),
                unlabelled=0,
                candidate={m: measured(own[m]) for m in metrics},
                baseline={m: measured(base[m]) for m in metrics},
                change={m: measured(own[m] - base[m]) for m in metrics},
                groups=GROUPS,
                positives=int(labels.sum()),
                negatives=int((1 - labels).sum()),
            )
        )
    return results


class Process:
    """The process, its best fit, and how much noise on the scores costs how much AUC.

    Args:
        seed: Seed of everything.
    """

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        many = week(self.rng, 100_000)
        self._scores = many.features @ fitted(week(self.rng, TRAIN))
        self._labels, self._noise = many.labels, self.rng.normal(size=len(many.labels))
        self._one = np.zeros(len(many.labels), int)
        self.best = self._auc(0.0)

    def _auc(self, noise: float) -> float:
        scores = self._scores + noise * self._noise
        order = np.argsort(scores)
        label = self._labels[order]
        wins = (np.cumsum(1 - label) * label).sum()
        return float(wins / (label.sum() * (1 - label).sum()))

    def noise(self, loss: float) -> float:
        """Returns the standard deviation of noise on the scores that costs a loss of AUC."""
        low, high = 0.0, 4.0
        for _ in range(20):
            middle = (low + high) / 2
            low, high = (middle, high) if self.best - self._auc(middle) < loss else (low, middle)
        return low if loss else 0.0

    def pairs(
        self, reps: int, loss: float, own: float, inside: str = "overall", **more: Any
    ) -> Iterator[list[SliceResult]]:
        """Yields comparisons of a candidate that loses ``loss`` on the rows of a slice, both losing ``own`` by noise."""
        usual, worse = self.noise(own), self.noise(own + loss)
        for _ in range(reps):
            rows = week(self.rng, ROWS)
            old, new = (rows.features @ fitted(week(self.rng, TRAIN)) for _ in range(2))
            noise = np.where(rows.slices[inside], worse, usual)
            old, new = old + usual * self.rng.normal(size=ROWS), new + noise * self.rng.normal(size=ROWS)
            yield compared(rows, new, old, **more)


def before(results: list[SliceResult], margin: float, on_interval: bool) -> bool:
    """Returns whether the earlier rule refused: each slice's own difference, or the worse end of its interval."""
    ends = [r.change["auc"].low if on_interval else r.change["auc"].value for r in results if r.rows >= 100]
    return any(-end > margin for end in ends)


def gates(metric: str = "auc", slices: bool = True, overall: bool = True, **gate: Any) -> EvaluateConfig:
    """Returns a document's gate on one metric."""
    where = [*(["overall"] if overall else []), *(SLICES if slices else [])]
    return EvaluateConfig(metrics=[metric], slices=list(SLICES), gates={metric: {**gate, "slices": where}})


def share(found: Sequence[bool]) -> str:
    return f"{100 * sum(found) / len(found):.1f}%"


def comparisons(process: Process, reps: int) -> Iterator[str]:
    """Yields the table of models that are equal, and worse by parts of the margin."""
    margin = {"not_worse_than_blessed_by": MARGIN}
    ways = {
        "now": gates(**margin),
        "now, on_interval": gates(**margin, on_interval=True),
        "now, overall alone": gates(**margin, slices=False),
    }
    yield (
        "| models | true loss of AUC | error of the difference | before | before, on_interval | "
        + " | ".join(ways)
        + " |"
    )
    yield "|---" * (5 + len(ways)) + "|"
    for kind, own in (("stable fit", STEADY), ("unstable fit", UNSTEADY)):
        for loss in (0.0, MARGIN / 2, MARGIN, 2 * MARGIN):
            drawn = list(process.pairs(reps, loss, own))
            error = np.mean([r[0].change["auc"].error for r in drawn])
            cells = [share([before(r, MARGIN, on) for r in drawn]) for on in (False, True)]
            cells += [share([not decide(config, r).blessed for r in drawn]) for config in ways.values()]
            yield f"| {kind} | {loss:g} | {error:.4f} | {' | '.join(cells)} |"


def one_slice(process: Process, reps: int) -> Iterator[str]:
    """Yields the table of models that are worse in one slice alone."""
    config = gates(not_worse_than_blessed_by=MARGIN)
    alone = gates(not_worse_than_blessed_by=MARGIN, slices=False)
    yield "| worse only in | rows there | true loss there | refused | of these overall alone |"
    yield "|---|---|---|---|---|"
    for name, rows in (("plan=free", 0.74), ("country=US", 0.2), ("country=FR", 0.08)):
        for loss in (0.02, 0.05, 0.1):
            drawn = list(process.pairs(reps, loss, STEADY, inside=name))
            cells = [share([not decide(way, r).blessed for r in drawn]) for way in (config, alone)]
            yield f"| {name} | {rows * ROWS:.0f} | {loss:g} | {' | '.join(cells)} |"


def absolute_slices(process: Process, reps: int) -> Iterator[str]:
    """Yields the table of absolute bounds over slices."""
    yield "| AUC of the model | at_least, in each slice | before | before, on_interval | now | now, on_interval |"
    yield "|---|---|---|---|---|---|"
    drawn = list(process.pairs(reps, 0.0, STEADY))
    for bound in (0.75, 0.79, 0.80):
        lows = [
            [(s.candidate["auc"].value, s.candidate["auc"].low) for s in r if s.rows >= 100] for r in drawn
        ]
        cells = [share([any(pair[i] < bound for pair in pairs) for pairs in lows]) for i in (0, 1)]
        for on in (False, True):
            config = gates(at_least=bound, on_interval=on)
            cells.append(share([not decide(config, r).blessed for r in drawn]))
        yield f"| {process.best:.3f} | {bound:g} | {' | '.join(cells)} |"


def calibrations(process: Process, reps: int) -> Iterator[str]:
    """Yields the table of calibration, whose ideal value is 1."""
    yield "| candidate | before, on_interval | now | now, on_interval |"
    yield "|---|---|---|---|"
    margin = 0.02
    ways = [
        gates("calibration", False, not_worse_than_blessed_by=margin, on_interval=on) for on in (False, True)
    ]
    for name, factor in (
        ("the blessed model itself", None),
        ("retrained", 0.0),
        ("further from 1 by 0.04", 0.04),
    ):
        drawn, old_rule = [], []
        for _ in range(reps):
            rows = week(process.rng, ROWS)
            rows.slices.clear()
            rows.slices["overall"] = np.full(ROWS, True)
            old = rows.features @ fitted(week(process.rng, TRAIN)) + 0.15
            new = old if factor is None else rows.features @ fitted(week(process.rng, TRAIN)) + 0.15
            new = new + (0.105 if factor else 0.0)
            found = compared(rows, new, old, metrics=("calibration",))
            drawn.append(found)
            own, base = found[0].candidate["calibration"], found[0].baseline["calibration"]
            old_rule.append(max(abs(own.low - 1), abs(own.high - 1)) - abs(base.value - 1) > margin)
        cells = [share([not decide(way, r).blessed for r in drawn]) for way in ways]
        yield f"| {name} | {share(old_rule)} | {' | '.join(cells)} |"


def border(reps: int, seed: int) -> Iterator[str]:
    """Yields the table of absolute bounds on the interval, with models at the bound and below it."""
    from components.evaluator.intervals import Evidence, interval

    rng = np.random.default_rng(seed)
    yield "| metric | bound | truth | rows | blessed before | blessed now |"
    yield "|---|---|---|---|---|---|"
    cases = [
        ("accuracy", 0.99, 0.99, 100),
        ("accuracy", 0.99, 0.98, 100),
        ("accuracy", 0.99, 0.99, 1000),
        ("accuracy", 0.99, 0.995, 1000),
        ("accuracy", 0.9, 0.9, 300),
        ("accuracy", 0.9, 0.94, 300),
        ("recall", 0.95, 0.95, 200),
        ("recall", 0.95, 0.93, 200),
        ("recall", 0.95, 0.98, 200),
    ]
    for metric, bound, truth, rows in cases:
        config = EvaluateConfig(metrics=[metric], gates={metric: {"at_least": bound, "on_interval": True}})
        then, now = [], []
        for _ in range(reps):
            right = (rng.random(rows) < truth).astype(float)
            groups = rng.integers(0, GROUPS, rows)
            hits, counts = np.bincount(groups, right, GROUPS), np.bincount(groups, minlength=GROUPS)
            left = (hits.sum() - hits) / (rows - counts)
            samples = np.concatenate([[right.mean()], left])
            old = measured(samples)
            then.append(old.low >= bound)
            ends = interval("share", samples, Evidence(rows, rows, trials=rows))
            own = Measured(old.value, *ends, old.error, old.freedom)
            counted = {"positives": rows, "negatives": rows} if metric == "recall" else {}
            given = SliceResult("overall", "overall", rows, 0, {metric: own}, **counted)
            now.append(decide(config, [given]).blessed)
        yield f"| {metric} | {bound:g} | {truth:g} | {rows:,} | {share(then)} | {share(now)} |"
    for truth in (0.8, 0.9):
        yield from _border_of_areas(truth, rng, reps // 4)


def _border_of_areas(truth: float, rng: np.random.Generator, reps: int, rows: int = 150) -> Iterator[str]:
    """Yields the row of an AUC that truly is at its bound, with 30 positives of 150 rows; scores are normal."""
    from scipy.special import ndtri

    from components.evaluator.intervals import Evidence, interval

    config = EvaluateConfig(metrics=["auc"], gates={"auc": {"at_least": truth, "on_interval": True}})
    labels = (np.arange(rows) < rows // 5).astype(float)
    counted = {"positives": int(labels.sum()), "negatives": int((1 - labels).sum())}
    then, now = [], []
    for _ in range(reps):
        scores = rng.normal(size=rows) + math.sqrt(2) * float(ndtri(truth)) * labels
        samples = auc_samples(scores, labels, rng.permutation(rows) % GROUPS)
        old = measured(samples)
        then.append(old.low >= truth)
        own = Measured(old.value, *interval("area", samples, Evidence(rows, rows, **counted)), old.error, 19)
        now.append(
            decide(config, [SliceResult("overall", "overall", rows, 0, {"auc": own}, **counted)]).blessed
        )
    yield f"| auc | {truth:g} | {truth:g} | {rows:,} | {share(then)} | {share(now)} |"


def small_losses(reps: int, seed: int, weeks: int = 20) -> Iterator[str]:
    """Yields the table of a process that loses a little each week, by the errors of a weekly difference."""
    rng = np.random.default_rng(seed)
    yield "| true loss each week | error of the difference | against the last blessed alone: refused by week 10 | week 20 | lost by then | against the best of the last 10: by week 10 | week 20 | lost by then |"
    yield "|---" * 8 + "|"
    for error in (0.0015, 0.003):
        for step in (0.0, 0.002, 0.004, 0.006):
            cells = []
            for best_of in (1, 10):
                config = EvaluateConfig(
                    metrics=["auc"],
                    gates={"auc": {"not_worse_than_blessed_by": MARGIN, "best_of_last": best_of}},
                )
                stops = [_refused_at(config, rng, step, error, weeks) for _ in range(reps)]
                lost = np.mean([step * stop for stop in stops])
                cells += [share([s <= 10 for s in stops]), share([s <= weeks for s in stops]), f"{lost:.3f}"]
            yield f"| {step:g} | {error:g} | {' | '.join(cells)} |"


def _refused_at(
    config: EvaluateConfig, rng: np.random.Generator, step: float, error: float, weeks: int
) -> int:
    """Returns the first week whose model is refused, one after the last if none is."""
    earlier: list[Earlier] = []
    for number in range(1, weeks + 1):
        spread = error * math.sqrt(rng.chisquare(19) / 19)
        value = float(-step + error * rng.normal())
        change = Measured(value, value - T * spread, value + T * spread, spread, 19)
        counted = {"positives": 1000, "negatives": 1400}
        given = SliceResult(
            "overall",
            "overall",
            ROWS,
            0,
            {"auc": Measured(0.8)},
            {"auc": Measured(0.8)},
            {"auc": change},
            **counted,
        )
        if not decide(config, [given], earlier).blessed:
            return number
        losses = losses_of(given)
        added = [Earlier(e.model, e.run, {"auc": plus(e.losses["auc"], losses["auc"])}) for e in earlier]
        earlier = [Earlier(number, str(number), losses), *added][:20]
    return weeks + 1


def main() -> None:
    """Prints every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    process = Process(given.seed)
    tables = {
        "Refused, margin 0.01, 2,400 rows, overall, country, device and plan": lambda: comparisons(
            process, given.reps
        ),
        "A loss in one slice alone": lambda: one_slice(process, given.reps // 2),
        "Refused for an absolute bound over slices": lambda: absolute_slices(process, given.reps),
        "Refused for calibration, margin 0.02": lambda: calibrations(process, given.reps),
        "Blessed on the interval, at the border": lambda: border(10 * given.reps, given.seed),
        "Many small losses, margin 0.01": lambda: small_losses(given.reps // 2, given.seed),
    }
    for title, table in tables.items():
        if given.only.lower() in title.lower():
            print(f"\n### {title}\n", flush=True)
            for line in table():
                print(line, flush=True)


if __name__ == "__main__":
    main()
