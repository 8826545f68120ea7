"""The verdict on an experiment in one sentence, at whatever moment it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from serving.experiments.statistics import words
from serving.experiments.statistics.best import best
from serving.experiments.statistics.forecast import units_needed
from serving.experiments.statistics.verdict import ArmVerdict, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serving.experiments.statistics.evidence import Evidence


def decide(
    evidence: Evidence,
    pending: Mapping[str, int] | None = None,
    rate: float | None = None,
    removed: Mapping[str, str] | None = None,
) -> Verdict:
    """Returns the verdict.

    Only units whose window is closed count, so an arm that answers earlier gains nothing by it.

    Args:
        evidence: What was seen so far.
        pending: Units of each arm whose window is still open.
        rate: New units an hour; None means as the evidence has it.
        removed: Arms that were taken out, and why.
    """
    pending, removed = pending or {}, removed or {}
    rate = evidence.rate() if rate is None else rate
    design = evidence.design
    chances = best(evidence)
    arms = tuple(
        replace(each, probability_best=chances[each.arm])
        for each in (
            _control(evidence, pending.get(design.control, 0)),
            *(_arm(evidence, arm, pending.get(arm, 0), arm in removed) for arm in design.challengers),
        )
    )
    mismatch = evidence.mismatch()
    verdict = (
        _refused(evidence, mismatch)
        if mismatch
        else _promote(evidence, arms) or _keep(evidence, arms, removed) or _wait(evidence, arms, rate)
    )
    return Verdict(
        **{
            **vars(verdict),
            "units": evidence.units(),
            "planned": design.planned.units,
            "pending": sum(arm.pending for arm in arms),
            "arms": arms,
            "warnings": words.warnings(evidence, arms),
        }
    )


def _control(evidence: Evidence, pending: int) -> ArmVerdict:
    values = evidence.means[evidence.design.control].values
    return ArmVerdict(
        evidence.design.control, "control", values.count, values.mean if values.count else None, pending
    )


def _arm(evidence: Evidence, arm: str, pending: int, removed: bool) -> ArmVerdict:
    values, seen, planned = evidence.means[arm].values, evidence.interval(arm), evidence.design.planned
    toward = seen if planned.better == "higher" else seen.turned()
    verdict, needed = "open", None
    if removed:
        verdict = "removed"
    elif toward.low is not None and toward.low > planned.margin:
        verdict = "better"
    elif toward.high is not None and toward.high < planned.margin:
        verdict = "not better"
    else:
        needed = units_needed(evidence, arm)
    return ArmVerdict(
        arm,
        verdict,
        values.count,
        values.mean if values.count else None,
        pending,
        seen.estimate,
        seen.low,
        seen.high,
        seen.waiting,
        units_needed=None if needed is None else round(needed),
    )


def _refused(evidence: Evidence, mismatch: str) -> Verdict:
    return Verdict("refuse", "", words.refused(mismatch), words.REFUSED_FLIP)


def _promote(evidence: Evidence, arms: tuple[ArmVerdict, ...]) -> Verdict | None:
    sign = 1.0 if evidence.design.planned.better == "higher" else -1.0
    winners = sorted(
        (arm for arm in arms if arm.verdict == "better"), key=lambda arm: sign * (arm.difference or 0.0)
    )
    if not winners:
        return None
    best = winners[-1]
    return Verdict(
        "promote", best.arm, words.promote(evidence, best, winners[:-1]), words.verdict_flip(evidence, best)
    )


def _keep(evidence: Evidence, arms: tuple[ArmVerdict, ...], removed: Mapping[str, str]) -> Verdict | None:
    control, *others = arms
    if all(arm.verdict in ("not better", "removed") for arm in others):
        return Verdict(
            "keep", control.arm, words.keep(evidence, others, removed), words.keep_flip(evidence, others)
        )
    if evidence.units() >= evidence.design.planned.units:
        return Verdict(
            "keep", control.arm, words.keep_at_the_end(evidence, others), words.end_flip(evidence, others)
        )
    return None


def _wait(evidence: Evidence, arms: tuple[ArmVerdict, ...], rate: float | None) -> Verdict:
    design, units = evidence.design, evidence.units()
    sign = 1.0 if design.planned.better == "higher" else -1.0
    open_arms = [arm for arm in arms if arm.verdict == "open"]
    ahead = [
        arm
        for arm in open_arms
        if arm.units_needed and sign * (arm.difference or 0.0) > design.planned.margin
    ]
    needs = [arm.units_needed or design.planned.units for arm in (ahead or open_arms)]
    needed = min(needs) if ahead else max(needs)
    at_the_end = needed >= design.planned.units
    more = max(1, min(needed, design.planned.units) - units)
    hours = _hours(more, sum(arm.pending for arm in arms), rate, design.window)
    return Verdict(
        "wait",
        design.control,
        words.wait(evidence, open_arms, more, hours, at_the_end),
        words.wait_flip(evidence, open_arms),
        more,
        hours,
    )


def _hours(more: int, pending: int, rate: float | None, window: float) -> float | None:
    """Returns how long more units take: those that are pending close within the window, the others must come first."""
    if more <= pending:
        return window / 3600 * more / pending
    return window / 3600 + (more - pending) / rate if rate else None
