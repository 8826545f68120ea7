"""The decision: checks metrics against the document's gates and gives reasons. Plain Python, no TensorFlow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.evaluation_gate import words
from components.evaluation_gate.config import EvaluateConfig, GateConfig
from components.evaluation_gate.evidence import (
    MOST,
    OVERALL_ERROR,
    SLICES_ERROR,
    chance,
    levels,
    power,
    quantile,
)
from components.evaluation_gate.measured import Earlier, Measured, SliceResult
from components.evaluation_gate.questions import Question, questions
from components.evaluation_gate.result import OVERALL, Outcome
from components.evaluation_gate.words import Check
from foundation.errors import DataError, near_miss

__all__ = ["Check", "Decision", "Earlier", "Measured", "SliceResult", "decide"]

_ROUNDING = 1e-9
"""Share of the allowed loss that a difference of two floats may exceed it by."""


@dataclass(frozen=True)
class Decision:
    """Whether the model is blessed, why in one sentence, and every check behind it."""

    blessed: bool
    sentence: str
    checks: tuple[Check, ...]
    flips: tuple[str, ...]


def decide(config: EvaluateConfig, results: list[SliceResult], earlier: Sequence[Earlier] = ()) -> Decision:
    """Checks every gate against the metrics.

    On all rows the value decides, or the worse end of its interval; a comparison is refused with a measured loss above what is
    allowed that is more than chance, or above ``MOST`` times that. In slices, and against models before the last
    blessed one, a refusal needs a measured loss above what is allowed, and evidence that the true one is above half of
    that. All these tests together refuse an equal model in at most 5% of runs.

    Args:
        config: The ``evaluate`` slice of the document.
        results: One per slice, the overall one among them.
        earlier: Models blessed before the last blessed one, newest first.

    Raises:
        DataError: A gated metric or slice was not measured, or a compared metric has no better direction.
    """
    overall = next((r for r in results if r.slicing == OVERALL), None)
    if overall is None or not overall.rows:
        raise DataError("evaluation", expected="labelled rows in the test split", seen="none")
    if config.gates == "none":
        sentence = words.unchecked(config.metrics, overall)
        return Decision(True, sentence, (), ("add a gate under evaluate.gates",))
    asked = [q for name, gate in config.gates.items() for q in _asked(name, gate, results, earlier)]
    checks = tuple(_without_repeats(_checks(asked)))
    failed = [c for c in checks if c.outcome == "fails"]
    if failed:
        flips = tuple(dict.fromkeys(c.flip for c in failed))
        return Decision(False, words.refusal(failed), checks, flips)
    nearest = words.nearest(checks)
    return Decision(True, words.blessing(checks), checks, (nearest.flip,))


def _asked(
    metric: str, gate: GateConfig, results: list[SliceResult], earlier: Sequence[Earlier]
) -> Iterator[Question]:
    named = [slicing.replace(" ", "") for slicing in gate.slices]
    for slicing in named if OVERALL in named else [OVERALL, *named]:
        wanted = slicing
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
            for question in questions(metric, gate, result, earlier):
                # No worse in any slice is no worse overall, where there are more rows to tell.
                if wanted in named or question.kind not in ("at_least", "at_most"):
                    yield question


def _checks(asked: list[Question]) -> Iterator[Check]:
    chances = [_chance(q) for q in asked]
    found: dict[int, float] = {}
    for way, whole in (("value", OVERALL_ERROR), ("evidence", SLICES_ERROR)):
        family = [i for i, p in enumerate(chances) if asked[i].way == way and not math.isnan(p)]
        # A loss within what is allowed never refuses, however sure it is.
        held = levels([chances[i] if _exceeds(asked[i]) else 1.0 for i in family], whole)
        found |= dict(zip(family, held, strict=True))
    for i, question in enumerate(asked):
        level = found.get(i, math.nan)
        margin = _margin(question, level)
        strength = _power(question, level)
        outcome, note = _outcome(question, margin, chances[i], level, strength)
        yield words.check(question, outcome, margin, note, chances[i], level, strength)


def _chance(question: Question) -> float:
    """Returns the probability of a loss as large where there is none; NaN where it does not decide."""
    loss = question.loss
    if question.missing or question.waived or question.way == "interval":
        return math.nan
    if question.way == "value" and not (loss.sure and question.allowed):
        return math.nan
    found = [chance(estimate - question.null, error, loss.freedom) for estimate, error in loss.tests]
    return math.nan if not found or any(map(math.isnan, found)) else max(found)


def _exceeds(question: Question) -> bool:
    return question.loss.value > question.allowed * (1 + _ROUNDING)


def _margin(question: Question, level: float) -> float:
    """Returns by how much the loss has to grow for a refusal; negative if it has to shrink for a blessing."""
    loss, allowed = question.loss, question.allowed
    if question.waived:
        return -loss.value
    if question.way == "interval":
        return allowed - loss.worst
    if math.isnan(level):
        return allowed - loss.value if question.way == "value" else math.nan
    least = quantile(loss.freedom, 1 - level)
    significant = max(question.null + least * error - estimate for estimate, error in loss.tests)
    if question.way == "value":
        significant = min(significant, MOST * allowed - loss.value)
    return max(allowed - loss.value, significant)


def _power(question: Question, level: float) -> float:
    """Returns how often twice the allowed loss is refused; NaN if no loss is allowed or its error is not known."""
    loss, allowed = question.loss, question.allowed
    if question.way == "interval" or question.missing or not allowed or not loss.tests:
        return math.nan
    error = loss.tests[0][1]
    if question.way == "evidence":
        return power(2 * allowed, allowed, error, loss.freedom, level, question.null)
    return power(2 * allowed, words.bar(question, level), error, loss.freedom, 1.0)


def _outcome(
    question: Question, margin: float, chance: float, level: float, strength: float
) -> tuple[Outcome, str]:
    """Returns the outcome, and why it did not decide or how sure it is."""
    if question.missing:
        return ("fails" if question.is_overall else "not decided"), question.missing
    if question.waived:
        return "holds", question.waived
    if question.way != "evidence":
        strict = question.kind == "better_than_constant"
        enough = margin > 0 if strict else margin >= -_ROUNDING * question.allowed  # NaN never holds
        if enough and question.way == "value" and _exceeds(question):
            return "not decided", words.within_chance(question, chance)
        return ("holds" if enough else "fails"), words.sureness(question, level, strength)
    if math.isnan(question.measured.value) and not _both_undefined(question):
        return "fails", ""
    if math.isnan(chance):
        return "not decided", "no interval here, so that chance cannot be told from a loss"
    if _exceeds(question) and chance <= level:
        return "fails", words.beyond_chance(chance, level)
    if strength < 0.5:
        return "not decided", words.too_few_to_tell(question, strength)
    if _exceeds(question):
        return "not decided", words.within_chance(question, chance)
    return "holds", words.sureness(question, level, strength)


def _both_undefined(question: Question) -> bool:
    base = question.result.baseline.get(question.metric)
    return base is not None and math.isnan(base.value)


def _without_repeats(checks: Iterator[Check]) -> Iterator[Check]:
    """Keeps of the comparisons with earlier models, which all were tested, the closest one of each metric."""
    closest: dict[str, Check] = {}
    for check in checks:
        if check.kind != "best_of_last":
            yield check
        elif check.metric not in closest or check.margin < closest[check.metric].margin:
            closest[check.metric] = check
    yield from closest.values()
