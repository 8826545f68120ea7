"""What a gate asks of a slice, as one number: how much worse the metric is than it has to be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from components.evaluation_gate.config import GateConfig
from components.evaluation_gate.evidence import ENDS, quantile
from components.evaluation_gate.measured import Earlier, Measured, SliceResult
from components.evaluation_gate.result import OVERALL, Kind
from components.evaluator.metrics import metric_named
from foundation.config import allowed as in_unit
from foundation.errors import DataError
from foundation.numbers import exact
from foundation.saved_model import CONSTANT

Way = Literal["value", "interval", "evidence"]
"""What decides: the value (of a comparison, within bounds, whether it is more than chance), the worse end of its
interval, or whether a loss is more than chance."""
FEWEST_EVENTS = 20
"""Positives or negatives below which a metric that needs them does not decide unless the gate says otherwise."""
_FREEDOM = 19
"""Degrees of freedom of intervals in evaluations that do not name them."""


@dataclass(frozen=True)
class Loss:
    """How much worse a metric is than it has to be.

    Attributes:
        value: The measured loss; negative if the metric is better.
        worst: Its unfavourable end; NaN without an interval.
        tests: Pairs of an estimate and its standard error; a loss is more than chance if all of them are.
        freedom: Degrees of freedom of the errors.
        sure: Whether the errors were measured, not derived from an interval.
    """

    value: float
    worst: float = math.nan
    tests: tuple[tuple[float, float], ...] = ()
    freedom: int = 0
    sure: bool = False


@dataclass(frozen=True)
class Question:
    """One bound on one metric in one slice.

    Attributes:
        limit: The bound's number: of an absolute one as the document has it, else how much worse the metric may be; NaN if
            that is a share of a value that does not exist.
        compared: The value of the model that it is compared with; NaN if the bound is absolute.
        loss: How much worse it is than the bound or the compared model.
        way: What decides.
        bound: The bound in words, without its number or the value that it is compared with.
        waived: Why it holds although there is nothing to compare with.
        missing: Why it cannot decide, such as too few rows.
        remedy: What a person can do about that.
    """

    metric: str
    result: SliceResult
    kind: Kind
    limit: float
    compared: float
    loss: Loss
    way: Way
    bound: str
    waived: str = ""
    missing: str = ""
    remedy: str = ""

    @property
    def measured(self) -> Measured:
        """The metric of the new model."""
        return self.result.candidate[self.metric]

    @property
    def allowed(self) -> float:
        """How large the loss may be."""
        return 0.0 if self.kind in ("at_least", "at_most") or math.isnan(self.limit) else self.limit

    @property
    def null(self) -> float:
        """The loss that a test is against: none over all rows, in slices half of what is allowed.

        Against none, a model that is worse by half of what is allowed is refused for its slices in every fourth run; against
        all of it, slices of the usual size hardly ever refuse (``benchmarks/statistics/gates.py`` has the figures).
        """
        return self.allowed / 2 if self.way == "evidence" else 0.0

    @property
    def is_overall(self) -> bool:
        """Whether it is about the whole split."""
        return self.result.slicing == OVERALL


def questions(
    metric: str, gate: GateConfig, result: SliceResult, earlier: Sequence[Earlier]
) -> Iterator[Question]:
    """Yields what a gate asks of one slice.

    Args:
        metric: The gate's metric, which the slice has.
        gate: The gate.
        result: What was measured on the slice.
        earlier: Models blessed before the last blessed one, newest first.

    Raises:
        DataError: A compared metric has no better direction, or a simple model was not measured.
    """
    for kind, limit in (("at_least", gate.at_least), ("at_most", gate.at_most)):
        if limit is not None:
            yield _absolute(metric, gate, result, kind, limit)  # type: ignore[arg-type]
    if gate.not_worse_than_blessed_by is not None:
        yield (last := _blessed(metric, gate, result, gate.not_worse_than_blessed_by))
        known = last.loss.tests and not math.isnan(last.loss.tests[0][1])
        if result.slicing == OVERALL and known and not (last.waived or last.missing):
            yield from _earlier(last, earlier[: gate.best_of_last - 1])
    if gate.better_than_constant:
        yield _simple(metric, gate, result, "better_than_constant", 0.0)
    if gate.not_worse_than_linear_by is not None:
        yield _simple(metric, gate, result, "not_worse_than_linear_by", gate.not_worse_than_linear_by)


def _question(
    metric: str,
    gate: GateConfig,
    result: SliceResult,
    kind: Kind,
    limit: float,
    bound: str,
    loss: Loss,
    compared: float = math.nan,
    waived: str = "",
) -> Question:
    way = _way(gate, result, kind)
    missing, remedy = _too_few(metric, gate, result) or ("", "")
    if not missing and way == "interval" and kind == "at_least":
        missing, remedy = _cannot_show(metric, result, limit) or ("", "")
    return Question(metric, result, kind, limit, compared, loss, way, bound, waived, missing, remedy)


def _way(gate: GateConfig, result: SliceResult, kind: Kind) -> Way:
    if result.slicing != OVERALL:
        return "interval" if gate.on_interval == "everywhere" else "evidence"
    return "interval" if gate.on_interval or kind == "better_than_constant" else "value"


def _absolute(metric: str, gate: GateConfig, result: SliceResult, kind: Kind, limit: float) -> Question:
    own = result.candidate[metric]
    if kind == "at_least":
        error, freedom = _spread(own, own.high - own.value)
        loss = Loss(limit - own.value, limit - own.low, ((limit - own.value, error),), freedom)
        return _question(metric, gate, result, kind, limit, "≥", loss)
    error, freedom = _spread(own, own.value - own.low)
    loss = Loss(own.value - limit, own.high - limit, ((own.value - limit, error),), freedom)
    return _question(metric, gate, result, kind, limit, "≤", loss)


def _spread(measured: Measured, arm: float = math.nan) -> tuple[float, int]:
    """Returns a standard error and its degrees of freedom, no smaller than the interval's arm implies."""
    freedom = measured.freedom or (_FREEDOM if not math.isnan(measured.high - measured.low) else 0)
    if not freedom:
        return math.nan, 0
    if math.isnan(arm):
        arm = (measured.high - measured.low) / 2 if math.isnan(measured.error) else math.nan
    implied = arm / quantile(freedom, ENDS)
    return max((e for e in (measured.error, implied) if not math.isnan(e)), default=math.nan), freedom


def _blessed(metric: str, gate: GateConfig, result: SliceResult, allowance: float | str) -> Question:
    _refuse_undirected(metric)
    kind: Kind = "not_worse_than_blessed_by"
    base = result.baseline.get(metric)
    change = result.change.get(metric)
    name = "the blessed model's"
    if result.incomparable and metric in result.recorded:
        base = result.recorded[metric]
        change = _unpaired(result.candidate[metric], base)
        name = f"the blessed model's own verdict, as it cannot be evaluated on these rows ({result.incomparable}):"
    given = allowance if isinstance(allowance, str) else exact(allowance)
    if base is None or change is None or math.isnan(base.value):
        bound = f"not worse than blessed by more than {given}"
        limit = math.nan if isinstance(allowance, str) else allowance
        if result.incomparable:
            asked = _question(metric, gate, result, kind, limit, bound, Loss(math.nan))
            seen = f"the blessed model cannot be evaluated on these rows ({result.incomparable})"
            remedy = "bless one model without not_worse_than_blessed_by"
            return asked if asked.missing else replace(asked, missing=seen, remedy=remedy)
        if math.isnan(result.candidate[metric].value):
            return _question(metric, gate, result, kind, limit, bound, Loss(math.nan))
        waived = "there is no blessed model yet" if base is None else "the blessed model has no value here"
        return _question(metric, gate, result, kind, limit, bound, Loss(-math.inf), waived=waived)
    return _compared(metric, gate, result, kind, allowance, base, change, name)


def _simple(
    metric: str, gate: GateConfig, result: SliceResult, kind: Kind, allowance: float | str
) -> Question:
    _refuse_undirected(metric)
    name = "constant" if kind == "better_than_constant" else "linear"
    base = result.references.get(name, {}).get(metric)
    change = result.gains.get(name, {}).get(metric)
    if base is None and CONSTANT in result.references:
        bound, waived = "compared with the linear baseline", "no linear baseline could be fitted"
        return _question(metric, gate, result, kind, math.nan, bound, Loss(-math.inf), waived=waived)
    if base is None or change is None:
        raise DataError(
            f"gate on {metric}",
            expected=f"the {name} baseline in the evaluation of {result.name}",
            seen="none",
            remedy="run Trainer and Evaluator again with --force",
        )
    if math.isnan(base.value) and not math.isnan(result.candidate[metric].value):
        bound = f"compared with the {name} baseline"
        waived = f"the {name} baseline has no {metric} here"
        return _question(metric, gate, result, kind, math.nan, bound, Loss(-math.inf), waived=waived)
    return _compared(metric, gate, result, kind, allowance, base, change, f"the {name} baseline's")


def _compared(
    metric: str,
    gate: GateConfig,
    result: SliceResult,
    kind: Kind,
    allowance: float | str,
    base: Measured,
    change: Measured,
    name: str,
) -> Question:
    limit = in_unit(allowance, base.value)
    given = f"{allowance} ({limit:.3g})" if isinstance(allowance, str) else exact(allowance)
    better = kind == "better_than_constant"
    bound = f"better than {name}" if better else f"at most {given} worse than {name}"
    loss = loss_of(metric, result.candidate[metric], base, change)
    return _question(metric, gate, result, kind, limit, bound, loss, base.value)


def _unpaired(own: Measured, base: Measured) -> Measured:
    """Returns the difference of two values on different rows."""
    (error, freedom), (other, more) = _spread(own), _spread(base)
    error, freedom = math.hypot(error, other), min(freedom, more)
    value = own.value - base.value
    reach = error * quantile(freedom, ENDS) if freedom else math.nan
    return Measured(value, value - reach, value + reach, error, freedom)


def loss_of(metric: str, own: Measured, base: Measured, change: Measured) -> Loss:
    """Returns how much worse a model is than another, judged on their paired difference.

    For a metric with an ideal value this is how much further from it the model is. With d the difference and s the sum of
    both deviations from the ideal, that loss is above x if and only if d > x and s > x, or −d > x and −s > x.
    """
    error, freedom = _spread(change)
    known = metric_named(metric)
    best = known.best if known else None
    if best is None:
        sign = -1.0 if known and known.higher_is_better else 1.0
        value = sign * change.value + 0.0
        worst = -change.low if sign < 0 else change.high
        return Loss(value, worst, ((value, error),), freedom, not math.isnan(change.error))
    value = abs(own.value - best) - abs(base.value - best)
    total = own.value + base.value - 2 * best
    spread = _sum_error(own, base, error)
    outwards = 1.0 if own.value > best else -1.0
    reach = spread * quantile(freedom, ENDS) if freedom and not math.isnan(spread) else math.inf
    worst = max(min(change.high, total + reach), min(-change.low, reach - total))
    return Loss(
        value,
        math.nan if math.isnan(change.high) else worst,
        ((value, error), (outwards * total, spread)) if not math.isnan(spread) else ((value, error),),
        freedom,
        not math.isnan(change.error),
    )


def _sum_error(own: Measured, base: Measured, difference: float) -> float:
    """Returns the standard error of a sum of paired values: Var(a+b) = 2 Var(a) + 2 Var(b) − Var(a−b)."""
    squared = 2 * _spread(own)[0] ** 2 + 2 * _spread(base)[0] ** 2 - difference**2
    return math.sqrt(max(squared, 0.0)) if not math.isnan(squared) else math.nan


def losses_of(result: SliceResult) -> dict[str, Measured]:
    """Returns how much worse the candidate is than the last blessed model, for each metric with a better direction."""
    found = {}
    for metric, change in result.change.items():
        known = metric_named(metric)
        if known and (known.higher_is_better is not None or known.best is not None):
            loss = loss_of(metric, result.candidate[metric], result.baseline[metric], change)
            error = loss.tests[0][1]
            found[metric] = Measured(loss.value, error=error, freedom=loss.freedom)
    return found


def plus(first: Measured, second: Measured) -> Measured:
    """Returns the sum of two losses measured one after the other."""
    error = math.hypot(first.error, second.error)
    return Measured(first.value + second.value, error=error, freedom=min(first.freedom, second.freedom))


def _earlier(last: Question, earlier: Sequence[Earlier]) -> Iterator[Question]:
    """Yields the comparison with models before the last blessed one; a refusal needs evidence, as errors add up."""
    for age, model in enumerate(earlier, start=2):
        before = model.losses.get(last.metric)
        if before is None or math.isnan(before.value) or math.isnan(before.error):
            continue
        own = Measured(last.loss.value, error=last.loss.tests[0][1], freedom=last.loss.freedom)
        added = plus(before, own)
        loss = Loss(added.value, math.nan, ((added.value, added.error),), added.freedom)
        bound = f"at most {exact(last.limit)} worse than the blessed model {age} back, of run {model.run}"
        yield replace(last, kind="best_of_last", loss=loss, way="evidence", bound=bound)


def _refuse_undirected(metric: str) -> None:
    known = metric_named(metric)
    if known is None or (known.higher_is_better is None and known.best is None):
        raise DataError(
            f"gate on {metric}", expected="a metric where higher or lower is better", seen="neither is"
        )


def _too_few(metric: str, gate: GateConfig, result: SliceResult) -> tuple[str, str] | None:
    return too_few(metric, gate, result.rows, result.positives, result.negatives)


def too_few(
    metric: str, gate: GateConfig, rows: int, positives: int | None, negatives: int | None
) -> tuple[str, str] | None:
    """Returns what is too little to decide and the remedy, None if it is enough."""
    known = metric_named(metric)
    needs = known.needs if known else ()
    counted: Mapping[str, tuple[int | None, int | None]] = {
        "rows": (rows, gate.min_rows),
        "positives": (positives, gate.min_positives),
        "negatives": (negatives, gate.min_negatives),
    }
    for name, (has, given) in counted.items():
        wanted = given if given is not None else FEWEST_EVENTS if name in needs else 0
        if has is not None and has < wanted:
            what = name if has != 1 else name.removesuffix("s")
            remedy = f"give the test split more rows (data.split.test) or lower {metric}'s min_{name}"
            return f"{has:,} {what}, needs {wanted:,} to decide", remedy
    return None


def _cannot_show(metric: str, result: SliceResult, limit: float) -> tuple[str, str] | None:
    """Returns that even a faultless model could not show the bound, and how many rows could.

    If all n are right, the lower end of Clopper and Pearson's interval is the n-th root of 2.5%.
    """
    count = {"accuracy": result.rows, "recall": result.positives}.get(metric)
    if count is None or not 0 < limit < 1:
        return None
    name = "positives" if metric == "recall" else "rows"
    if 0 < result.groups < count:  # where all are right, those of one key count as one
        count, name = result.groups, "groups of rows with one key"
    needed = math.ceil(math.log(1 - ENDS) / math.log(limit))
    if count >= needed:
        return None
    seen = f"{count:,} {name}, which cannot show {exact(limit)} even if all are right; {needed:,} can"
    return seen, "give the test split more rows (data.split.test) or set on_interval: false"
