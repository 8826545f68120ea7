"""Metrics as Prometheus text, character for character as TF Serving prints them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from serving.server.metrics.families import BOUNDS, Family, Histogram

_NOT_IN_NAMES: Final = re.compile("[^a-zA-Z0-9_]")
_LIMITS: Final = tuple(f"{bound:g}" for bound in BOUNDS) + ("+Inf",)


def page(families: Iterable[Family]) -> bytes:
    """Returns the text of all families, by name."""
    lines: list[str] = []
    for family in sorted(families, key=lambda family: family.name):
        lines.extend(_lines(family))
    return ("\n".join(lines) + "\n").encode()


def metric_name(name: str) -> str:
    """Returns a metric's name for Prometheus; characters that are not allowed become colons."""
    return _NOT_IN_NAMES.sub(":", name)


def _lines(family: Family) -> Iterable[str]:
    series = family.series()
    name = metric_name(family.name)
    yield f"# TYPE {name} {family.kind}"
    for values, cell in series.items():
        labels = ",".join(
            f'{label}="{_escaped(value)}"' for label, value in zip(family.labels, values, strict=True)
        )
        if not isinstance(family, Histogram):
            yield f"{name}{{{labels}}} {_number(cell[0])}"
            continue
        prefix = f"{name}_bucket{{{labels}{',' if labels else ''}"
        count = 0
        for limit, seen in zip(_LIMITS, cell[1:], strict=True):
            count += int(seen)
            yield f'{prefix}le="{limit}"}} {count}'
        yield f"{name}_sum{{{labels}}} {_number(cell[0])}"
        yield f"{name}_count{{{labels}}} {count}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.17g}"
