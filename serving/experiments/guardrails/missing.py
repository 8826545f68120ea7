"""Rewards that an arm owes because it was taken out: counted as failures, so that its removal does not flatter it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.experiments.state.store import Matured
    from serving.experiments.statistics.evidence import Evidence


def with_missing(
    rows: Sequence[Matured], out: Collection[str], *, binary: bool = True, lower_is_better: bool = False
) -> tuple[list[Matured], dict[str, int]]:
    """Returns the units with a reward for each that an arm taken out left without one, and how many those are by arm.

    The units that an arm drives away are those that would have shown how bad it is. Leaving them out, as ``missing:
    excluded`` does with others, would compare only its better half with control. So each counts as a failure: 0, or 1
    where lower rewards of 0 and 1 are better. For numbers of which lower ones are better no value is known to be bad:
    these units stay without one.

    Args:
        rows: Units whose window has closed.
        out: The arms that are taken out.
        binary: Whether rewards are 0 or 1.
        lower_is_better: Whether lower rewards are better.
    """
    failure = 1.0 if lower_is_better else 0.0
    found: list[Matured] = []
    counts: dict[str, int] = {}
    for row in rows:
        if row.reward is None and row.arm in out and (binary or not lower_is_better):
            row = replace(row, reward=failure)
            counts[row.arm] = counts.get(row.arm, 0) + 1
        found.append(row)
    return found, counts


def take_closed(evidence: Evidence, rows: Sequence[Matured], out: Collection[str]) -> list[Matured]:
    """Gives units whose window has closed to the evidence; returns them as they count.

    Args:
        evidence: What the experiment has shown so far.
        rows: The units, in the order of closing.
        out: The arms that are taken out.
    """
    design = evidence.design
    found, counts = with_missing(
        rows, out, binary=design.binary, lower_is_better=design.planned.better == "lower"
    )
    evidence.take(found)
    for arm, count in counts.items():
        if arm in evidence.missing:
            evidence.missing[arm] += count
    return found
