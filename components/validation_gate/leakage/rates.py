"""How the label goes with values, items and words, each row told by the rows of the other folds alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from components.validation_gate.leakage.target import FOLDS, Target

_PRIOR = 0.5
"""Rows that each class has beforehand, all values together."""
_MOST_TOKENS = 20_000
_FEWEST_TOKENS = 3
"""Rows that a word or an item has to be in."""


def value_rates(codes: np.ndarray, target: Target) -> Iterator[np.ndarray]:
    """Yields [n] numbers by which rows with the same value stand together, NaN for rows without a value.

    For two classes the balanced share of the second; for more the likeliest class, and its share; for a number to
    predict its mean.

    Args:
        codes: [n] number of each row's value, -1 for none.
        target: The labels.
    """
    size = int(codes.max(initial=-1)) + 1
    if size < 2 and (codes >= 0).all():
        return
    there = codes >= 0
    table = _table(codes[there], target.folds[there], target.labels[there], size, target)
    told = [np.full(len(codes), np.nan) for _ in range(2 if target.classes > 2 else 1)]
    for values, shares in zip(
        told, _summed(table[target.folds[there], :, codes[there]], target), strict=True
    ):
        values[there] = shares
    yield from told


def _table(codes: np.ndarray, folds: np.ndarray, labels: np.ndarray, size: int, target: Target) -> np.ndarray:
    """Returns [folds, classes, values] what the rows outside each fold say of each value: balanced counts of classes.

    For a number to predict, the two "classes" are the number of rows and the sum of the labels.
    """
    parts = max(target.classes, 2)
    if target.classes:
        flat = (folds * parts + labels) * size + codes
        own = np.bincount(flat, minlength=FOLDS * parts * size).astype(np.float64).reshape(FOLDS, parts, size)
    else:
        place = folds * size + codes
        own = np.stack(
            [np.bincount(place, w, FOLDS * size).reshape(FOLDS, size) for w in (np.ones(len(codes)), labels)],
            1,
        )
    return own.sum(0) - own


def _summed(counts: np.ndarray, target: Target) -> list[np.ndarray]:
    """Returns the numbers of ``value_rates`` from [n, classes] counts of other folds' rows."""
    if not target.classes:
        return [counts[:, 1] / (counts[:, 0] + 1)]
    balanced = counts / target.sizes + _PRIOR / target.sizes.min()
    shares = balanced / balanced.sum(1, keepdims=True)
    if target.classes == 2:
        return [shares[:, 1]]
    unknown = counts.sum(1) == 0
    return [np.where(unknown, -1.0, shares.argmax(1)), shares.max(1)]


def item_rates(rows: Sequence[Sequence[Any]], target: Target) -> Iterator[np.ndarray]:
    """Yields [n] numbers by which rows with the same items stand together: the means over a row's items, and extremes."""
    yield from _of_tokens([[str(item) for item in items] for items in rows], target)


def word_rates(rows: Sequence[Sequence[str]], target: Target) -> Iterator[np.ndarray]:
    """Yields [n] numbers by which rows with the same words stand together, as naive Bayes sums them, and extremes."""
    yield from _of_tokens(rows, target)


def _of_tokens(rows: Sequence[Sequence[str]], target: Target) -> Iterator[np.ndarray]:
    import pandas as pd

    lists = [list(dict.fromkeys(row)) for row in rows]
    owners: np.ndarray = np.repeat(np.arange(len(lists)), [len(row) for row in lists])
    codes = pd.factorize(np.array(list(chain.from_iterable(lists)), dtype=object))[0]
    if not len(codes):
        return
    counts = np.bincount(codes)
    kept = np.argsort(-counts, kind="stable")[:_MOST_TOKENS]
    kept = kept[counts[kept] >= _FEWEST_TOKENS]
    places = np.full(len(counts), -1)
    places[kept] = np.arange(len(kept))
    codes, owners = places[codes], owners[places[codes] >= 0]
    codes = codes[codes >= 0]
    if not len(codes):
        return
    table = _table(codes, target.folds[owners], target.labels[owners], len(kept), target)
    yield from _weighed(table[target.folds[owners], :, codes], owners, len(lists), target)


def _weighed(counts: np.ndarray, owners: np.ndarray, rows: int, target: Target) -> Iterator[np.ndarray]:
    """Yields the sums and the extremes of the weights of each row's tokens."""
    if not target.classes:
        # Tokens that rows of all kinds have say little: their mean is near that of all rows.
        weights = counts[:, 1] / (counts[:, 0] + 1)
        has = np.bincount(owners, minlength=rows)
        yield np.where(has > 0, np.bincount(owners, weights, rows) / np.maximum(has, 1), np.nan)
        yield from _extremes(weights, owners, rows)
        return
    rates = np.log((counts + _PRIOR) / (target.sizes * (FOLDS - 1) / FOLDS + 2 * _PRIOR))
    if target.classes == 2:
        weights = rates[:, 1] - rates[:, 0]
        yield np.bincount(owners, weights, rows)
        yield from _extremes(weights, owners, rows)
        return
    sums = np.stack([np.bincount(owners, rates[:, k], rows) for k in range(target.classes)], 1)
    yield np.where(np.ptp(sums, axis=1) > 0, sums.argmax(1), -1).astype(np.float64)
    ordered = np.sort(sums, 1)
    yield ordered[:, -1] - ordered[:, -2]


def _extremes(weights: np.ndarray, owners: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    for start, ufunc in ((-np.inf, np.maximum), (np.inf, np.minimum)):
        found = np.full(rows, start)
        ufunc.at(found, owners, weights)
        yield np.where(np.isfinite(found), found, np.nan)
