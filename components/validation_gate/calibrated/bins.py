"""Bins for two samples of a feature: quantiles of the reference for numbers, values for text; missing is a bin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from components.validation_gate.calibrated.columns import Coded, Column, shared_groups

MOST_BINS = 10
"""Quantile bins of a number."""
FEW_BINS = 5
"""Quantile bins of a number below ``FEW_ROWS`` on either side: fewer degrees of freedom see more."""
FEW_ROWS = 1_000
FEWEST_EXPECTED = 5.0
"""A bin that is expected less often on the smaller side is pooled."""
MISSING, NO_NUMBER, RARE = "missing", "not a number", "rare values"


@dataclass(frozen=True)
class Binned:
    """Two samples over the same bins.

    Attributes:
        labels: Name of each bin.
        before: The reference's observations.
        now: The other's.
        varied: Whether the observations differ at all, before bins were pooled.
        are_values: Whether bins are text values.
        unseen: How many groups of now have a value of the pool of rare values that the reference lacks.
        holders: How many groups of now have a value, summed over the values.
        rare: [r] number of groups, of both samples, that have each value of the pool.
    """

    labels: tuple[str, ...]
    before: Coded
    now: Coded
    varied: bool = True
    are_values: bool = False
    unseen: int = 0
    holders: int = 0
    rare: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns [b] observations of each bin, before and now."""
        size = len(self.labels)
        return np.bincount(self.before.codes, minlength=size), np.bincount(self.now.codes, minlength=size)


def binned(before: Column, now: Column, is_date: bool = False) -> Binned:
    """Returns both samples over bins that the reference defines; a text on either side makes both text."""
    if before.is_text or now.is_text:
        return _categories(before, now)
    return _numbers(before, now, _month if is_date else _number)


def _numbers(before: Column, now: Column, shown: Callable[[float], str]) -> Binned:
    groups = shared_groups(before, now)
    known = before.values[~np.isnan(before.values)]
    smaller = min(len(np.unique(groups[0])), len(np.unique(groups[1])))
    edges, atoms = quantile_edges(known, MOST_BINS if smaller >= FEW_ROWS else FEW_BINS)
    labels = _edge_labels(edges, atoms, shown)
    last = len(edges)
    sides = []
    for column, group in zip((before, now), groups, strict=True):
        codes = np.atleast_1d(np.searchsorted(edges, column.values))
        codes[np.isnan(column.values)] = last + 1
        sides.append(_with_missing(codes, column, group, last + 2))
    ordered = np.arange(last + 3) <= last
    return _pooled([*labels, NO_NUMBER, MISSING], sides[0], sides[1], ordered)


def quantile_edges(values: np.ndarray, bins: int) -> tuple[np.ndarray, set[float]]:
    """Returns the upper ends of bins with equal shares of the values, and which bins are a single value.

    A value with a bin's share or more has a bin for itself; so a constant has one below, its own, and one above.

    Args:
        values: [m] finite or infinite numbers, in any order.
        bins: Wanted number of bins.

    Returns:
        [e] upper ends, included, ascending, the last of the e + 1 bins has none; and the values with a bin of their own.
    """
    if not len(values):
        return np.empty(0), set()
    unique, counts = np.unique(values, return_counts=True)
    heavy = counts >= len(values) / bins
    atoms = unique[heavy]
    ends = [*atoms, *np.nextafter(atoms, -np.inf)]
    # Between heavy values, bins of equal shares of what is left.
    light: np.ndarray = np.repeat(unique[~heavy], counts[~heavy])
    parts = round(bins * len(light) / len(values))
    ends += [light[len(light) * k // parts - 1] for k in range(1, parts)]
    edges = np.unique(np.array(ends, np.float64))
    return edges, set(atoms.tolist())


def _edge_labels(edges: np.ndarray, atoms: set[float], shown: Callable[[float], str]) -> list[str]:
    labels, low = [], ""
    for edge in edges.tolist():
        if edge in atoms:
            labels.append(shown(edge))
        else:
            labels.append(f"{low} to {shown(edge)}" if low else f"up to {shown(edge)}")
        low = shown(edge)
    return [*labels, f"above {low}" if low else "numbers"]


def _number(value: float) -> str:
    return f"{value:.4g}"


def _month(milliseconds: float) -> str:
    return str(np.datetime64(int(milliseconds), "ms").astype("datetime64[M]"))


def _categories(before: Column, now: Column) -> Binned:
    both = np.concatenate([_as_text(before.values), _as_text(now.values)])
    codes, names = pd.factorize(both)
    split, gone = len(before.values), len(names)
    group_before, group_now = shared_groups(before, now)
    first = _with_missing(codes[:split], before, group_before, gone)
    second = _with_missing(codes[split:], now, group_now, gone)
    labels = [*names.tolist(), MISSING]
    held_before, held_now = (_holders(side, len(labels)) for side in (first, second))
    held = held_before + held_now
    keep = _expected(held, first, second) >= FEWEST_EXPECTED
    keep[gone] = True
    if keep.all():
        return replace(_pooled(labels, first, second, np.zeros(len(labels), bool)), are_values=True)
    unseen = int(held_now[~keep & (held_before == 0)].sum())
    place = np.cumsum(keep) - 1
    place[~keep] = keep.sum()
    kept = [label for label, stays in zip(labels, keep, strict=True) if stays] + [RARE]
    pooled = _pooled(
        kept, Coded(place[first.codes], first.group), Coded(place[second.codes], second.group),
        np.zeros(len(kept), bool),
    )  # fmt: skip
    rare = held[~keep & (held > 0)]
    return replace(
        pooled, are_values=True, varied=True, unseen=unseen, holders=int(held_now.sum()), rare=rare
    )


def _as_text(values: np.ndarray) -> np.ndarray:
    return values if values.dtype == object else values.astype(str).astype(object)


def _with_missing(codes: np.ndarray, column: Column, group: np.ndarray, code: int) -> Coded:
    missing = column.missing
    return Coded(
        np.concatenate([codes, np.full(len(missing), code)]).astype(np.int64),
        np.concatenate([group[column.row], group[missing]]).astype(np.int64),
    )


def _holders(side: Coded, size: int) -> np.ndarray:
    """Returns [b] how many groups have each bin on one side."""
    width = int(side.group.max(initial=0)) + 1
    return np.bincount(np.unique(side.codes * width + side.group) // width, minlength=size)


def _expected(held: np.ndarray, before: Coded, now: Coded) -> np.ndarray:
    """Returns [b] how many independent observations the smaller side is expected to have of each bin."""
    return held * (min(before.n, now.n) / max(1, before.n + now.n))


def _pooled(labels: list[str], before: Coded, now: Coded, ordered: np.ndarray) -> Binned:
    """Merges bins that are expected too rarely: numbers with the neighbour, others into the smallest other bin.

    What is merged depends on both samples together only, so that it favours neither.
    """
    held = _holders(before, len(labels)) + _holders(now, len(labels))
    expected = _expected(held, before, now)
    parts = [[i] for i in range(len(labels)) if expected[i] > 0]
    while len(parts) > 1:
        sums = [float(expected[part].sum()) for part in parts]
        least = int(np.argmin(sums))
        if sums[least] >= FEWEST_EXPECTED:
            break
        near = [i for i in (least - 1, least + 1) if 0 <= i < len(parts)]
        near = [i for i in near if ordered[parts[least][0]] and ordered[parts[i][0]]]
        others = near or [i for i in range(len(parts)) if i != least]
        target = min(others, key=lambda i: sums[i])
        low, high = sorted((least, target))
        parts[low] = parts[low] + parts.pop(high)
    place: np.ndarray = np.zeros(len(labels), np.int64)
    for i, part in enumerate(parts):
        place[part] = i
    return Binned(
        tuple(_joined([labels[i] for i in part]) for part in parts),
        Coded(place[before.codes], before.group),
        Coded(place[now.codes], now.group),
        int((expected > 0).sum()) > 1,
    )


def _joined(labels: list[str]) -> str:
    return " or ".join(labels) if len(labels) <= 3 else f"{labels[0]} or {len(labels) - 1} others"
