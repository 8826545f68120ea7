"""Feature statistics for the report, read from TFDV's protocol buffer without TensorFlow or TFDV."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.errors import DataError
from pipeline.report import text
from pipeline.report.data import Bar, FeatureView

MOST_SHOWN = 20
"""Values of a text feature with more distinct values than this are hidden: they may be names or addresses."""
_SKIPPED = ("_id",)


def read_features(folder: Path, types: Mapping[str, str], split: str = "train") -> tuple[FeatureView, ...]:
    """Returns the statistics of every feature of one split.

    Args:
        folder: Folder of an ExampleStatistics artifact.
        types: Feature → type as in the document, found by ingestion; decides how dates are shown.
        split: Name of the split.

    Raises:
        DataError: The folder has no statistics for that split, or they do not parse.
    """
    from google.protobuf.message import DecodeError
    from tensorflow_metadata.proto.v0 import statistics_pb2

    file = folder / f"Split-{split}" / "FeatureStats.pb"
    message = statistics_pb2.DatasetFeatureStatisticsList()
    try:
        message.ParseFromString(file.read_bytes())
    except (OSError, DecodeError) as error:
        raise DataError(f"{file}", expected="statistics written by TFDV", seen=str(error)) from error
    features = [_feature(f, types) for dataset in message.datasets for f in dataset.features]
    return tuple(f for f in features if f.name not in _SKIPPED)


def _feature(message: Any, types: Mapping[str, str]) -> FeatureView:
    name = message.name or ".".join(message.path.step)
    kind = message.WhichOneof("stats")
    stats = getattr(message, kind)
    common = stats.common_stats
    rows = common.num_missing + common.num_non_missing
    array = "[]" if common.max_num_values > 1 else ""
    missing = common.num_missing / rows if rows else 0.0
    shown = types.get(name) or _PLAIN_TYPES[message.type]
    if kind == "num_stats":
        if shown == "bool":
            return FeatureView(name, shown + array, missing, {}, None, _yes_no(stats))
        bars = _histogram(stats, shown == "date")
        return FeatureView(name, shown + array, missing, _numbers(stats, shown == "date"), None, bars)
    if kind == "string_stats":
        hidden = stats.unique > MOST_SHOWN
        bars = () if hidden else tuple(Bar(b.label, b.sample_count) for b in stats.rank_histogram.buckets)
        return FeatureView(name, shown + array, missing, {}, stats.unique, bars, hidden)
    return FeatureView(name, shown + array, missing, {}, getattr(stats, "unique", None), (), True)


_PLAIN_TYPES = {0: "int", 1: "float", 2: "text", 3: "bytes", 4: "struct"}


def _numbers(stats: Any, is_date: bool) -> dict[str, float | str]:
    if not stats.common_stats.num_non_missing:
        return {"values": 0.0}
    if is_date:
        return {name: text.day(getattr(stats, name)) for name in ("min", "median", "max")}
    zeros = stats.num_zeros / max(1, stats.common_stats.tot_num_values)
    return {
        "mean": stats.mean,
        "std": stats.std_dev,
        "zeros": text.share(zeros),
        "min": stats.min,
        "median": stats.median,
        "max": stats.max,
    }


def _yes_no(stats: Any) -> tuple[Bar, ...]:
    values = stats.common_stats.tot_num_values
    return (Bar("true", values - stats.num_zeros), Bar("false", stats.num_zeros))


def _histogram(stats: Any, is_date: bool) -> tuple[Bar, ...]:
    shown = text.day if is_date else text.number
    standard = [h for h in stats.histograms if h.type == 0]
    if not standard:
        return ()
    buckets = [b for b in standard[0].buckets if math.isfinite(b.low_value) and math.isfinite(b.high_value)]
    return tuple(Bar(f"{shown(b.low_value)} to {shown(b.high_value)}", b.sample_count) for b in buckets)
