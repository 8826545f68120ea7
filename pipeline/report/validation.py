"""What the report says of validation: an all-clear only for what was compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from components.validation_gate.result import Distance, Validation

NAMES = {"drift": "drift", "train_test": "train/test"}
"""Kind of comparison → its name in the report."""
CHIPS = {"within bound": "holds", "beyond bound": "warn", "too few rows": "not-decided", "not measured": ""}
"""Outcome → class of its chip."""


@dataclass(frozen=True)
class Note:
    """A sentence on validation: tone (good or empty), its first words, and the rest."""

    tone: str
    start: str
    rest: str


@dataclass(frozen=True)
class Row:
    """One comparison: what it is called, the distance, and its chip's class."""

    kind: str
    distance: Distance
    chip: str


def rows(validation: Validation) -> tuple[Row, ...]:
    """Returns the comparisons in the order in which they are shown."""
    return tuple(
        Row(name, distance, CHIPS[distance.outcome])
        for kind, name in NAMES.items()
        for distance in getattr(validation, kind)
    )


def note(validation: Validation) -> Note:
    """Returns what may be said of validation: what was found to hold, and what was not compared."""
    compared = [*validation.drift, *validation.train_test]
    undecided = [row for row in compared if row.outcome in ("too few rows", "not measured")]
    kinds = {finding.kind for finding in validation.findings}
    holds = [
        *(["The data matches its schema"] if "anomaly" not in kinds else []),
        *(["no feature was found to leak the label"] if "leakage" not in kinds else []),
    ]
    said = [
        _sentence("; ".join(holds)) if holds else "",
        _compared("drift from the previous span", validation.drift),
        _compared("difference between train and test", validation.train_test)
        if validation.train_test
        else "",
    ]
    rest = " ".join(filter(None, said))
    if kinds:
        return Note("", "Beside what was found:", rest)
    if undecided:
        return Note("", "Nothing found in what could be compared.", rest)
    return Note("good", "Nothing found.", rest)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _compared(what: str, measured: Sequence[Distance]) -> str:
    if not measured:
        return f"{_sentence(what)[:-1]} is not checked: the document declares none."
    parts = []
    for outcome, words in (
        ("within bound", f"no {what} beyond the bound in {{}}"),
        ("too few rows", f"too few rows to tell {what} in {{}}"),
        ("not measured", f"{what} was not measured in {{}}"),
    ):
        of = [row for row in measured if row.outcome == outcome]
        if of:
            why = ", ".join(dict.fromkeys(row.note for row in of)) if outcome == "not measured" else ""
            parts.append(words.format(", ".join(row.feature for row in of)) + (f" ({why})" if why else ""))
    return _sentence("; ".join(parts)) if parts else ""
