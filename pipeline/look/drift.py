"""How the shape of documents changed between two exports: paths, types, rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from foundation.numbers import percent
from pipeline.look.profile import Look, PathProfile

Change = Literal["new", "vanished", "rare", "type", "mix", "rate"]
_SURE = 4.0
"""In standard errors; a smaller difference between rates may be chance."""
_WORTH = 0.02
"""Smaller differences between rates are not reported."""
_EXPECTED = 10
"""A path expected in fewer documents than this may be absent by chance."""


@dataclass(frozen=True)
class Difference:
    """One change."""

    path: str
    change: Change
    text: str


def differences(old: Look, new: Look) -> list[Difference]:
    """Returns the changes, path by path: new and vanished ones first, then types, then rates.

    Changes that may be chance in a sample are not reported; a rare path found in only one sample is marked as rare.
    """
    before = {path.path: path for path in old.paths}
    after = {path.path: path for path in new.paths}
    found = [_appeared(path, old, new, "new") for name, path in after.items() if name not in before]
    found += [_appeared(path, new, old, "vanished") for name, path in before.items() if name not in after]
    both = [(before[name], after[name]) for name in before if name in after]
    found += [change for a, b in both for change in _types(a, b, old.documents, new.documents)]
    found += [change for a, b in both for change in _rates(a, b, old.documents, new.documents)]
    order = ("new", "vanished", "type", "mix", "rate", "rare")
    return sorted(found, key=lambda one: order.index(one.change))


def _appeared(path: PathProfile, without: Look, having: Look, change: Change) -> Difference:
    share = 1 - path.missing
    kinds = " or ".join(kind for kind in path.kinds if kind != "null") or "null"
    text = f"{change}: {kinds}, in {percent(share)} of the documents of the {'second' if change == 'new' else 'first'}"
    if without.everything or share * without.documents >= _EXPECTED:
        return Difference(path.path, change, text)
    return Difference(path.path, "rare", f"{text}; so rare that a sample may miss it")


def _types(a: PathProfile, b: PathProfile, n: int, m: int) -> list[Difference]:
    if a.type != b.type and a.type and b.type:
        return [Difference(a.path, "type", f"type flips from {a.type} to {b.type} ({_mix(a)} → {_mix(b)})")]
    if a.is_array != b.is_array:
        words = ("an array", "not an array")
        text = f"was {words[not a.is_array]}, is {words[not b.is_array]}"
        return [Difference(a.path, "type", text)]
    counted = (set(a.kinds) | set(b.kinds)) - {"null"}
    moved = [kind for kind in counted if _differ(a.kinds.get(kind, 0), b.kinds.get(kind, 0), n, m)]
    strangers = [kind for kind in counted if (kind in a.kinds) != (kind in b.kinds)]
    real = [
        kind for kind in strangers if max(a.kinds.get(kind, 0) * m, b.kinds.get(kind, 0) * n) >= _EXPECTED
    ]
    if real or (moved and len(counted) > 1):
        return [Difference(a.path, "mix", f"different mix of types: {_mix(a)} → {_mix(b)}")]
    return []


def _rates(a: PathProfile, b: PathProfile, n: int, m: int) -> list[Difference]:
    found = []
    for name in ("missing", "null"):
        x, y = getattr(a, name), getattr(b, name)
        if _differ(x, y, n, m):
            found.append(
                Difference(a.path, "rate", f"{name} in {percent(x)} → {percent(y)} of the documents")
            )
    return found


def _differ(x: float, y: float, n: int, m: int) -> bool:
    """Returns whether two rates differ by more than chance, and by enough to matter."""
    pooled = (x * n + y * m) / (n + m)
    error = math.sqrt(max(pooled * (1 - pooled), 1e-12) * (1 / n + 1 / m))
    return abs(x - y) >= _WORTH and abs(x - y) > _SURE * error


def _mix(path: PathProfile) -> str:
    return ", ".join(f"{kind} {percent(share, 0)}" for kind, share in path.kinds.items())
