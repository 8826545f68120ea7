"""Applies the privacy policy to whole columns of rows before they are encoded.

Both conversion paths meet here, so a rule gives the same result on both. Text and hashes are computed once per distinct
value of a batch, dates and numbers as whole columns.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.exports import tally as count
from components.exports.arrow import list_array
from components.exports.tally import Tally
from components.mongo_example_gen.columnar.rows import Rows
from components.mongo_example_gen.plan import ID, Plan
from foundation.errors import DataError
from foundation.personal.looks import LONGEST_EMAIL, looks_of
from foundation.personal.names import NUMBERED, named
from foundation.privacy import PrivacyRule, keyed_hash, misfit, read_key, text_rule

LOOKED_AT = 200
"""Number of values checked for personal data, per text feature and work item."""
_FROM_A_BATCH = 50
_UNITS = {"day": "D", "month": "M", "year": "Y"}


def check_rules(plan: Plan) -> None:
    """Checks that each rule fits the inferred type of its feature.

    Raises:
        DataError: A rule does not fit its feature's type.
    """
    for column in plan.columns:
        rule = plan.privacy.rules.get(column.feature)
        expected = misfit(rule, column.type) if rule and column.type else ""
        if rule and expected:
            raise DataError(
                f"data.privacy.rules: {column.feature!r}",
                expected=f"{expected} for {rule.name}",
                seen=f"a feature of type {column.type}",
                remedy="choose another rule, or declare the field's type under data.fields",
            )


class Door:
    """Looks for personal data in rows, then applies the policy.

    Args:
        plan: The plan; types are settled.
        tally: Counts are added here.
    """

    def __init__(self, plan: Plan, tally: Tally) -> None:
        self._plan, self._tally = plan, tally
        self._key = read_key(plan.privacy)
        self._types = {column.feature: column.type for column in plan.columns}
        self._paths = {column.feature: column.path for column in plan.columns}
        open_ = self._types.keys() - plan.privacy.rules.keys() - plan.aside if plan.privacy.detect else ()
        self._left = {name: LOOKED_AT for name in self._types if name in open_ and self._may_hold(name)}
        if plan.privacy.detect and ID not in plan.privacy.rules:
            self._left[ID] = LOOKED_AT

    def _may_hold(self, name: str) -> bool:
        """Returns whether a feature may hold personal data: text, or whole numbers whose name tells it."""
        kind = self._types[name]
        return kind == "string" or (kind == "int" and named(self._paths[name]) in NUMBERED)

    def pass_through(self, rows: Rows) -> Rows:
        """Returns the rows as they may be written; split keys are unchanged."""
        if self._left:
            self._look(rows)
        rules, aside = self._plan.privacy.rules, self._plan.aside
        if not rules and not aside:
            return rows
        columns = {}
        for name, column in rows.columns.items():
            rule = rules.get(name)
            if name not in aside:
                columns[name] = column if rule is None else self._protected(name, column, rule)
        ids = rows.ids
        if ID in rules:
            ids = [keyed_hash(self._key, i.encode("utf-8", "surrogatepass")).decode() for i in ids]
        return replace(rows, ids=ids, columns=columns)

    def _look(self, rows: Rows) -> None:
        for name in list(self._left):
            values = _some_texts(rows, name, min(self._left[name], _FROM_A_BATCH))
            self._left[name] -= len(values)
            if self._left[name] <= 0:
                del self._left[name]
            self._tally[count.looked_at(name)] += len(values)
            for kind, times in looks_of(values, self._paths.get(name, name)).items():
                self._tally[count.suspected(name, kind)] += times

    def _protected(self, name: str, column: pa.Array, rule: PrivacyRule) -> pa.Array:
        lengths = column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        present = column.is_valid().to_numpy(zero_copy_only=False)
        values = column.flatten()
        if rule.generalise is not None:
            return list_array(_generalised(values, rule), lengths, present)
        done = self._texts(values, rule)
        if done.null_count:
            self._tally[count.misfit(name, f"nothing to keep by {rule.name}")] += done.null_count
            valid = done.is_valid().to_numpy(zero_copy_only=False)
            owners = np.repeat(np.arange(len(lengths)), lengths)[valid]
            kept = np.bincount(owners, minlength=len(lengths))
            present, lengths, done = present & ((kept > 0) | (lengths == 0)), kept, done.drop_null()
        return list_array(done, lengths, present)

    def _texts(self, values: pa.Array, rule: PrivacyRule) -> pa.Array:
        """Returns the values after their rule; null if nothing may be kept."""
        apply = text_rule(rule, self._key)
        encoded = values.dictionary_encode()
        raw = [v if isinstance(v, bytes) else str(v).encode() for v in encoded.dictionary.to_pylist()]
        return pa.array([apply(value) for value in raw], pa.large_binary()).take(encoded.indices)


def _some_texts(rows: Rows, name: str, most: int) -> list[str]:
    if name == ID:
        return [rows.ids[i] for i in _some(len(rows), most)]
    column = rows.columns.get(name)
    if column is None:
        return []
    values = column.flatten()
    some = values.take(pa.array(_some(len(values), most)))
    if pa.types.is_integer(some.type):
        return [str(value) for value in some.to_pylist()]
    return [value[:LONGEST_EMAIL].decode("utf-8", "replace") for value in some.to_pylist()]


def _some(size: int, most: int) -> np.ndarray:
    """Returns the positions of a few values; random, as every n-th one may be of one kind."""
    drawn: np.ndarray = np.random.default_rng(0).permutation(size)[:most] if size > most else np.arange(size)
    return drawn


def _generalised(values: pa.Array, rule: PrivacyRule) -> pa.Array:
    numbers = values.to_numpy(zero_copy_only=False)
    how = rule.generalise
    if isinstance(how, str):
        # At the lower limit of int64 there is no earlier period start: such a date remains the smallest value.
        floor = numbers.astype("datetime64[ms]").astype(f"datetime64[{_UNITS[how]}]").astype("datetime64[ms]")
        return pa.array(np.minimum(floor.astype(np.int64), numbers))
    if isinstance(how, list):
        return pa.array(np.searchsorted(np.array(how), numbers, side="right").astype(np.int64))
    if pa.types.is_integer(values.type) and float(how or 1).is_integer():
        width = int(how or 1)
        return pa.array(numbers // width * width)
    banded = np.floor(numbers.astype(np.float64) / how) * how
    return pc.cast(pa.array(banded), values.type, safe=False)
