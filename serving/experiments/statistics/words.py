"""The sentences of verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foundation.numbers import bound, decimals, exact, fixed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.statistics.evidence import Evidence
    from serving.experiments.statistics.verdict import ArmVerdict

REFUSED_FLIP = (
    "find the cause (lost records, a client that retries into one arm, a redirect, bots), repair it, and start the "
    "experiment anew under another salt"
)

NOBODY_FLIP = "requests that take part in the experiment"


def nobody_yet(name: str, draft: bool) -> str:
    """Returns the sentence before the first unit.

    Args:
        name: The experiment's name.
        draft: Whether it was never begun.
    """
    begin = (
        f"'penstock experiment start {name}' begins it; then send traffic"
        if draft
        else "it runs; send traffic"
    )
    return f"wait: no request has been answered yet ({begin})"


def refused(mismatch: str) -> str:
    """Returns the sentence when the arms' shares are wrong."""
    return f"no verdict: {mismatch}, so the arms cannot be compared"


def amount(evidence: Evidence, value: float, signed: bool = True) -> str:
    """Returns a difference as people say it: points for rewards of 0 and 1."""
    scaled = 100 * value if evidence.design.binary else value
    text = fixed(scaled, min(6, decimals(scaled)) if scaled else 0)
    return f"{'+' if signed and scaled > 0 else ''}{text}{' points' if evidence.design.binary else ''}"


def _range(evidence: Evidence, arm: ArmVerdict) -> str:
    if arm.difference is None:
        return "no difference known yet"
    if arm.low is None or arm.high is None:
        return f"{amount(evidence, arm.difference)}, no interval yet"
    return f"{amount(evidence, arm.difference)}, between {amount(evidence, arm.low)} and {amount(evidence, arm.high)}"


def _margin(evidence: Evidence) -> str:
    margin, control = evidence.design.planned.margin, evidence.design.control
    points = f"{abs(100 * margin):.6g}"
    size = f"{points} point{'' if points == '1' else 's'}" if evidence.design.binary else exact(abs(margin))
    if margin < 0:
        return f"not worse than {control} by {size} or more"
    return f"better than {control}{f' by more than {size}' if margin else ''}"


def _sure(evidence: Evidence) -> str:
    return f"sure to {bound(1 - evidence.design.planned.alpha)} however often one looks"


def _count(evidence: Evidence, units: int) -> str:
    return f"{units:,} {evidence.design.noun}{'' if units == 1 else 's'}"


def promote(evidence: Evidence, best: ArmVerdict, others: Sequence[ArmVerdict]) -> str:
    """Returns the sentence when an arm is better."""
    also = f"; {' and '.join(arm.arm for arm in others)} too, but less so far" if others else ""
    return (
        f"promote {best.arm}: it is {_margin(evidence)} ({_range(evidence, best)}; {_sure(evidence)}, "
        f"after {_count(evidence, evidence.units())}){also}"
    )


def keep(evidence: Evidence, others: Sequence[ArmVerdict], removed: Mapping[str, str]) -> str:
    """Returns the sentence when no arm is better."""
    parts = [
        f"{arm.arm} was taken out ({removed[arm.arm]})"
        if arm.arm in removed
        else f"{arm.arm} is not {_margin(evidence)} ({_range(evidence, arm)})"
        for arm in others
    ]
    return f"keep {evidence.design.control}: {'; '.join(parts)}; {_sure(evidence)}, after {_count(evidence, evidence.units())}"


def keep_at_the_end(evidence: Evidence, others: Sequence[ArmVerdict]) -> str:
    """Returns the sentence when the planned size is used up without a difference."""
    parts = "; ".join(f"{arm.arm}: {arm.waiting or _range(evidence, arm)}" for arm in others)
    return (
        f"keep {evidence.design.control}: after {_count(evidence, evidence.units())} of "
        f"{evidence.design.planned.units:,} planned no arm is shown to be {_margin(evidence)} ({parts})"
    )


def wait(
    evidence: Evidence, arms: Sequence[ArmVerdict], more: int, hours: float | None, at_the_end: bool
) -> str:
    """Returns the sentence when it is too early."""
    parts = "; ".join(f"{arm.arm}: {arm.waiting or _range(evidence, arm)}" for arm in arms)
    end = ", when the planned size is reached" if at_the_end else ""
    return f"wait: {_count(evidence, more)} more, {_time(hours)}{end} ({parts})"


def _time(hours: float | None) -> str:
    if hours is None:
        return "for how long is not known without a rate of new units"
    if hours < 1:
        return f"about {max(1, round(hours * 60))} minutes at this rate"
    return (
        f"about {hours:,.0f} hours at this rate" if hours >= 10 else f"about {hours:.1f} hours at this rate"
    )


def verdict_flip(evidence: Evidence, arm: ArmVerdict) -> str:
    """Returns what would turn ``promote``: a larger margin, or rewards that are wrong."""
    lower = evidence.design.planned.better == "lower"
    edge = -(arm.high or 0.0) if lower else (arm.low or 0.0)
    text = f"a margin above {amount(evidence, edge)}"
    return f"{text}{_wrong(evidence, arm, edge - evidence.design.planned.margin)}"


def _wrong(evidence: Evidence, arm: ArmVerdict, slack: float) -> str:
    if not evidence.design.binary:
        return ""
    units = max(1, round(slack * arm.units))
    return f", or about {units:,} of the {arm.units:,} rewards of {arm.arm} being wrong in its favour"


def keep_flip(evidence: Evidence, arms: Sequence[ArmVerdict]) -> str:
    """Returns what would turn ``keep``: a smaller margin, or rewards that are wrong."""
    measured = [
        arm for arm in arms if arm.low is not None and arm.high is not None and arm.verdict != "removed"
    ]
    if not measured:
        return "an arm that was taken out comes back: start it anew once it is repaired"
    lower = evidence.design.planned.better == "lower"
    edges = {arm.arm: -(arm.low or 0.0) if lower else (arm.high or 0.0) for arm in measured}
    best = max(edges, key=lambda arm: edges[arm])
    return f"a margin below {amount(evidence, edges[best])} would leave {best} open"


def end_flip(evidence: Evidence, arms: Sequence[ArmVerdict]) -> str:
    """Returns what would turn a ``keep`` at the planned size: more units, if there is a difference."""
    needs = {arm.arm: arm.units_needed for arm in arms if arm.units_needed and arm.verdict == "open"}
    if not needs:
        return "nothing that more units of this kind would show soon"
    arm = min(needs, key=lambda name: needs[name] or 0)
    return f"if the difference of {arm} is what it seems, about {_count(evidence, needs[arm] or 0)} in all would show it: raise planned.units"


def wait_flip(evidence: Evidence, arms: Sequence[ArmVerdict]) -> str:
    """Returns what would end the waiting: how large a difference would be seen now."""
    parts = []
    for arm in arms:
        if arm.low is not None and arm.high is not None:
            half = (arm.high - arm.low) / 2
            parts.append(
                f"{arm.arm}: a difference {amount(evidence, half, signed=False)} away from the margin"
            )
    return f"what would decide at once: {'; '.join(parts)}" if parts else "the first look decides"


def warnings(evidence: Evidence, arms: Sequence[ArmVerdict]) -> tuple[str, ...]:
    """Returns what a reader should know besides the verdict."""
    found = []
    skipped = {c.arm: c.skipped for c in evidence.comparisons.values() if c.skipped}
    for arm, units in skipped.items():
        found.append(
            f"{_count(evidence, units)} could not have been in both {arm} and control and do not count for {arm}"
        )
    pending = sum(arm.pending for arm in arms)
    if pending > evidence.units() > 0:
        found.append(f"{_count(evidence, pending)} are pending, more than count so far")
    if evidence.beyond:
        found.append(f"{_count(evidence, evidence.beyond)} had a reward beyond 1e50 and are left out")
    if evidence.design.missing_fails is False and any(evidence.missing.values()):
        total = sum(evidence.missing.values())
        found.append(f"{_count(evidence, total)} had no reward in time and are left out")
    return tuple(found)
