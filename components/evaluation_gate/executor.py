"""Executor of the gate: reads TFMA's metrics, decides, writes the verdict and TFX's blessing."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_executor
from tfx.types import artifact, artifact_utils

from components.evaluation_gate.config import EvaluateConfig
from components.evaluation_gate.gate import Check, Decision, Earlier, Measured, SliceResult, decide
from components.evaluation_gate.measurements import read_evaluation
from components.evaluation_gate.questions import losses_of, plus
from components.evaluation_gate.result import Gate, Interval, Metric, Since, Verdict
from components.evaluator.intervals import Evidence, too_few
from components.evaluator.metrics import metric_named
from foundation.publish import write_text

log = logging.getLogger(__name__)

Artifacts = dict[str, list[artifact.Artifact]]
VERDICT = "verdict"
"""Property of a blessing: the folder of the verdict behind it."""
_REMEMBERED = 20
"""How many earlier blessed models a verdict names."""


class GateExecutor(base_executor.BaseExecutor):
    """Decides whether the model is blessed; a refusal is a result, not an error."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        """Writes ``blessing`` (as TFX's Evaluator does) and ``verdict``."""
        config = EvaluateConfig.model_validate_json(exec_properties["config"])
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        before = input_dict.get("baseline_blessing", [])
        results = with_recorded(read_evaluation(evaluation), _verdict_behind(before))
        earlier = _earlier(before)
        decision = decide(config, results, earlier)
        log.info("%s", decision.sentence)
        since = tuple(_since(before, results[0], earlier))
        verdict = verdict_of(decision, results, exec_properties["task"], since)
        where = artifact_utils.get_single_uri(output_dict["verdict"])
        verdict.write(where)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _bless(blessing, input_dict, decision)
        blessing.set_string_custom_property(VERDICT, where)
        blessing.set_string_custom_property("run", (self._context and self._context.pipeline_run_id) or "")


def _bless(blessing: artifact.Artifact, inputs: Artifacts, decision: Decision) -> None:
    model = artifact_utils.get_single_instance(inputs["model"])
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if inputs.get("baseline_model"):
        baseline = inputs["baseline_model"][0]
        blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
        blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    name = constants.BLESSED_FILE_NAME if decision.blessed else constants.NOT_BLESSED_FILE_NAME
    write_text(Path(blessing.uri) / name, "")
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(decision.blessed))


def _earlier(before: list[artifact.Artifact]) -> list[Earlier]:
    """Returns the models blessed before the last blessed one, as its own verdict compares them."""
    verdict = _verdict_behind(before)
    if verdict is None:
        return []
    return [
        Earlier(one.model, one.run, {name: _measured(loss) for name, loss in one.losses.items()})
        for one in verdict.since
    ]


def _verdict_behind(before: list[artifact.Artifact]) -> Verdict | None:
    """Returns the verdict that blessed the last blessed model; None if it is not kept."""
    where = before[0].get_string_custom_property(VERDICT) if before else ""
    return Verdict.find(where) if where else None


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


def _since(before: list[artifact.Artifact], overall: SliceResult, earlier: list[Earlier]) -> Iterator[Since]:
    """Yields the models blessed before this one, and how much worse this one is."""
    if not before:
        return
    losses = losses_of(overall)
    last = before[0].get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)
    yield Since(last, before[0].get_string_custom_property("run"), _intervals(losses))
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
