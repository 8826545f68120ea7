"""How often the 95% intervals of metrics hold the truth, against simulations whose truth is known.

``python benchmarks/statistics/intervals.py`` prints a Markdown table. ``before`` is what intervals were: Student's t with a
jackknife over 20 groups that a hash of each row's ``_id`` gave.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from components.evaluator import scores
from components.evaluator.values import SliceValues

SEED = 11
OLD_GROUPS = 20


@dataclass(frozen=True)
class Rows:
    """Labels and predictions, each [n], and the [n] user of each row; for a difference, a second model's predictions."""

    labels: np.ndarray
    predictions: np.ndarray
    users: np.ndarray
    others: np.ndarray | None = None


@dataclass(frozen=True)
class Case:
    """One simulation: a metric whose true value is known.

    Attributes:
        text: What is simulated.
        metric: The metric.
        task: Its task.
        truth: Its true value.
        draw: Draws the rows of one repetition.
        repeats: How often.
    """

    text: str
    metric: str
    task: str
    truth: float
    draw: Callable[[np.random.Generator], Rows]
    repeats: int = 2000


def _mixed(rng: np.random.Generator, users: int, rows: int, share: float) -> np.ndarray:
    """Returns [users · rows] standard normal numbers of which those of one user correlate by ``share``."""
    own, each = rng.normal(size=(users, 1)), rng.normal(size=(users, rows))
    return (math.sqrt(share) * own + math.sqrt(1 - share) * each).ravel()


def _users(users: int, rows: int) -> np.ndarray:
    return np.repeat(np.arange(users), rows)


def accuracy(users: int, rows: int, share: float, truth: float) -> Case:
    """Returns rows that are right or wrong, users being right more or less often."""

    def draw(rng: np.random.Generator) -> Rows:
        right = (_mixed(rng, users, rows, share) < ndtri(truth)).astype(float)
        labels = (rng.random(users * rows) < 0.5).astype(float)
        return Rows(labels, np.where(right == 1, labels, 1 - labels), _users(users, rows))

    return Case(f"accuracy {truth:g}", "accuracy", "binary", truth, draw)


def area(users: int, rows: int, share: float, truth: float, positive: float, repeats: int = 1000) -> Case:
    """Returns scores of two normal distributions, whose area is known; labels and scores of a user correlate."""

    def draw(rng: np.random.Generator) -> Rows:
        labels = (_mixed(rng, users, rows, share) < ndtri(positive)).astype(float)
        score = labels * ndtri(truth) * math.sqrt(2) + _mixed(rng, users, rows, share)
        return Rows(labels, ndtr(score), _users(users, rows))

    return Case(f"AUC {truth:g}, {positive:.0%} positive", "auc", "binary", truth, draw, repeats)


def calibration(users: int, rows: int, share: float, positive: float) -> Case:
    """Returns labels drawn from the very probabilities that are predicted."""

    def draw(rng: np.random.Generator) -> Rows:
        known = ndtri(positive) * math.sqrt(1.5) + 0.7 * _mixed(rng, users, rows, share)
        labels = (known + _mixed(rng, users, rows, share) > 0).astype(float)
        return Rows(labels, ndtr(known), _users(users, rows))

    return Case(f"calibration, {positive:.0%} positive", "calibration", "binary", 1.0, draw)


def error(
    text: str,
    metric: str,
    truth: float,
    users: int,
    rows: int,
    draw: Callable[[np.random.Generator], np.ndarray],
) -> Case:
    """Returns predictions that are wrong by what ``draw`` gives, [users · rows]."""

    def rows_of(rng: np.random.Generator) -> Rows:
        wrong = draw(rng)
        return Rows(np.zeros(len(wrong)), wrong, _users(users, rows))

    return Case(text, metric, "regression", truth, rows_of)


def difference(metric: str, users: int, rows: int, share: float, repeats: int = 1000) -> Case:
    """Returns two models on the same rows, whose errors correlate by 0.8 and whose metric differs by a known amount."""

    def pair(rng: np.random.Generator, at: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
        common = _mixed(rng, users, rows, share)
        one, two = (math.sqrt(1 - at) * _mixed(rng, users, rows, share) for _ in range(2))
        return math.sqrt(at) * common + one, math.sqrt(at) * common + two

    def draw(rng: np.random.Generator) -> Rows:
        labels = (_mixed(rng, users, rows, share) < ndtri(0.3)).astype(float)
        first, second = pair(rng)
        if metric == "accuracy":
            right = [one < ndtri(at) for one, at in ((first, 0.82), (second, 0.8))]
            predictions = [np.where(one, labels, 1 - labels) for one in right]
        elif metric == "auc":
            predictions = [
                ndtr(labels * ndtri(at) * math.sqrt(2) + one) for one, at in ((first, 0.82), (second, 0.8))
            ]
        else:
            labels = np.zeros(users * rows)
            predictions = [first, second * 1.02]
        return Rows(labels, predictions[0], _users(users, rows), predictions[1])

    task = "regression" if metric == "rmse" else "binary"
    return Case(f"difference of {metric}", metric, task, -0.02 if metric == "rmse" else 0.02, draw, repeats)


def same(rows: int, differing: float) -> Case:
    """Returns two equally good models that differ on a few rows."""

    def draw(rng: np.random.Generator) -> Rows:
        labels = (rng.random(rows) < 0.5).astype(float)
        where = rng.random(rows)
        first, second = where < differing / 2, (where >= differing / 2) & (where < differing)
        predictions = [np.where(wrong, 1 - labels, labels) for wrong in (first, second)]
        return Rows(labels, predictions[0], _users(rows, 1), predictions[1])

    return Case(f"difference of accuracy, {differing:.0%} of rows differ", "accuracy", "binary", 0.0, draw)


def cases() -> Iterator[tuple[int, int, Case]]:
    """Yields users, rows of each, and the simulation."""
    for users, rows, share in ((500, 10, 0.5), (20, 50, 0.3)):
        yield users, rows, accuracy(users, rows, share, 0.8)
        yield users, rows, area(users, rows, share, 0.8, 0.3, 400 if users == 500 else 1000)
        yield users, rows, calibration(users, rows, share, 0.3)
        normal = lambda rng, u=users, r=rows, s=share: _mixed(rng, u, r, s)  # noqa: E731
        yield users, rows, error("RMSE, normal errors", "rmse", 1.0, users, rows, normal)
    yield 500, 10, accuracy(500, 10, 0.5, 0.99)
    for rows, truth in ((100, 0.99), (100, 0.98), (200, 0.95), (1000, 0.999), (2000, 0.8), (10, 0.9)):
        yield rows, 1, accuracy(rows, 1, 0.0, truth)
    for rows, truth, positive in ((50, 0.99, 0.4), (50, 0.8, 0.4), (200, 0.8, 0.05), (100, 0.95, 0.1)):
        yield rows, 1, area(rows, 1, 0.0, truth, positive)
    yield 200, 1, calibration(200, 1, 0.0, 0.1)
    yield 1000, 1, calibration(1000, 1, 0.0, 0.02)
    for users, rows, share in ((500, 10, 0.5), (20, 50, 0.3), (2000, 1, 0.0)):
        yield users, rows, difference("accuracy", users, rows, share)
        yield users, rows, difference("auc", users, rows, share, 300 if users > 20 else 1000)
        yield users, rows, difference("rmse", users, rows, share)
    for rows, differing in ((100, 0.02), (100, 0.05), (1000, 0.01)):
        yield rows, 1, same(rows, differing)
    for rows in (100, 1000):
        yield from ((rows, 1, case) for case in _heavy(rows))


def _heavy(rows: int) -> Iterator[Case]:
    yield error("MSE, normal errors", "mse", 1.0, rows, 1, lambda rng: rng.normal(size=rows))
    yield error("MSE, Laplace errors", "mse", 2.0, rows, 1, lambda rng: rng.laplace(size=rows))
    yield error(
        "MAE, log-normal errors (σ 1)", "mae", math.exp(0.5), rows, 1, lambda rng: rng.lognormal(size=rows)
    )
    yield error("MSE, t errors (5 d.f.)", "mse", 5 / 3, rows, 1, lambda rng: rng.standard_t(5, rows))
    yield error(
        "MSE, log-normal errors (σ 1)", "mse", math.exp(2), rows, 1, lambda rng: rng.lognormal(size=rows)
    )
    yield error("MSE, t errors (3 d.f.)", "mse", 3.0, rows, 1, lambda rng: rng.standard_t(3, rows))


def now(case: Case, rows: Rows, independent: bool) -> tuple[float, float]:
    """Returns the interval that the Evaluator writes."""
    groups = np.array([user % 1024 for user in rows.users])
    found = _measured(case, rows, rows.predictions, groups, independent)
    if rows.others is None:
        value = found.values()[case.metric]
    else:
        other = _measured(case, rows, rows.others, groups, independent)
        value = found.changes_from(other, same=False)[case.metric]
    return value.low, value.high


def before(case: Case, rows: Rows, rng: np.random.Generator) -> tuple[float, float]:
    """Returns Student's t over 20 groups of rows that are hashed one by one."""
    groups = rng.integers(0, OLD_GROUPS, len(rows.labels))
    samples = _measured(case, rows, rows.predictions, groups, True).samples[case.metric]
    if rows.others is not None:
        samples = samples - _measured(case, rows, rows.others, groups, True).samples[case.metric]
    spread, freedom = scores.standard_error(samples)
    reach = float(stdtrit(max(freedom, 1), 0.975)) * spread
    return samples[0] - reach, samples[0] + reach


def _measured(
    case: Case, rows: Rows, predictions: np.ndarray, groups: np.ndarray, independent: bool
) -> SliceValues:
    columns = scores.row_columns(case.task, rows.labels, predictions, [case.metric])
    ranked = (predictions, rows.labels, groups) if scores.needs_order([case.metric]) else None
    return SliceValues(case.task, [case.metric], scores.GroupSums.of(columns, groups), ranked, independent)


@dataclass(frozen=True)
class Coverage:
    """What became of the intervals of one simulation, as shares of all that were shown."""

    held: float
    too_low: float
    too_high: float
    width: float
    flat: float
    outside: float
    none: float


def summed_up(ends: np.ndarray, case: Case) -> Coverage:
    """Returns how the [repeats, 2] ends of intervals stand to the truth."""
    shown = ends[np.isfinite(ends).all(axis=1)]
    low, high = shown.T
    bottom, top = (0.0, 1.0) if case.metric in ("accuracy", "auc") else (0.0, math.inf)
    bottom = -math.inf if case.text.startswith("difference") else bottom
    return Coverage(
        held=float(((low <= case.truth) & (case.truth <= high)).mean()),
        too_low=float((high < case.truth).mean()),
        too_high=float((low > case.truth).mean()),
        width=float(np.median(high - low)),
        flat=float((high <= low).mean()),
        outside=float(((low < bottom) | (high > top)).mean()),
        none=1 - len(shown) / len(ends),
    )


def measure(case: Case, users: int, rows_each: int, repeats: int) -> tuple[Coverage, Coverage]:
    """Returns how intervals were before, and are now."""
    rng = np.random.default_rng([SEED, users, rows_each])
    old, new = [], []
    with np.errstate(all="ignore"):
        for _ in range(repeats):
            rows = case.draw(rng)
            new.append(now(case, rows, rows_each == 1))
            old.append(before(case, rows, rng))
    return summed_up(np.array(old), case), summed_up(np.array(new), case)


def main() -> None:
    """Prints the table."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    print(
        "| rows | metric | before: holds the truth | zero width | end out of range | now: holds the truth | ",
        end="",
    )
    print("all too low | all too high | median width | none shown |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for users, rows, case in cases():
        old, new = measure(case, users, rows, max(20, int(case.repeats * scale)))
        size = f"{users} users × {rows}" if rows > 1 else f"{users:,}"
        print(
            f"| {size} | {case.text} | {old.held:.1%} | {old.flat:.1%} | {old.outside:.1%} | **{new.held:.1%}** | "
            f"{new.too_low:.1%} | {new.too_high:.1%} | {new.width:.3g} | {new.none:.1%} |",
            flush=True,
        )
        assert not new.flat and not new.outside, "no interval has zero width or an end out of range"


if __name__ == "__main__":
    main()
