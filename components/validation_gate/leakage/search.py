"""Search for leaking features: those that alone tell the label better than honest features do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.validation_gate.leakage import evidence, sentences
from components.validation_gate.leakage.evidence import Share, information, normal_information
from components.validation_gate.leakage.moments import milliseconds
from components.validation_gate.leakage.readings import Reading, readings
from components.validation_gate.leakage.rest import forest_probabilities
from components.validation_gate.leakage.target import FEWEST, Target, make_target
from components.validation_gate.result import Finding

MOST_ROWS = 20_000
"""Number of train rows read; of frequent classes fewer are examined."""
SURE = 0.01
"""The lower bound may be this far below the limit, in terms of AUC or correlation."""
WHOLE, WHOLE_AT_LEAST = 0.93, 0.91
"""Share of the entropy of a label of several classes that no honest feature explains alone, and its lower bound."""
TELLING = 0.6
"""A feature that explains less of the label and of every class leaks none of them."""
MORE_THAN_REST, MUCH_MORE, MORE_THAN_WEAK = 0.2, 0.3, 0.5
"""How much more a leaking feature explains of a class, or of the whole label, than all other features together: one that
exceeds the limit, one that does not, and a mark of the class where its other marks are left out."""
PURE = 0.97
"""Share of a class, or of the rest, that has the value of a mark; the other side has it at most in the rest of 1."""

Columns = Mapping[str, list[Any]]
Meanings = Mapping[str, Sequence[Reading]]


@dataclass(frozen=True)
class _Told:
    """What a feature explains alone of a label of several classes, and of each class against the others."""

    whole: Share
    classes: Sequence[Share]


def find_leaks(
    rows: Columns, label: str, task: str, positive: Any, limit: float, recorded_at: str | None = None
) -> list[Finding]:
    """Returns a finding per feature that almost tells the label alone.

    Args:
        rows: Feature → [n] lists of values, None where missing.
        label: Feature of the label.
        task: binary, multiclass or regression.
        positive: Positive label of a binary task; None means 1 or true.
        limit: AUC (for a regression: absolute rank correlation) that makes a feature suspicious. Of several classes,
            and for the share of the label that is explained, it stands for a normally distributed feature with this AUC.
        recorded_at: Feature with the moment of the prediction, or None.
    """
    target = make_target([values[0] if values else None for values in rows[label]], task, positive)
    if target is None:
        return []
    meanings = _meanings(rows, label, target, recorded_at or "")
    if target.classes > 2:
        return _of_several_classes(dict(meanings), target, limit)
    judge = _of_two_classes if target.classes else _of_a_number
    return [told for name, each in meanings if (told := judge(name, each, target, limit))]


def _meanings(
    rows: Columns, label: str, target: Target, recorded_at: str
) -> Iterator[tuple[str, Sequence[Reading]]]:
    """Yields each feature that can mean something with its readings, one after the other: many may be large."""
    moments = _moments(_picked(rows[recorded_at], target) if recorded_at in rows else None)
    for name in rows:
        if name != label and (found := readings(_picked(rows[name], target), target, moments)):
            yield name, found


def _picked(column: list[Any], target: Target) -> list[Any]:
    """Returns the values of the examined rows."""
    return [column[i] for i in target.rows]


def _moments(column: list[Any] | None) -> np.ndarray | None:
    if column is None:
        return None
    read = milliseconds(column)
    if read is not None:
        return read
    firsts = [values[0] if values else None for values in column]
    return np.array([v if isinstance(v, (int, float)) else np.nan for v in firsts], np.float64)


def _of_two_classes(name: str, found: Sequence[Reading], target: Target, limit: float) -> Finding | None:
    """Returns a finding if a reading ranks the rows too well, or a tree over all of them explains too much."""
    wanted, positive = normal_information(limit), target.labels == 1
    probabilities = evidence.tree_probabilities(found, target, wanted)
    if probabilities is not None:
        share = information(probabilities, target.labels, 2)
        honest = normal_information(limit - SURE) + evidence.chance(*_sides(positive))
        if share.value >= max(wanted, honest):
            area = evidence.auc(probabilities[:, 1], positive)
            how = _telling(found, target, share.value)
            return sentences.of_two_classes(name, limit, area, positive, how, share)
    area, known, how = max((_ranked(reading, target) for reading in found), key=lambda each: each[0])
    if area >= limit and evidence.is_above(area, limit - SURE, *_sides(positive[known])):
        return sentences.of_two_classes(name, limit, area, positive[known], how)
    return None


def _exceeds(share: Share, wanted: float, at_least: float) -> bool:
    return share.value >= wanted and share.low >= at_least


def _sides(positive: np.ndarray) -> tuple[int, int]:
    return int(positive.sum()), int((~positive).sum())


def _ranked(reading: Reading, target: Target) -> tuple[float, np.ndarray, str]:
    """Returns the AUC of one reading where it is known, [n] where that is, and its name."""
    known = ~np.isnan(reading.values)
    positive = target.labels[known] == 1
    if min(_sides(positive)) < FEWEST:
        return 0.5, known, reading.name
    area = evidence.auc(reading.values[known], positive)
    return max(area, 1 - area) if reading.ordered else area, known, reading.name


def _telling(found: Sequence[Reading], target: Target, value: float) -> str:
    """Returns the name of the reading that explains most alone; of two if neither explains what all do."""
    shares: dict[str, float] = {}
    for name in dict.fromkeys(reading.name for reading in found):
        same = [reading for reading in found if reading.name == name]
        probabilities = evidence.tree_probabilities(same, target)
        assert probabilities is not None, "nothing was wanted"
        shares[name] = information(probabilities, target.labels, target.classes).value
    # The first of equals is the simplest.
    best = max(shares.values())
    first = next(name for name, share in shares.items() if share >= best - SURE)
    if best >= value - 5 * SURE or len(shares) == 1:
        return first
    second = max((name for name in shares if name != first), key=lambda name: shares[name])
    return f"{first} with {second}"


def _of_a_number(name: str, found: Sequence[Reading], target: Target, limit: float) -> Finding | None:
    """Returns a finding if the ranks go together too well, or a tree over all readings is too near."""
    ordered = [(evidence.rank_correlation(r.values, target.labels), r.name) for r in found if r.ordered]
    share, how = max(ordered, key=lambda each: each[0].value, default=(Share(0.0, 0.0), ""))
    if _exceeds(share, limit, limit - SURE):
        return sentences.of_a_number(name, limit, share, how)
    share = _near(found, target, limit)
    if not _exceeds(share, limit, limit - SURE):
        return None
    alone = {reading.name: _near([reading], target).value for reading in found}
    best = next(each for each, value in alone.items() if value >= max(alone.values()) - SURE / 2)
    return sentences.of_a_number(name, limit, share, best, by_tree=True)


def _near(found: Sequence[Reading], target: Target, wanted: float = 0.0) -> Share:
    predicted = evidence.tree_numbers(found, target, wanted)
    if predicted is None:
        return Share(0.0, 0.0)
    return evidence.like_correlation(target.labels - predicted, target.labels)


def _of_several_classes(meanings: Meanings, target: Target, limit: float) -> list[Finding]:
    """Returns one finding per feature that determines the whole label, or gives a class away."""
    told: dict[str, _Told] = {}
    for name, found in meanings.items():
        probabilities = evidence.tree_probabilities(found, target, normal_information(limit))
        if probabilities is not None:
            told[name] = _Told(
                information(probabilities, target.labels, target.classes),
                [_of_class(probabilities, target, k) for k in range(target.classes)],
            )
    findings = []
    for name, shares in told.items():
        finding = None
        if _exceeds(shares.whole, WHOLE, WHOLE_AT_LEAST):
            how = _telling(meanings[name], target, shares.whole.value)
            finding = sentences.of_the_whole_label(name, shares.whole, how)
        elif max(shares.whole.low, *(share.low for share in shares.classes)) >= TELLING:
            finding = _beyond_the_rest(name, meanings, told, target, limit)
        if finding:
            findings.append(finding)
    return findings


def _of_class(probabilities: np.ndarray, target: Target, k: int) -> Share:
    return information(
        evidence.class_against_rest(probabilities, k), (target.labels == k).astype(np.int64), 2
    )


def _beats(share: Share, together: float, limit: float) -> bool:
    """Returns whether a share is so much above that of the other features together that no honest one would be."""
    sure = _exceeds(share, normal_information(limit), normal_information(limit - SURE))
    return share.low >= TELLING and share.low - together >= (MORE_THAN_REST if sure else MUCH_MORE)


def _beyond_the_rest(
    name: str,
    meanings: Meanings,
    told: Mapping[str, _Told],
    target: Target,
    limit: float,
) -> Finding | None:
    """Returns a finding if all other features together explain much less of the label, or of a class.

    A class that is easy to tell is told by several features. If two leak the same class, each is told by the other: of
    features that only mark a class, such as a reason that is given for it alone, the others are left out of the rest.
    """
    others = sorted(each for each in meanings if each != name)
    rest = forest_probabilities([meanings[each] for each in others], target)
    all_of_it = max(
        information(rest, target.labels, target.classes).value,
        *(shares.whole.value for each, shares in told.items() if each != name),
        0.0,
    )
    beaten: dict[int, float] = {}
    for k, share in enumerate(told[name].classes):
        together = _together(rest, told, set(others), target, k)
        if _beats(share, together, limit):
            beaten[k] = together
            continue
        twins = _marks(meanings, told, target, k)
        if name in twins and len(twins) > 1:
            left = [each for each in others if each not in twins]
            weak = forest_probabilities([meanings[each] for each in left], target)
            together = _together(weak, told, set(left), target, k)
            if share.low - together >= MORE_THAN_WEAK:
                beaten[k] = together
    if _beats(told[name].whole, all_of_it, limit) or len(beaten) > 1:
        how = _telling(meanings[name], target, told[name].whole.value)
        return sentences.of_the_whole_label(name, told[name].whole, how, all_of_it)
    for k, together in beaten.items():
        how = _telling_class(meanings[name], target, k)
        return sentences.of_a_class(name, target, k, told[name].classes[k], together, how)
    return None


def _together(rest: np.ndarray, told: Mapping[str, _Told], others: set[str], target: Target, k: int) -> float:
    """Returns how much of a class other features explain: a forest over all of them, or the best one alone."""
    alone = [shares.classes[k].value for each, shares in told.items() if each in others]
    return max([_of_class(rest, target, k).value, *alone])


def _marks(meanings: Meanings, told: Mapping[str, _Told], target: Target, k: int) -> set[str]:
    """Returns the features of which a reading has one value in the class and others outside, or the reverse."""
    inside = target.labels == k
    telling = (name for name, shares in told.items() if shares.classes[k].low >= TELLING)
    return {name for name in telling if any(_is_mark(reading.values, inside) for reading in meanings[name])}


def _is_mark(values: np.ndarray, inside: np.ndarray) -> bool:
    for one, other in ((inside, ~inside), (~inside, inside)):
        distinct, counts = np.unique(values[one], return_counts=True)
        usual = values == distinct[counts.argmax()]
        if usual[one].mean() >= PURE and usual[other].mean() <= 1 - PURE:
            return True
    return False


def _telling_class(found: Sequence[Reading], target: Target, k: int) -> str:
    binary = Target(target.rows, (target.labels == k).astype(np.int64), ("no", "yes"), target.folds)
    return _telling(found, binary, 0.0)
