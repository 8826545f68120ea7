"""Search for leaking features: those that alone predict the label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from components.validation_gate.result import Finding

MOST_ROWS = 20_000
"""Number of train rows examined."""
FOLDS = 5
"""A category's target rates come from the other folds, so that a value seen once reveals nothing about its own row."""
FEWEST = 20
"""Rows of each class needed to judge a feature."""
MOST_CLASSES = 20
"""Number of classes of a multi-class label examined, most frequent first."""
MOST_DISTINCT = 100
"""Whole numbers with at most this many distinct values are also examined as categories."""

Columns = dict[str, list[Any]]


def find_leaks(rows: Columns, label: str, task: str, positive: Any, limit: float) -> list[Finding]:
    """Returns a finding per feature that almost predicts the label alone.

    Args:
        rows: Feature → [n] lists of values, None where missing.
        label: Feature of the label.
        task: binary, multiclass or regression.
        positive: Positive label of a binary task; None means 1 or true.
        limit: AUC (for regression: absolute rank correlation) that makes a feature suspicious.
    """
    labels = pd.Series([values[0] if values else None for values in rows[label]], dtype=object)
    kept = labels.notna().to_numpy()
    targets = _targets(labels[kept], task, positive)
    findings = []
    for name, column in rows.items():
        if name == label:
            continue
        values = pd.Series(column, dtype=object)[kept].reset_index(drop=True)
        best = max(_strengths(values, targets, task), default=(0.0, ""), key=lambda pair: pair[0])
        if best[0] >= limit:
            findings.append(_strong(name, best, task, limit))
    return findings


def _strong(name: str, best: tuple[float, str], task: str, limit: float) -> Finding:
    what = "absolute rank correlation with the label" if task == "regression" else "AUC against the label"
    seen = f"{what} of {best[0]:.3f} by {best[1]}"
    return Finding("leakage", name, f"less than {limit:g} for any single feature", seen)


def _targets(labels: pd.Series, task: str, positive: Any) -> list[np.ndarray]:
    """Returns [n] targets: one for a binary or regression label, one per class for a multi-class label."""
    if task == "regression":
        return [labels.to_numpy(np.float64)]
    if task == "binary":
        wanted = ("1", "true", "True") if positive is None else (str(positive),)
        number = 1 if positive is None else positive
        return [labels.map(lambda v: v in wanted if isinstance(v, str) else v == number).to_numpy(np.float64)]
    classes = labels.value_counts().index[:MOST_CLASSES]
    return [(labels == name).to_numpy(np.float64) for name in classes]


def _strengths(values: pd.Series, targets: list[np.ndarray], task: str) -> Iterator[tuple[float, str]]:
    """Yields how well each view of a feature ranks the rows by the target, with the view's name."""
    filled = values.map(bool).to_numpy()
    for target in targets:
        yield _strength(filled.astype(float), target, task, either_way=True), "its presence"
        for view, scores in _numeric_views(values, filled):
            usable = ~np.isnan(scores)
            yield _strength(scores[usable], target[usable], task, either_way=True), view
        if filled.any() and _is_category(values[filled]):
            rates = target_rates(values[filled], target[filled])
            yield _strength(rates, target[filled], task, either_way=False), "its values"


def _numeric_views(values: pd.Series, filled: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yields [n] numbers to rank a feature by, NaN if missing."""
    if not filled.any():
        return
    if (values[filled].map(len) > 1).any():
        yield "its number of items", values.map(lambda v: float(len(v)) if v else np.nan).to_numpy(np.float64)
    elif not isinstance(values[filled].iloc[0][0], str):
        yield "its size", values.map(lambda v: float(v[0]) if v else np.nan).to_numpy(np.float64)


def _is_category(items: pd.Series) -> bool:
    return isinstance(items.iloc[0][0], str) or items.map(lambda v: v[0]).nunique() <= MOST_DISTINCT


def target_rates(items: pd.Series, target: np.ndarray) -> np.ndarray:
    """Returns the [n] mean targets of other folds' rows with the same value, averaged over each row's items."""
    fold: Any = np.arange(len(items)) % FOLDS
    table = pd.DataFrame(
        {"row": np.arange(len(items)), "value": items.to_numpy(), "target": target, "fold": fold}
    )
    table = table.explode("value")
    whole = table.groupby("value", sort=False)["target"]
    own = table.groupby(["value", "fold"], sort=False)["target"]
    others_sum = whole.transform("sum") - own.transform("sum")
    others_count = whole.transform("count") - own.transform("count")
    # One pseudo-row at the overall rate puts values unknown to the other folds in the middle.
    table["rate"] = (others_sum + target.mean()) / (others_count + 1)
    return table.groupby("row")["rate"].mean().to_numpy()


def _strength(scores: np.ndarray, target: np.ndarray, task: str, either_way: bool) -> float:
    if len(scores) < 2 * FEWEST or np.ptp(scores) == 0:
        return 0.0
    ranks = pd.Series(scores).rank().to_numpy()
    if task == "regression":
        others = pd.Series(target).rank().to_numpy()
        return 0.0 if np.ptp(others) == 0 else abs(float(np.corrcoef(ranks, others)[0, 1]))
    positive = target.sum()
    negative = len(target) - positive
    if min(positive, negative) < FEWEST:
        return 0.0
    auc = (ranks[target > 0.5].sum() - positive * (positive + 1) / 2) / (positive * negative)
    return float(max(auc, 1 - auc) if either_way else auc)
