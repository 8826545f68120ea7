"""``date_parts``: calendar parts of a date, each as an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from components.transform.transformations.base import Asked, DirectKind, Types

if TYPE_CHECKING:
    import tensorflow as tf

    from components.transform.fields import Fields

DatePart = Literal["year", "month", "day", "day_of_week", "hour"]

DATE_PART_SIZES: dict[str, int] = {"year": 131, "month": 13, "day": 32, "day_of_week": 8, "hour": 25}
"""Calendar part → number of ids; 0 always means missing."""

_MILLISECONDS_A_DAY = 86_400_000


class DateParts(DirectKind):
    """Calendar parts (UTC) of epoch milliseconds."""

    description = "Calendar parts (UTC) of a date, each as an id."
    settings = list[DatePart]
    bounds = {"min_length": 1}
    types = Types("declare type: date", only=frozenset({"date", "objectid_time"}))
    gives = "id"

    def size(self, part: str, settings: list[DatePart], words: int) -> int:
        """Returns the number of values that the part has."""
        return DATE_PART_SIZES[part]

    def parts(self, kind: str, settings: list[DatePart]) -> list[str]:
        """Returns the parts that are wanted, as in ``signup_at_month``."""
        return list(settings)

    def compute(self, fields: Fields, asked: Sequence[Asked]) -> tf.Tensor:
        """Returns ids, 0 if missing.

        Month and day are unchanged; hour is 1 to 24; day_of_week is 1 (Monday) to 7; year is 1 (1970 and before) to
        130 (2099 and after).
        """
        import tensorflow as tf

        numbers = fields.numbers([one.feature for one in asked], "date_parts")
        absent = tf.math.is_nan(numbers)
        values = _calendar(tf.cast(tf.where(absent, tf.zeros_like(numbers), numbers), tf.int64))
        wanted = [part for part in values if any(part in one.settings for one in asked)]
        given = tf.stack([tf.where(absent, tf.zeros_like(values[p]), values[p]) for p in wanted], axis=2)
        flat = tf.reshape(given, tf.stack([tf.shape(given)[0], len(asked) * len(wanted)]))
        places = [
            row * len(wanted) + wanted.index(part) for row, one in enumerate(asked) for part in one.settings
        ]
        return tf.gather(flat, places, axis=1)


def _calendar(moment: tf.Tensor) -> dict[str, tf.Tensor]:
    """Turns epoch milliseconds into calendar parts, counting years from March (Hinnant, civil_from_days)."""
    import tensorflow as tf

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
