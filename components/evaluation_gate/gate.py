"""The decision: checks metrics against the document's gates and gives reasons. Plain Python, no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from components.evaluation_gate.config import EvaluateConfig, GateConfig
from components.evaluation_gate.result import OVERALL, Outcome
from components.evaluator.metrics import METRICS
from foundation.errors import DataError, near_miss


@dataclass(frozen=True)
class Measured:
    """A metric's value with its 95% interval and standard error; NaN if undefined.

    Attributes:
        value: The metric.
        low: Lower end of the 95% interval; NaN if none may be shown.
        high: Upper end of the 95% interval.
        error: Standard error over groups of rows that belong together (delete-a-group jackknife).
        freedom: Degrees of freedom of the error; 0 without one.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    error: float = math.nan
    freedom: int = 0

    def __str__(self) -> str:
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


@dataclass(frozen=True)
class SliceResult:
    """What was measured on one slice.

    Attributes:
        slicing: ``overall``, or the features joined by commas.
        name: ``overall``, or ``feature=value`` joined by commas.
        rows: Number of evaluated rows.
        unlabelled: Rows skipped because they have no label.
        candidate: Metric → value of the new model.
        baseline: Metric → value of the last blessed model; empty without one.
        change: Metric → candidate minus baseline on the same rows, with its interval; empty without a baseline.
        groups: Number of groups that the standard errors are computed over; rows of one group belong together.
        positives: Rows with a positive label; None unless the task is binary.
        negatives: Rows with a negative label; None unless the task is binary.
        references: ``constant`` or ``linear`` → metric → value of that simple model on the same rows.
        gains: The same keys → metric → candidate minus that model, on the same rows.
        recorded: Metric → value in the blessed model's own verdict, where it cannot be evaluated on these rows.
        incomparable: Why the blessed model cannot be evaluated on these rows; empty if it can.
    """

    slicing: str
    name: str
    rows: int
    unlabelled: int
    candidate: Mapping[str, Measured]
    baseline: Mapping[str, Measured] = field(default_factory=dict)
    change: Mapping[str, Measured] = field(default_factory=dict)
    groups: int = 0
    positives: int | None = None
    negatives: int | None = None
    references: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    gains: Mapping[str, Mapping[str, Measured]] = field(default_factory=dict)
    recorded: Mapping[str, Measured] = field(default_factory=dict)
    incomparable: str = ""


@dataclass(frozen=True)
class Check:
    """One bound on one metric in one slice.

    Attributes:
        margin: Distance of the deciding number to the bound, in the metric's unit; negative if it misses the bound.
        what: Why it does not hold, with the numbers; empty if it does.
        flip: What would reverse the outcome.
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
    note: str = ""
    baseline: float = math.nan


@dataclass(frozen=True)
class Decision:
    """Whether the model is blessed, why in one sentence, and every check behind it."""

    blessed: bool
    sentence: str
    checks: tuple[Check, ...]
    flips: tuple[str, ...]


def decide(config: EvaluateConfig, results: list[SliceResult]) -> Decision:
    """Checks every gate against the metrics.

    Args:
        config: The ``evaluate`` slice of the document.
        results: One per slice, the overall one among them.

    Raises:
        DataError: A gated metric or slice was not measured, or a compared metric has no better direction.
    """
    overall = next((r for r in results if r.slicing == OVERALL), None)
    if overall is None or not overall.rows:
        raise DataError("evaluation", expected="labelled rows in the test split", seen="none")
    if config.gates == "none":
        values = ", ".join(f"{name} {overall.candidate[name]}" for name in config.metrics)
        sentence = (
            f"Blessed unchecked because the document says gates: none; {values} on {overall.rows:,} rows."
        )
        return Decision(True, sentence, (), ("add a gate under evaluate.gates",))
    checks = tuple(
        check for name, gate in config.gates.items() for check in _gate_checks(name, gate, results)
    )
    failed = [c for c in checks if c.outcome == "fails"]
    sentence = _refusal(failed) if failed else _blessing(checks, results)
    flips = [c.flip for c in failed] or [
        min((c for c in checks if c.outcome == "holds"), key=lambda c: c.margin).flip
    ]
    return Decision(not failed, sentence, checks, tuple(flips))


def _gate_checks(metric: str, gate: GateConfig, results: list[SliceResult]) -> Iterator[Check]:
    for slicing in gate.slices:
        wanted = slicing.replace(" ", "")
        chosen = [r for r in results if r.slicing == wanted]
        if not chosen:
            known = sorted({r.slicing for r in results})
            raise DataError(
                f"gate on {metric}", expected=f"slice {slicing}", seen=near_miss(wanted, known) or str(known)
            )
        for result in chosen:
            if metric not in result.candidate:
                raise DataError(
                    f"gate on {metric}",
                    expected=f"the metric in the evaluation of {result.name}",
                    seen=near_miss(metric, list(result.candidate)) or ", ".join(result.candidate),
                    remedy="add it to evaluate.metrics",
                )
            yield from _slice_checks(metric, gate, result)


def _slice_checks(metric: str, gate: GateConfig, result: SliceResult) -> Iterator[Check]:
    measured = result.candidate[metric]
    if gate.at_least is not None:
        deciding = measured.low if gate.on_interval else measured.value
        yield _check(metric, gate, result, f"≥ {gate.at_least:.3f}", deciding - gate.at_least)
    if gate.at_most is not None:
        deciding = measured.high if gate.on_interval else measured.value
        yield _check(metric, gate, result, f"≤ {gate.at_most:.3f}", gate.at_most - deciding)
    if gate.not_worse_than_blessed_by is not None:
        yield _relative(metric, gate, result, gate.not_worse_than_blessed_by)


def _relative(metric: str, gate: GateConfig, result: SliceResult, allowed: float) -> Check:
    known = METRICS.get(metric)
    if known is None or (known.higher_is_better is None and known.best is None):
        raise DataError(
            f"gate on {metric}", expected="a metric where higher or lower is better", seen="neither is"
        )
    base = result.baseline.get(metric)
    bound = f"not worse than blessed by more than {allowed:g}"
    if base is None or math.isnan(base.value):
        note = "there is no blessed model yet" if base is None else "the blessed model has no value here"
        passes = math.nan if math.isnan(result.candidate[metric].value) else math.inf
        return _check(metric, gate, result, bound, passes, note=note)
    worse = _worse_by(metric, result, gate.on_interval)
    full = f"at most {allowed:g} worse than the blessed model's {base.value:.3f}"
    return _check(metric, gate, result, full, allowed - worse, baseline=base.value)


def _worse_by(metric: str, result: SliceResult, on_interval: bool) -> float:
    """Returns how much worse the candidate is than the baseline, at the worse end if the interval decides."""
    best = METRICS[metric].best
    if best is not None:
        own, base = result.candidate[metric], result.baseline[metric].value
        ends = (own.low, own.high) if on_interval else (own.value,)
        # max() drops a NaN that comes second.
        distance = math.nan if any(map(math.isnan, ends)) else max(abs(end - best) for end in ends)
        return distance - abs(base - best)
    change = result.change[metric]
    if METRICS[metric].higher_is_better:
        return -(change.low if on_interval else change.value)
    return change.high if on_interval else change.value


def _check(
    metric: str,
    gate: GateConfig,
    result: SliceResult,
    bound: str,
    margin: float,
    note: str = "",
    baseline: float = math.nan,
) -> Check:
    measured = result.candidate[metric]
    outcome: Outcome = "holds" if margin >= -1e-12 else "fails"  # NaN compares false, so it never holds
    if result.rows < gate.min_rows:
        note = f"{result.rows:,} rows, needs {gate.min_rows:,} to decide"
        outcome = "fails" if result.slicing == OVERALL else "not decided"
    bound += " (at the worse end of the interval)" if gate.on_interval else ""
    has = f"has {measured} on {result.rows:,} rows"
    if outcome == "holds":
        what = ""
        flip = (
            "a blessed model to compare with"
            if math.isinf(margin)
            else f"{metric} worse by {margin:.3f} on {result.name}"
        )
    else:
        short = note if result.rows < gate.min_rows else _short(margin, measured)
        what = f"needs {metric} {bound} on {result.name}, {has}: {short}"
        flip = f"{metric} on {result.name}: {short}"
    return Check(
        metric, result.name, bound, measured, result.rows, outcome, margin, what, flip, note, baseline
    )


def _short(margin: float, measured: Measured) -> str:
    if not math.isnan(margin):
        return f"{-margin:.3f} short"
    return "the metric has no value here" if math.isnan(measured.value) else "the metric has no interval here"


def _refusal(failed: list[Check]) -> str:
    shown = "; ".join(c.what for c in failed[:3])
    more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
    return f"Not blessed: {shown}{more}."


def _by_metric(checks: list[Check]) -> list[list[Check]]:
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        groups.setdefault((check.metric, check.slice), []).append(check)
    return list(groups.values())


def _held(group: list[Check]) -> str:
    first = group[0]
    bounds = " and ".join(check.bound for check in group)
    return f"{first.metric} {first.measured} on {first.slice} ({first.rows:,} rows) meets {bounds}"


def _blessing(checks: tuple[Check, ...], results: list[SliceResult]) -> str:
    held = [c for c in checks if c.outcome == "holds"]
    if not held:
        raise DataError(
            "gates",
            expected="at least one slice with enough rows to decide",
            seen="none",
            remedy="lower min_rows",
        )
    whole = [c for c in held if c.slice == OVERALL] or sorted(held, key=lambda c: c.margin)
    measured = [c for c in whole if not math.isinf(c.margin)] or whole
    parts = ["; ".join(_held(group) for group in _by_metric(measured)[:3])]
    elsewhere = len({c.slice for c in held} - {OVERALL})
    if elsewhere:
        parts.append(f"the gates hold on {elsewhere} slices")
    undecided = len({c.slice for c in checks if c.outcome == "not decided"})
    if undecided:
        parts.append(f"{undecided} slices have too few rows to decide")
    notes = sorted({c.note for c in held if c.note})
    tightest = min(held, key=lambda c: c.margin)
    if not math.isinf(tightest.margin):
        notes.append(f"would be refused with {tightest.flip}")
    return f"Blessed: {'; '.join([*parts, *notes])}."
