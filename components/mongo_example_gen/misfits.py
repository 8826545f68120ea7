"""Values that do not fit the type of their feature: when they stop an ingestion, and what is said of them.

A misfit counts as missing, so a wrong type or a new way of writing would leave a feature without values, and nobody would know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.exports import tally as count
from components.exports.tally import Tally
from components.exports.texts import BOOL_WORD, COMMA, NO_ZONE, NOT_FINITE
from components.mongo_example_gen.config import MisfitsConfig
from components.mongo_example_gen.plan import SPECIAL, UNLABELLED_SPLIT, Column, Plan
from components.mongo_example_gen.result import FieldCounts, Ingestion
from foundation.errors import DataError, near_miss
from foundation.numbers import bound

WARN_ABOVE = 0.01
"""Share of a feature's values, or of the documents, from which something is said."""
FEWEST = 20
"""Values of a feature from which documents to predict for can stop a run: among a few of them, all may be odd by chance."""
MOSTLY_NUMBERS = 0.9
_NUMBERS = ("int", "float", "decimal", "number")
_NOT_IN_KINDS = "array in a field declared without list"
"""The one misfit of which the kinds do not say how many values there were."""
_MOST_REASONS = 3
_REMEDIES = (
    (COMMA, "export numbers with a decimal point and nothing between thousands"),
    (BOOL_WORD, "export true and false, or 1 and 0"),
    (NO_ZONE, "export dates with their zone, such as 2024-01-31T12:00:00Z"),
    (NOT_FINITE, "export an empty value in place of NaN or infinity"),
    ("no document on the way", "correct the path: it leads through a value that is no document"),
    ("document in", "name a path inside the document"),
    (_NOT_IN_KINDS, "declare list: true"),
)


def check_values(tally: Tally, plan: Plan, config: MisfitsConfig) -> None:
    """Checks that the values of each feature fit its type, all but a share of them.

    NaN and infinity are how many tools write a missing number: they stop a run only if there is nothing else.

    Raises:
        DataError: No value of a feature fits, or too many do not.
    """
    for error in unfit_values(tally, plan, config):
        raise error


def unfit_values(tally: Tally, plan: Plan, config: MisfitsConfig) -> Iterator[DataError]:
    """Yields an error for each feature that no value fits, or too few values."""
    counts = count.sections(tally)
    for column in plan.columns:
        reasons = counts["misfits", column.feature]
        kinds = counts["kinds", column.feature]
        seen, wrong = _seen(kinds, reasons), sum(reasons.values())
        if not plan.labelled and seen < FEWEST:
            continue
        if column.type is None:  # no kind of value that was seen has a type
            wrong, reasons = seen, {f"{kind} in a feature": times for kind, times in kinds.items()}
        counted = wrong - reasons.get(NOT_FINITE, 0)
        if seen and (wrong >= seen or counted / seen > config.fail_above):
            yield _too_many(column, plan, seen, reasons, config)


def _too_many(
    column: Column, plan: Plan, seen: int, reasons: dict[str, int], config: MisfitsConfig
) -> DataError:
    wrong = sum(reasons.values())
    fits = f"fit the type {column.type}" if column.type else "become a feature"
    return DataError(
        f"data.fields: {column.path!r}" + (" (the label)" if column.feature == plan.label else ""),
        expected=f"values that {fits}" + (f", in all but {bound(config.fail_above)}" if wrong < seen else ""),
        seen=f"{wrong} of {seen} do not: {_listed(reasons)}",
        remedy=f"{_remedy(reasons) or 'correct the path or the type'}"
        + ("; or raise data.misfits.fail_above" if wrong < seen else ", or declare another type"),
    )


def check_features(tally: Tally, plan: Plan, known: set[str]) -> None:
    """Checks that documents without labels, which are to be predicted, have any of the features.

    Raises:
        DataError: None of them occurs.
    """
    columns = [column for column in plan.columns if column.feature != plan.label]
    if plan.labelled or not columns or _occur(tally, columns):
        return
    paths = [column.path for column in columns]
    near = next((said for path in paths if (said := near_miss(path, sorted(known)))), None)
    raise DataError(
        "documents to predict for",
        expected="the features that the model was trained on",
        seen=f"none of {tally[count.READ]} documents has any of {', '.join(paths[:5])}"
        + (", …" if len(paths) > 5 else ""),
        remedy=near or "check infer.mongo_export: it is read by the paths under data.fields",
    )


def _occur(tally: Tally, columns: Sequence[Column]) -> bool:
    """Returns whether any of the columns is in any document."""
    counts = count.sections(tally)
    return any(
        counts["kinds", column.feature]
        or counts["misfits", column.feature]
        or any(tally[count.field(column.feature, what)] for what in ("null", "empty", "arrays"))
        for column in columns
    )


def value_notices(ingestion: Ingestion) -> list[str]:
    """Returns what a person should know of the values that were read."""
    said = _key_notices(ingestion)
    to_predict = set(ingestion.splits) == {UNLABELLED_SPLIT}
    for field in ingestion.fields:
        if not (to_predict and field.feature == ingestion.label):
            said += _field_notices(field)
    return said


def _key_notices(ingestion: Ingestion) -> list[str]:
    documents, split_by = ingestion.documents, ingestion.split_by
    if split_by.startswith("time:") or len(ingestion.splits) < 2:
        return []
    said = []
    if documents.key_blocked:
        said.append(
            f"the split key {split_by} leads through something that is no document in {documents.key_blocked} of "
            f"{documents.read} documents: they are split by their _id; correct data.split.by"
        )
    if documents.read and documents.key_missing / documents.read > WARN_ABOVE:
        said.append(
            f"the split key {split_by} is missing in {documents.key_missing} of {documents.read} documents: they are split by their _id"
        )
    return said


def _field_notices(field: FieldCounts) -> list[str]:
    name = field.path if field.feature in SPECIAL else field.feature
    seen, wrong = _seen(field.kinds, field.misfits), sum(field.misfits.values())
    said = []
    if not seen and not field.arrays and field.missing + field.null:
        said.append(f"no document has a value of {name}")
    if seen and wrong / seen > WARN_ABOVE:
        remedy = _remedy(field.misfits)
        said.append(
            f"{wrong} of {seen} values of {name} do not fit the type {field.type} and count as missing ({_listed(field.misfits)})"
            + (f"; {remedy}" if remedy else "")
        )
    if seen and field.like_seconds * 2 > seen:
        said.append(
            f"{field.like_seconds} of {seen} values of {name} look like epoch seconds; a date is read from milliseconds, so they are "
            "days of early 1970: export milliseconds or ISO-8601 text"
        )
    numbers = sum(field.kinds.get(kind, 0) for kind in _NUMBERS)
    if seen and not field.declared and field.type == "string" and numbers / seen >= MOSTLY_NUMBERS:
        said.append(
            f"{name} is text, since {seen - numbers} of its {seen} values are no numbers: declare its type under data.fields "
            "to read numbers and count the others as missing"
        )
    return said


def _seen(kinds: dict[str, int], reasons: dict[str, int]) -> int:
    return sum(kinds.values()) + reasons.get(_NOT_IN_KINDS, 0)


def _listed(reasons: dict[str, int]) -> str:
    most = sorted(reasons.items(), key=lambda reason: -reason[1])[:_MOST_REASONS]
    return ", ".join(f"{reason}: {times}" for reason, times in most) + (
        ", …" if len(reasons) > len(most) else ""
    )


def _remedy(reasons: dict[str, int]) -> str:
    """Returns what to do about the reason that is met most, an empty string where there is nothing special."""
    most = max(reasons, key=lambda reason: reasons[reason], default="")
    return next((remedy for start, remedy in _REMEDIES if most.startswith(start)), "")
