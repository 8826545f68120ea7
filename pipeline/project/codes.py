"""Tells whole numbers that stand for categories, such as area codes, from quantities."""

from __future__ import annotations

import numpy as np

from foundation.personal.names import words_of

_CODES = frozenset(
    [
        "code",
        "codes",
        "id",
        "ids",
        "zip",
        "zipcode",
        "postal",
        "postcode",
        "postalcode",
        "plz",
        "areacode",
        "fips",
        "naics",
        "sic",
        "isic",
        "icd",
        "sku",
        "upc",
        "ean",
        "category",
        "type",
        "kind",
        "class",
        "segment",
        "sector",
        "region",
        "district",
        "county",
        "country",
        "state",
        "city",
        "province",
        "territory",
        "ward",
        "precinct",
        "zone",
        "store",
        "shop",
        "branch",
        "department",
        "dept",
        "brand",
        "make",
        "model",
        "vendor",
        "supplier",
        "carrier",
        "airline",
        "airport",
        "route",
        "channel",
        "campaign",
        "cluster",
        "group",
        "team",
        "league",
        "position",
        "prefix",
        "dialcode",
        "industry",
        "occupation",
        "product",
        "item",
        "plan",
        "ssn",
    ]
)
_FEWEST_EACH = 8
"""Documents that each number needs on average to be compared as a category."""
_BINS = 10
_GAIN = 0.02
"""Share of the label's variance by which categories must explain more than bins of the number."""
_SHRINK = 10.0
"""Documents at the overall mean that are added to each category or bin."""
_SPARSE = 0.2
"""Numbers that fill less than this share of their range, each of them often, may be codes."""


def is_code_name(name: str) -> bool:
    """Returns whether a field's name says that its numbers are codes or ids: its last word, such as ``areaCode``.

    >>> [is_code_name(n) for n in ("zip", "areaCode", "Area Code", "product_id", "price", "codes_used", "storeNumber")]
    [True, True, True, True, False, False, True]
    """
    words = words_of(name)
    words = words[:-1] if len(words) > 1 and words[-1] in ("number", "no", "nr", "num") else words
    return bool(words) and words[-1] in _CODES


def are_codes(numbers: np.ndarray, outcome: np.ndarray) -> bool:
    """Returns whether whole numbers with many repeated values behave like codes.

    They do if few numbers of a wide range occur, or if the label depends on the single number rather than on its size:
    means of the label for each number, made from one half of the documents, predict the other half better than means
    for ranges of the number.

    Args:
        numbers: NaN where there is none; float64 [documents].
        outcome: The label as a number, NaN without one; float64 [documents].
    """
    there = np.isfinite(numbers)
    different = np.unique(numbers[there])
    step = np.gcd.reduce(np.diff(different).astype(np.int64)) if len(different) > 1 else 1
    span = (different[-1] - different[0]) / max(1, int(step)) + 1
    if len(different) < _SPARSE * span:
        return True
    chosen = there & np.isfinite(outcome)
    x, y = numbers[chosen], outcome[chosen]
    if len(x) < _FEWEST_EACH * len(different) or y.std() == 0:
        return False
    categories = np.asarray(np.searchsorted(different, x))
    edges = np.quantile(x, np.linspace(0, 1, _BINS + 1)[1:-1])
    bins = np.asarray(np.searchsorted(edges, x, side="right"))
    gain = _explained(categories, y) - _explained(bins, y)
    return gain > max(_GAIN, 2 / np.sqrt(len(x)))


def _explained(groups: np.ndarray, y: np.ndarray) -> float:
    """Returns the share of the label's variance that group means of the other half of the documents explain."""
    half = np.random.default_rng(0).random(len(y)) < 0.5
    predicted: np.ndarray = np.empty(len(y))
    size = int(groups.max()) + 1
    for mine in (half, ~half):
        mean = y[~mine].mean()
        counts = np.bincount(groups[~mine], minlength=size)
        sums = np.bincount(groups[~mine], y[~mine], minlength=size)
        predicted[mine] = ((sums + _SHRINK * mean) / (counts + _SHRINK))[groups[mine]]
    return 1.0 - float(((y - predicted) ** 2).mean() / y.var())
