"""Reads labels, slices and groups from an Arrow batch of raw Examples, column by column."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.exports.groups import GROUP_FEATURE, GROUPS
from foundation.errors import DataError

ID = "_id"
MISSING = "(missing)"
"""Slice value of rows whose field is missing or null."""

SliceKey = tuple[tuple[str, Any], ...]


def first_values(batch: pa.RecordBatch, feature: str) -> pd.Series:
    """Returns the [rows] first values of a list column, None where empty; text as str."""
    pairs = _pairs(batch, feature).drop_duplicates("row")
    return pairs.set_index("row")[feature].reindex(range(batch.num_rows)).astype(object)


def _pairs(batch: pa.RecordBatch, feature: str) -> pd.DataFrame:
    """Returns the row and the value of each item in a list column."""
    index = batch.schema.get_field_index(feature)
    if index < 0 or pa.types.is_null(batch.column(index).type):
        return pd.DataFrame({"row": np.empty(0, np.int64), feature: np.empty(0, object)})
    column = batch.column(index)
    texts = pd.Series(pc.list_flatten(column).to_pandas())
    if texts.dtype == object:
        texts = texts.map(_text)
    return pd.DataFrame({"row": pc.list_parent_indices(column).to_numpy(), feature: texts.astype(object)})


def _text(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def slices(batch: pa.RecordBatch, slicings: Sequence[Sequence[str]]) -> Iterator[tuple[SliceKey, Any]]:
    """Yields each slice of the batch with the [n] positions of its rows; the overall slice is ``()``.

    A row without the field goes to the slice ``(missing)``, a row with an array to the slice of each item.
    """
    for features in slicings:
        if not features:
            yield (), np.arange(batch.num_rows)
            continue
        table = pd.DataFrame({"row": np.arange(batch.num_rows)})
        for feature in features:
            table = table.merge(_pairs(batch, feature).drop_duplicates(), on="row", how="left")
        table = table.fillna(dict.fromkeys(features, MISSING))
        for values, positions in table.groupby(list(features), sort=False).indices.items():
            values = values if isinstance(values, tuple) else (values,)
            yield tuple(zip(features, map(_plain, values), strict=True)), table["row"].to_numpy()[positions]


def _plain(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return plain + 0.0 if isinstance(plain, float) else plain  # -0.0 equals 0.0, but TFMA's keys do not


def groups(batch: pa.RecordBatch, serialized: Sequence[bytes], by: str) -> Any:
    """Returns the [n] number of each row's group: rows with one value of ``by`` belong together.

    Args:
        batch: The rows.
        serialized: [n] serialized rows.
        by: ``_id``, the number that ingestion wrote, or a feature that the rows are split by.

    Raises:
        DataError: No row has the feature, so that rows that belong together cannot be told.
    """
    whole = batch if by in batch.schema.names else decoded(serialized)
    keys = first_values(whole, by)
    if by == ID:
        # Serialized bytes can differ between two ingestions of the same document; an id cannot.
        names = [str(i).encode() if pd.notna(i) else row for i, row in zip(keys, serialized, strict=True)]
        return hashed(names)
    if keys.isna().all():
        raise DataError(
            f"examples: {by}",
            expected="what the rows are split by, to tell which belong together",
            seen="rows without it",
            remedy="ingest again: run once without --from and --only",
        )
    if by == GROUP_FEATURE:
        return keys.fillna(0).to_numpy(np.int64) % GROUPS
    return hashed([str(key).encode() for key in keys])


def decoded(serialized: Sequence[bytes]) -> pa.RecordBatch:
    """Returns every feature of serialized Examples, also those that the schema does not name."""
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    return ExamplesToRecordBatchDecoder().DecodeBatch(list(serialized))


def hashed(names: Sequence[bytes]) -> Any:
    """Returns [n] numbers of groups by a hash of each name, so that every run assigns the same ones."""
    return np.fromiter((zlib.crc32(name) % GROUPS for name in names), np.int64, len(names))


def numeric_labels(task: str, values: pd.Series, positive: object, classes: Sequence[str]) -> Any:
    """Returns [n] labels as numbers: 0 or 1, the class id (-1 if unknown to the model), or the number itself.

    Args:
        task: binary, multiclass or regression.
        values: [n] raw labels, none missing.
        positive: The label value that counts as 1 in a binary task; None means 1 or true.
        classes: For multiclass, the label of each class id.

    Raises:
        DataError: A regression label is not a number.
    """
    if task == "binary":
        return values.map(lambda value: is_positive(value, positive)).to_numpy(np.float64)
    if task == "multiclass":
        ids = {name: i for i, name in enumerate(classes)}
        return values.map(lambda v: ids.get(as_text(v), -1)).to_numpy(np.int64)
    try:
        return values.to_numpy(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            "label", expected="a number for a regression task", seen="text", remedy="correct model.task"
        ) from error


def is_positive(value: object, positive: object) -> bool:
    """Returns whether a label counts as 1, by the same rule as Transform."""
    if isinstance(value, str):
        return value in ("1", "true", "True") if positive is None else value == str(positive)
    return value == (1 if positive is None else positive)


def as_text(value: object) -> str:
    """Returns a label as spelled in the class vocabulary."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
