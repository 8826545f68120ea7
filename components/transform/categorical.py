"""Transformations into ids and multi-hot vectors: vocabulary, hash, cross, date parts, text and bag."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from components.transform.columns import Columns
from components.transform.config import (
    DATE_PART_SIZES,
    BagConfig,
    CrossConfig,
    DatePart,
    TextConfig,
    VocabularyConfig,
)
from components.transform.ids import as_ids
from components.transform.vocabularies import VocabularyRequest, lookup
from foundation.errors import SpecError

_MILLISECONDS_A_DAY = 86_400_000
_NOT_A_WORD = r"[^\p{L}\p{N}]+"
_SEPARATOR = "\x1f"


def hash_ids(columns: Columns, feature: str, size: int) -> tf.Tensor:
    """Returns ids 1 to ``size`` by the value's hash, 0 where missing."""
    word = columns.word(feature, "hash")
    return as_ids(_where_given(word, 1 + tft.hash_strings(word, size)), size + 1)


def cross_ids(columns: Columns, feature: str, config: CrossConfig) -> tf.Tensor:
    """Returns ids 1 to ``hash_buckets`` by the hash of several fields together.

    A field that is missing takes part as a value of its own; where all are missing the id is 0.
    """
    parts = [columns.word(name, "cross") for name in [feature, *config.with_]]
    joined = tf.strings.join(parts, separator=_SEPARATOR)
    ids = 1 + tft.hash_strings(joined, config.hash_buckets)
    nothing = tf.equal(joined, _SEPARATOR * (len(parts) - 1))
    return as_ids(tf.where(nothing, tf.zeros_like(ids), ids), config.hash_buckets + 1)


def date_part_ids(columns: Columns, feature: str, parts: list[DatePart]) -> dict[str, tf.Tensor]:
    """Returns part → ids of calendar parts (UTC) of epoch milliseconds, 0 where missing.

    Month and day are themselves; hour is 1 to 24; day_of_week is 1 (Monday) to 7; year is 1 (1970 and before) to
    130 (2099 and after).
    """
    number = columns.number(feature, "date_parts")
    absent = tf.math.is_nan(number)
    moment = tf.cast(tf.where(absent, tf.zeros_like(number), number), tf.int64)
    values = _calendar(moment)
    zeros = tf.zeros_like(moment)
    return {part: as_ids(tf.where(absent, zeros, values[part]), DATE_PART_SIZES[part]) for part in parts}


def _calendar(moment: tf.Tensor) -> dict[str, tf.Tensor]:
    """Turns epoch milliseconds into calendar parts; the algorithm counts years from March (Hinnant, days_from_civil)."""
    days = tf.math.floordiv(moment, _MILLISECONDS_A_DAY)
    hour = tf.math.floordiv(moment - days * _MILLISECONDS_A_DAY, 3_600_000)
    shifted = days + 719_468
    era = tf.math.floordiv(shifted, 146_097)
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    month = tf.where(month_from_march < 10, month_from_march + 3, month_from_march - 9)
    year = year_of_era + era * 400 + tf.cast(month <= 2, tf.int64)
    return {
        "year": tf.clip_by_value(year, 1970, 2099) - 1969,
        "month": month,
        "day": day_of_year - (153 * month_from_march + 2) // 5 + 1,
        "day_of_week": 1 + tf.math.floormod(days + 3, 7),
        "hour": 1 + hour,
    }


def vocabulary_request(
    columns: Columns, feature: str, name: str, config: VocabularyConfig
) -> VocabularyRequest:
    """Asks for the vocabulary of a field's first values."""
    word = columns.word(feature, "vocabulary")
    return VocabularyRequest(name, word, config.top_k, config.min_count, config.oov_buckets)


def bag_request(columns: Columns, feature: str, name: str, config: BagConfig) -> VocabularyRequest:
    """Asks for the vocabulary of an array's items."""
    items = columns.words(feature, "bag")
    return VocabularyRequest(name, items, config.top_k, config.min_count, config.oov_buckets)


def text_request(columns: Columns, feature: str, name: str, config: TextConfig) -> VocabularyRequest:
    """Asks for the vocabulary of a text's words: lower case, split wherever there is neither letter nor digit.

    Raises:
        SpecError: The feature is a number.
    """
    text = columns.items(feature)
    if text.dtype != tf.string:
        raise SpecError(
            f"features.{feature}: text", expected="text", seen="numbers", remedy="use zscore or buckets"
        )
    lower = tf.strings.lower(text.values, encoding="utf-8")
    words = tf.strings.split(tf.strings.regex_replace(lower, _NOT_A_WORD, " "))
    flat = words.flat_values
    rows = tf.gather(text.indices[:, 0], words.value_rowids())
    places = tf.range(tf.size(flat, tf.int64))
    shape = tf.stack([text.dense_shape[0], tf.maximum(tf.size(flat, tf.int64), 1)])
    sparse = tf.SparseTensor(tf.stack([rows, places], axis=1), flat, shape)
    return VocabularyRequest(name, sparse, config.top_k, 1, config.oov_buckets)


def vocabulary_ids(request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
    """Returns int64 ``[batch]``: 0 missing, then the vocabulary by frequency, then the ids of unknown values."""
    ids, size = lookup(request, filename)
    return as_ids(_where_given(request.values, ids + 1), size + 1)


def _where_given(word: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Returns the ids, 0 where there is no word."""
    return tf.where(tf.equal(word, ""), tf.constant(0, tf.int64), ids)


def multi_hot(request: VocabularyRequest, filename: tf.Tensor) -> tf.Tensor:
    """Returns float32 ``[batch, top_k + oov_buckets]``: 1 where a row has the item, all 0 where it has none."""
    ids, _ = lookup(request, filename)
    width = request.top_k + request.oov_buckets
    places = tf.stack([request.words.indices[:, 0], ids], axis=1)
    shape = tf.stack([request.words.dense_shape[0], tf.constant(width, tf.int64)])
    counted = tf.scatter_nd(places, tf.ones_like(ids, tf.float32), shape)
    return tf.ensure_shape(tf.minimum(counted, 1.0), [None, width])
