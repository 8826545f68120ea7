"""Judges an evaluation: reads its result file and the verdicts before it, decides, and makes the verdict. No TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Check, Decision, Earlier, Measured, SliceResult, decide
from components.evaluation_gate.measurements import read_evaluation
from components.evaluation_gate.questions import losses_of, plus
from components.evaluation_gate.result import Gate, Interval, Metric, Since, Verdict
from components.evaluator.intervals import Evidence, too_few
from components.evaluator.metrics import metric_named

_REMEMBERED = 20
"""How many earlier blessed models a verdict names."""


@dataclass(frozen=True)
class Blessed:
    """The last blessed model.

    Attributes:
        model: Id of its artifact.
        run: The run that made it.
        verdict: Folder of the verdict that blessed it; empty if it is not known.
    """

    model: int
    run: str
    verdict: str


def judge(
    evaluation: str, config: EvaluateConfig, task: str, blessed: Blessed | None
) -> tuple[Decision, Verdict]:
    """Returns the decision on a model, and the verdict that says it.

    Args:
        evaluation: Folder of its evaluation.
        config: The ``evaluate`` slice of the document.
        task: binary, multiclass or regression.
        blessed: The last blessed model, which the evaluation compares it with; None if there is none.

    Raises:
        DataError: The evaluation is missing or damaged, or lacks what a gate asks for.
    """
    before = Verdict.find(blessed.verdict) if blessed and blessed.verdict else None
    results = with_recorded(read_evaluation(evaluation), before)
    earlier = _earlier(before)
    decision = decide(config, results, earlier)
    since = tuple(_since(blessed, results[0], earlier))
    return decision, verdict_of(decision, results, task, since)


def _earlier(verdict: Verdict | None) -> list[Earlier]:
    """Returns the models blessed before the last blessed one, as its own verdict compares them."""
    if verdict is None:
        return []
    return [
        Earlier(one.model, one.run, {name: _measured(loss) for name, loss in one.losses.items()})
        for one in verdict.since
    ]


def with_recorded(results: list[SliceResult], verdict: Verdict | None) -> list[SliceResult]:
    """Adds what the blessed model's own verdict says of it, where it cannot be judged on these rows."""
    if verdict is None or not results[0].incomparable:
        return results
    recorded: dict[str, dict[str, Measured]] = {}
    for one in verdict.metrics:
        if one.value is not None:
            found = Interval(one.value, one.low, one.high, one.error, one.freedom)
            recorded.setdefault(one.slice, {})[one.metric] = _measured(found)
    return [replace(result, recorded=recorded.get(result.name, {})) for result in results]


def _measured(found: Interval) -> Measured:
    value, low, high, error = (
        math.nan if number is None else number for number in (found.value, found.low, found.high, found.error)
    )
    return Measured(value, low, high, error, found.freedom)


def _since(blessed: Blessed | None, overall: SliceResult, earlier: list[Earlier]) -> Iterator[Since]:
    """Yields the models blessed before this one, and how much worse this one is."""
    if blessed is None:
        return
    losses = losses_of(overall)
    yield Since(blessed.model, blessed.run, _intervals(losses))
    for model in earlier[: _REMEMBERED - 1]:
        added = {
            name: plus(model.losses[name], loss) for name, loss in losses.items() if name in model.losses
        }
        yield Since(model.model, model.run, _intervals(added))


def _intervals(found: Mapping[str, Measured]) -> dict[str, Interval]:
    return {name: _interval(measured) for name, measured in found.items()}


def verdict_of(
    decision: Decision, results: list[SliceResult], task: str, since: tuple[Since, ...] = ()
) -> Verdict:
    """Returns the verdict to write; missing numbers are null."""
    return Verdict(
        blessed=decision.blessed,
        sentence=decision.sentence,
        flips=decision.flips,
        task=task,
        rows_without_label=results[0].unlabelled,
        gates=tuple(_gate(check) for check in decision.checks),
        metrics=tuple(row for result in results for row in _metrics(result, task)),
        since=since,
    )


def _gate(check: Check) -> Gate:
    return Gate(
        metric=check.metric,
        slice=check.slice,
        bound=check.bound,
        value=_number(check.measured.value),
        low=_number(check.measured.low),
        high=_number(check.measured.high),
        rows=check.rows,
        outcome=check.outcome,
        note=check.note,
        baseline=_number(check.baseline),
        margin=_number(check.margin),
        kind=check.kind,
        threshold=_number(check.threshold),
        chance=_number(check.chance),
        level=_number(check.level),
        power=_number(check.power),
    )


def _metrics(result: SliceResult, task: str) -> Iterator[Metric]:
    for metric, measured in sorted(result.candidate.items()):
        compared = metric in result.baseline
        own = _interval(measured)
        yield Metric(
            metric=metric,
            slice=result.name,
            value=own.value,
            low=own.low,
            high=own.high,
            note=_without_interval(metric, task, result) if own.low is None else "",
            error=own.error,
            freedom=own.freedom,
            rows=result.rows,
            baseline=_number(result.baseline[metric].value) if compared else None,
            change=_interval(result.change[metric]) if compared else None,
            references={
                name: _number(found[metric].value)
                for name, found in result.references.items()
                if metric in found
            },
            gains={name: _interval(found[metric]) for name, found in result.gains.items() if metric in found},
        )


def _without_interval(metric: str, task: str, result: SliceResult) -> str:
    """Returns why a metric has no interval; empty if it has no value either, or no error."""
    known = metric_named(metric)
    if known is None or math.isnan(result.candidate[metric].value):
        return ""
    evidence = Evidence(result.rows, result.groups, result.positives, result.negatives)
    return too_few(known.kind_in(task), evidence)


def _interval(found: Measured) -> Interval:
    value, low, high, error = map(_number, (found.value, found.low, found.high, found.error))
    return Interval(value, low, high, error, found.freedom)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
