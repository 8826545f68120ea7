"""The gate's sentences: what holds, what does not, by how much, and what would reverse it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.evaluation_gate.evidence import ENDS, MOST, power, quantile
from components.evaluation_gate.measured import Measured, SliceResult
from components.evaluation_gate.questions import Question
from components.evaluation_gate.result import OVERALL, Kind, Outcome
from components.evaluator.metrics import metric_named
from foundation.errors import DataError
from foundation.numbers import above, aligned, decimals, exact, fixed, telling

_OFTEN = 0.05
"""How often an equal model may be refused before the sentence says so."""


@dataclass(frozen=True)
class Check:
    """One bound on one metric in one slice.

    Attributes:
        bound: The bound in words.
        margin: By how much the metric has to become worse to reverse the outcome, in its unit; negative if better.
        what: Why it does not hold, with the numbers; empty if it does.
        flip: What would reverse the outcome.
        note: Why it did not decide, or how sure it is.
        compared: The value of the model that it is compared with; NaN if the bound is absolute.
        kind: The key of the gate.
        threshold: The bound's exact number.
        chance: How often a loss as large is measured where there is none; NaN where that does not decide.
        level: What ``chance`` is held against.
        power: How often twice the allowed loss is refused.
        has: The measured value with its interval, with digits enough to be held against the bound.
        waived: Why it holds although there is nothing to compare with.
        missing: Whether there was too little to decide by, such as too few rows.
    """

    metric: str
    slice: str
    bound: str
    measured: Measured
    rows: int
    outcome: Outcome
    margin: float
    what: str
    flip: str
    note: str
    compared: float
    kind: Kind
    threshold: float
    chance: float
    level: float
    power: float
    has: str
    waived: str
    missing: bool

    @property
    def baseline(self) -> float:
        """The value of the last blessed model; NaN if it is not compared with it."""
        return self.compared if self.kind == "not_worse_than_blessed_by" else math.nan

    @property
    def relative(self) -> float:
        """The margin as a share of the value, comparable across metrics of different units."""
        scale = abs(self.measured.value) or abs(self.threshold)
        return self.margin / scale if scale and math.isfinite(scale) else self.margin


def check(
    question: Question,
    outcome: Outcome,
    margin: float,
    note: str,
    chance: float,
    level: float,
    strength: float,
) -> Check:
    """Returns a question with its outcome and the words for it."""
    places = _places(question)
    has = shown(question.measured, places)
    bound = _bound(question, places)
    often = _equal_refused(question, level) > _OFTEN
    told = note if question.way == "evidence" or often else ""
    what = _what(question, margin, bound, has, told) if outcome == "fails" else ""
    return Check(
        metric=question.metric,
        slice=question.result.name,
        bound=bound,
        measured=question.measured,
        rows=question.result.rows,
        outcome=outcome,
        margin=margin,
        what=what,
        flip=_flip(question, outcome, margin),
        note=note,
        compared=question.compared,
        kind=question.kind,
        threshold=question.limit,
        chance=chance,
        level=level,
        power=strength,
        has=has,
        waived=question.waived,
        missing=bool(question.missing),
    )


def shown(measured: Measured, places: int = 0) -> str:
    """Returns a value with its interval, with ``places`` decimals at least."""
    places = max(places, decimals(measured.value, measured.high - measured.low))
    value, low, high = (fixed(v, places) for v in (measured.value, measured.low, measured.high))
    return value if math.isnan(measured.low) or math.isnan(measured.high) else f"{value} ({low}–{high})"


def _places(question: Question) -> int:
    """Returns the decimals at which the shown numbers say what the exact ones say."""
    own, limit, compared = question.measured, question.limit, question.compared
    start = decimals(own.value, own.high - own.low)
    if not math.isfinite(own.value) or not math.isfinite(limit):
        return start
    if math.isfinite(compared):
        distance = abs(own.value - compared)
        close = distance > limit
        return telling(start, lambda r: (abs(r(own.value) - r(compared)) > limit + 1e-12 * distance) == close)
    ends = [v for v in (own.value, own.low, own.high) if math.isfinite(v)]
    return telling(start, lambda r: [(r(v) > limit) - (r(v) < limit) for v in ends] == _signs(ends, limit))


def _signs(values: Iterable[float], limit: float) -> list[int]:
    return [(value > limit) - (value < limit) for value in values]


def _bound(question: Question, places: int) -> str:
    named = math.isfinite(question.compared) and question.kind != "best_of_last"
    base = f" {fixed(question.compared, places)}" if named else ""
    if question.kind in ("at_least", "at_most"):
        base = f" {aligned(question.limit, places)}"
    end = " (at the worse end of the interval)" if question.way == "interval" else ""
    return f"{question.bound}{base}{end}"


def _what(question: Question, margin: float, bound: str, has: str, note: str) -> str:
    metric, where = question.metric, question.result.name
    if question.missing:
        return f"{metric} on {where} has {question.missing}: {question.remedy}"
    sure = f" ({note})" if note else ""
    rows = f"{question.result.rows:,} rows"
    return f"needs {metric} {bound} on {where}, has {has} on {rows}: {_short(question, margin)}{sure}"


def bar(question: Question, level: float) -> float:
    """Returns the measured loss above which a comparison over all rows refuses."""
    loss, allowed = question.loss, question.allowed
    if math.isnan(level):
        return allowed
    return max(allowed, min(quantile(loss.freedom, 1 - level) * loss.tests[0][1], MOST * allowed))


def _equal_refused(question: Question, level: float) -> float:
    """Returns how often a model equal to the compared one is refused over all rows; NaN if that is not known."""
    loss = question.loss
    if question.way == "evidence" or not question.allowed or not loss.tests:
        return math.nan
    error = loss.tests[0][1]
    if question.way == "value":
        return power(0.0, bar(question, level), error, loss.freedom, 1.0)
    if loss.freedom < 1 or not error > 0:
        return math.nan
    reach = error * quantile(loss.freedom, ENDS)
    return power(0.0, question.allowed - reach, error, loss.freedom, 1.0)


def _short(question: Question, margin: float) -> str:
    if not math.isnan(margin):
        return f"{above(-margin)} short"
    if math.isnan(question.measured.value):
        return "the metric has no value here"
    return "the metric has no interval here"


def _flip(question: Question, outcome: Outcome, margin: float) -> str:
    metric, where = question.metric, question.result.name
    if outcome == "fails":
        return f"{metric} on {where}: {question.missing or _short(question, margin)}"
    if math.isinf(margin):
        return "a blessed model to compare with"
    if math.isnan(margin):
        return f"more rows on {where}"
    # A loss that rounding excuses has to grow by that much more.
    return f"{metric} {_direction(question)} by {above(margin + 2e-9 * question.allowed)} on {where}"


def _direction(question: Question) -> str:
    known = metric_named(question.metric)
    better = known.higher_is_better if known else None
    if question.kind in ("at_least", "at_most"):
        lower = question.kind == "at_least"
        return "worse" if better is lower else "lower" if lower else "higher"
    return "worse" if better is not None or known is None else f"further from {known.best:g}"


def sureness(question: Question, level: float, strength: float) -> str:
    """Returns how often an equal model, and one worse by twice what is allowed, is refused; empty if that is not known."""
    twice = _loss(2 * question.allowed)
    if question.way == "evidence":
        return "" if math.isnan(strength) else f"a loss of {twice} is seen in {_share(strength)} of runs"
    equal = _equal_refused(question, level)
    if math.isnan(equal):
        return ""
    seen = "" if math.isnan(strength) else f", one worse by {twice} in {_share(strength)}"
    return f"an equal model is refused in {_share(equal)} of runs{seen}"


def too_few_to_tell(question: Question, strength: float) -> str:
    """Returns that a slice is too small for the allowed loss, with its power."""
    seen = f"a loss of {_loss(2 * question.allowed)} is seen in {_share(strength)} of runs"
    return f"too few rows to tell {_loss(question.allowed)}: {seen}"


def beyond_chance(chance: float, level: float) -> str:
    """Returns that a loss is more than chance."""
    return f"more than chance: p = {chance:.2g}, and {level:.2g} would do"


def within_chance(question: Question, chance: float) -> str:
    """Returns that a loss may be chance."""
    return f"worse by {_loss(question.loss.value)}, which chance alone does in {_share(chance)} of runs"


def _loss(value: float) -> str:
    return exact(float(f"{value:.2g}"))


def _share(value: float) -> str:
    return "under 1%" if value < 0.01 else "over 99%" if value > 0.99 else f"{value:.0%}"


def unchecked(metrics: Sequence[str], overall: SliceResult) -> str:
    """Returns the sentence for a document without gates."""
    values = ", ".join(f"{name} {shown(overall.candidate[name])}" for name in metrics)
    return f"Blessed unchecked because the document says gates: none; {values} on {overall.rows:,} rows."


def refusal(failed: list[Check]) -> str:
    """Returns the sentence for a model that fails."""
    whats = list(dict.fromkeys(c.what for c in failed))
    more = f"; and {len(whats) - 3} more" if len(whats) > 3 else ""
    return f"Not blessed: {'; '.join(whats[:3])}{more}."


def nearest(checks: Sequence[Check]) -> Check:
    """Returns the check that the smallest change for the worse, relative to the metric's value, would make fail.

    Raises:
        DataError: None has enough rows to decide.
    """
    deciding = [c for c in checks if not c.missing and not math.isnan(c.margin)]
    if not deciding:
        raise DataError(
            "gates",
            expected="at least one slice with enough rows to decide",
            seen="; ".join(dict.fromkeys(f"{c.slice}: {c.note}" for c in checks[:3])),
            remedy="add overall to the gate's slices, or lower min_rows",
        )
    return min(deciding, key=lambda c: c.relative)


def blessing(checks: Sequence[Check]) -> str:
    """Returns the sentence for a model that passes."""
    held = [c for c in checks if c.outcome == "holds"]
    closest = nearest(checks)
    named = [c for c in held if c.kind != "best_of_last"]
    whole = [c for c in named if c.slice == OVERALL] or sorted(named, key=lambda c: c.relative)
    measured = [c for c in whole if not math.isinf(c.margin)] or whole
    parts = ["; ".join(_held(group) for group in _by_metric(measured)[:3])] if whole else []
    undecided = {c.slice for c in checks if c.outcome == "not decided"} - {OVERALL}
    elsewhere = {c.slice for c in held} - {OVERALL} - undecided
    if elsewhere:
        parts.append(f"the gates hold on {_slices(len(elsewhere))}")
    if undecided:
        have = "has" if len(undecided) == 1 else "have"
        parts.append(f"{_slices(len(undecided))} {have} too few rows to decide")
    parts += [f"{c.metric} on {c.slice} is {c.note}, {c.bound} is asked" for c in checks if _may_be_chance(c)]
    parts += sorted({c.waived for c in held if c.waived})
    if not math.isinf(closest.margin):
        parts.append(f"would be refused with {closest.flip}")
    return f"Blessed: {'; '.join(parts)}."


def _may_be_chance(check: Check) -> bool:
    undecided = check.slice == OVERALL and check.outcome == "not decided" and not check.missing
    return undecided and check.kind != "best_of_last"


def _slices(count: int) -> str:
    return f"{count} slice" if count == 1 else f"{count} slices"


def _by_metric(checks: list[Check]) -> list[list[Check]]:
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.metric, check.slice), []).append(check)
    return list(groups.values())


def _held(group: list[Check]) -> str:
    first = group[0]
    bounds = " and ".join(check.bound for check in group)
    has = max((check.has for check in group), key=len)
    return f"{first.metric} {has} on {first.slice} ({first.rows:,} rows) meets {bounds}"
