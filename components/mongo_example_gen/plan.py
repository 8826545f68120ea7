"""The ingestion plan: columns with their types, the label and the split key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from components.exports.fields import FieldConfig, FieldType, feature_name, widest
from components.exports.groups import GROUP_FEATURE
from components.mongo_example_gen.config import DataConfig, SplitConfig, milliseconds
from foundation.errors import DataError
from foundation.privacy import PrivacyConfig

ID = "_id"
SPLITS = ("train", "validation", "test")
UNLABELLED_SPLIT = "all"
EVALUATED_SPLIT = "test"
TIME = "(date to split by)"
"""Column of the date that decides the split; read, never written."""
STRATUM = "(stratum)"
"""Column of the field that splits are stratified by; read, never written."""
SPECIAL = frozenset({TIME, STRATUM})


@dataclass(frozen=True)
class Column:
    """One feature to read."""

    path: str
    feature: str
    type: FieldType | None
    declared: bool
    """Whether the document gives the type; otherwise it is inferred and may widen."""
    list: bool | None

    @property
    def parts(self) -> tuple[str, ...]:
        """The dotted path, split."""
        return tuple(self.path.split("."))


@dataclass(frozen=True)
class Plan:
    """Everything a worker needs to turn documents into rows."""

    columns: tuple[Column, ...]
    label: str
    labelled: bool
    split_by: str
    shares: tuple[int, int, int]
    time_bounds: tuple[int, int] | None = None
    """Dates before the first are train, dates from the second on are test; epoch milliseconds."""
    stratified: bool = False
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that are written."""
        return SPLITS if self.labelled else (UNLABELLED_SPLIT,)

    @property
    def grouped(self) -> bool:
        """Whether evaluated rows say which of them share a split key; rows split by their ``_id`` share none."""
        return self.labelled and self.split_by != ID

    @property
    def aside(self) -> frozenset[str]:
        """Features that are read but not written."""
        ours = {TIME} if self.time_bounds else set()
        return self.privacy.dropped | ours | ({STRATUM} if self.stratified else set())


def make_plan(config: DataConfig, fields: dict[str, FieldConfig], labelled: bool) -> Plan:
    """Returns the plan of an ingestion; undeclared types are still open.

    Args:
        config: The ``data`` slice.
        fields: Dotted path → field, for every configured field.
        labelled: Whether documents without a label are left out and splits are made.

    Raises:
        DataError: Two paths give one feature, or a feature has a reserved name.
    """
    columns = [
        Column(path, feature_name(path, field), field.type, field.type is not None, field.list)
        for path, field in fields.items()
        if not (path == ID and feature_name(path, field) == ID)  # always there
    ]
    names = Counter(column.feature for column in columns)
    if labelled and config.label not in names:
        columns.append(Column(config.label, config.label, None, False, None))
    wrong = [name for name, times in names.items() if times > 1 or name in (ID, GROUP_FEATURE)]
    if wrong:
        raise DataError(
            f"feature {wrong[0]!r}",
            expected=f"one path per feature, _id and {GROUP_FEATURE} reserved",
            seen=", ".join(column.path for column in columns if column.feature == wrong[0]),
            remedy="give the fields other names with 'to'",
        )
    split = config.split
    shares = (split.train, split.validation, split.test)
    plan = Plan(tuple(columns), config.label, labelled, split.by, shares, privacy=config.privacy)
    return _dealt_otherwise(plan, split) if labelled else plan


def _dealt_otherwise(plan: Plan, split: SplitConfig) -> Plan:
    """Adds the columns that decide the split, beside the key."""
    if split.by_time:
        time = split.by_time
        bounds = (milliseconds(time.train_before), milliseconds(time.test_from))
        column = Column(time.field, TIME, "date", True, False)
        return replace(plan, columns=(*plan.columns, column), time_bounds=bounds)
    if split.stratify:
        column = Column(split.stratify, STRATUM, "string", True, False)
        return replace(plan, columns=(*plan.columns, column), stratified=True)
    return plan


def settle_types(plan: Plan, kinds: dict[str, set[str]]) -> Plan:
    """Gives every undeclared column the narrowest type that holds all kinds of values seen.

    Args:
        plan: The plan.
        kinds: Feature → kinds of values, as ``kind_of`` names them.
    """
    columns = []
    for column in plan.columns:
        seen = kinds.get(column.feature, set())
        settled = column.type if column.declared else widest(seen)
        columns.append(replace(column, type=settled))
    return replace(plan, columns=tuple(columns))


def as_trained(plan: Plan, kinds: Mapping[str, Collection[str]]) -> Plan:
    """Gives every undeclared column the type that it had in the export to learn from.

    The documents to predict for must not settle types anew: among a few of them all prices may be whole, or all codes
    numbers, while the model reads floats and text.

    Args:
        plan: The plan for documents to predict for.
        kinds: Feature → kinds of values in the export to learn from, as ``kind_of`` names them.
    """
    columns = []
    for column in plan.columns:
        trained = None if column.declared else widest(set(kinds.get(column.feature, ())))
        columns.append(replace(column, type=trained, declared=True) if trained else column)
    return replace(plan, columns=tuple(columns))
