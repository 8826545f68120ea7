"""The transformations: add yours here, and its file beside this one."""

from __future__ import annotations

from components.transform.transformations.bags import Bag, Text
from components.transform.transformations.base import AnalysedKind, CountedKind, DirectKind, Kind
from components.transform.transformations.buckets import Buckets
from components.transform.transformations.date_parts import DateParts
from components.transform.transformations.hashes import Cross, Hash
from components.transform.transformations.numbers import Identity, Missing
from components.transform.transformations.scale import Scale
from components.transform.transformations.vocabulary import Vocabulary
from components.transform.transformations.zscores import Count, LogZscore, Zscore

__all__ = ["TRANSFORMATIONS", "AnalysedKind", "CountedKind", "DirectKind", "Kind"]

TRANSFORMATIONS: dict[str, Kind] = {
    "zscore": Zscore(),
    "scale_0_1": Scale(),
    "log_zscore": LogZscore(),
    "identity": Identity(),
    "buckets": Buckets(),
    "vocabulary": Vocabulary(),
    "hash": Hash(),
    "cross": Cross(),
    "date_parts": DateParts(),
    "text": Text(),
    "bag": Bag(),
    "count": Count(),
    "missing": Missing(),
}
"""Key in the document → transformation."""
