"""The findings of the search as sentences: what tells the label, how well, and how sure that is."""

from __future__ import annotations

import numpy as np

from components.validation_gate.leakage.evidence import Share, auc_interval, normal_information
from components.validation_gate.leakage.target import Target
from components.validation_gate.result import Finding
from foundation.coarse import FEWEST
from foundation.numbers import percent
from foundation.personal.looks import look_of

_LONGEST = 24


def of_two_classes(
    name: str, limit: float, area: float, positive: np.ndarray, how: str, share: Share | None = None
) -> Finding:
    """Returns the finding on a feature that tells a label of two classes."""
    low, high = auc_interval(area, int(positive.sum()), int((~positive).sum()))
    told = f"AUC against the label of {area:.4g} (95% interval {low:.3g} to {high:.3g}) by {how}"
    rare = int(min(positive.sum(), (~positive).sum()))
    rows = f"on {len(positive):,} rows, {rare:,} of them of the rarer class"
    if share is None:
        return _finding(name, limit, f"{told}, {rows}")
    most = percent(normal_information(limit))
    expected = f"no feature that explains more of the label alone than a normal one with an AUC of {limit:g} ({most})"
    return Finding("leakage", name, expected, f"{_share(share)} explained, {told}, {rows}")


def of_a_number(name: str, limit: float, share: Share, how: str, by_tree: bool = False) -> Finding:
    """Returns the finding on a feature that tells a number."""
    what = "absolute rank correlation with the label"
    if by_tree:
        what = "prediction of nine labels in ten as near as by a rank correlation"
    return _finding(name, limit, f"{what} of {share.value:.3f} (at least {share.low:.3f}) by {how}")


def of_the_whole_label(name: str, share: Share, how: str, together: float | None = None) -> Finding:
    """Returns the finding on a feature that determines a label of several classes."""
    seen = f"{_share(share)} of the label explained by {how}"
    if together is not None:
        seen += f"; all other features together explain {percent(max(together, 0.0), 0)}"
    return Finding("leakage", name, "no feature that determines the label alone", seen)


def of_a_class(name: str, target: Target, k: int, share: Share, together: float, how: str) -> Finding:
    """Returns the finding on a feature that gives one class of several away."""
    rows = int(target.sizes[k])
    seen = (
        f"{_share(share)} of {_class(target, k)} ({rows:,} rows) explained by {how}; "
        f"all other features together explain {percent(max(together, 0.0), 0)}"
    )
    return Finding("leakage", name, "no feature that gives a class away alone", seen)


def _finding(name: str, limit: float, seen: str) -> Finding:
    return Finding("leakage", name, f"less than {limit:g} for any single feature", seen)


def _share(share: Share) -> str:
    return f"{percent(share.value)} (at least {percent(max(share.low, 0.0))})"


def _class(target: Target, k: int) -> str:
    """Returns the class as it may be told: a rare or personal value is not."""
    name = target.names[k]
    if target.sizes[k] < FEWEST or look_of(name):
        return "a class"
    return f"class {name!r}" if len(name) <= _LONGEST else f"class {name[:_LONGEST]!r}…"
