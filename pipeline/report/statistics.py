"""Feature statistics for the report, read from TFDV's protocol buffer without TensorFlow or TFDV."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundation.coarse import FEWEST, finest_unit
from foundation.errors import DataError
from pipeline.report import text
from pipeline.report.data import Bar, FeatureView

MOST_SHOWN = 20
"""Values of a text feature with more distinct values than this are hidden: they may be names or addresses."""
_SKIPPED = ("_id",)
_MILLIS_A_DAY = 86_400_000
_MOST_WHOLE = 1000
"""Of whole numbers over a wider range, ten bars hold nearly equally many."""


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
        bars = _histogram(stats, shown == "date", shown == "int")
        return FeatureView(name, shown + array, missing, _numbers(stats, shown == "date"), None, bars)
    if kind == "string_stats":
        hidden = stats.unique > MOST_SHOWN
        bars = () if hidden else _values(stats.rank_histogram.buckets)
        return FeatureView(name, shown + array, missing, {}, stats.unique, bars, hidden)
    return FeatureView(name, shown + array, missing, {}, getattr(stats, "unique", None), (), True)


_PLAIN_TYPES = {0: "int", 1: "float", 2: "text", 3: "bytes", 4: "struct"}


def _numbers(stats: Any, is_date: bool) -> dict[str, float | str]:
    if not stats.common_stats.num_non_missing:
        return {"values": 0.0}
    if is_date:
        return _dates(stats)
    zeros = stats.num_zeros / max(1, stats.common_stats.tot_num_values)
    return {
        "mean": stats.mean,
        "std": stats.std_dev,
        "zeros": text.share(zeros),
        "min": stats.min,
        "median": stats.median,
        "max": stats.max,
    }


def _dates(stats: Any) -> dict[str, float | str]:
    """Returns first, middle and last date in a unit that several values share at both ends; nothing where none does."""
    unit = _unit(stats)
    if unit is None:
        return {"values": stats.common_stats.tot_num_values}
    return {name: text.day(getattr(stats, name))[:unit] for name in ("min", "median", "max")}


def _unit(stats: Any) -> int | None:
    standard = [h.buckets for h in stats.histograms if h.type == 0 and h.buckets]
    ends = (standard[0][0], standard[0][-1]) if standard else ()
    units = [finest_unit(end.sample_count, (end.high_value - end.low_value) / _MILLIS_A_DAY) for end in ends]
    return min((unit or 0 for unit in units), default=0) or None


def _values(buckets: Any) -> tuple[Bar, ...]:
    """Returns the frequent values of a text; values that few rows have are one bar."""
    shown = [Bar(b.label, b.sample_count) for b in buckets if b.sample_count >= FEWEST]
    rare = [b.sample_count for b in buckets if b.sample_count < FEWEST]
    return (*shown, *([Bar(f"{len(rare)} rare values", sum(rare))] if rare else []))


def _yes_no(stats: Any) -> tuple[Bar, ...]:
    values = stats.common_stats.tot_num_values
    return (Bar("true", values - stats.num_zeros), Bar("false", stats.num_zeros))


def _histogram(stats: Any, is_date: bool, is_whole: bool) -> tuple[Bar, ...]:
    unit = _unit(stats) if is_date else None
    if is_date and unit is None:
        return ()
    shown = (lambda value: text.day(value)[:unit]) if is_date else text.number
    standard = [h for h in stats.histograms if h.type == 0]
    if not standard:
        return ()
    buckets = [b for b in standard[0].buckets if math.isfinite(b.low_value) and math.isfinite(b.high_value)]
    if not is_date and buckets and (is_whole or _all_whole(stats)) and stats.max - stats.min < _MOST_WHOLE:
        return _whole(buckets)
    return tuple(Bar(f"{shown(b.low_value)} to {shown(b.high_value)}", b.sample_count) for b in buckets)


def _all_whole(stats: Any) -> bool:
    """Returns whether a float's quantiles are whole numbers: then it holds nothing else worth a bar."""
    ends = [b.high_value for h in stats.histograms if h.type == 1 for b in h.buckets]
    return bool(ends) and all(float(end).is_integer() for end in (stats.min, *ends))


def _whole(buckets: Any) -> tuple[Bar, ...]:
    """Returns a bar for each whole number or for several; buckets that hold none are not gaps but part of the next."""
    bars: list[Bar] = []
    first, count = math.ceil(buckets[0].low_value), 0.0
    for bucket in buckets:
        count += bucket.sample_count
        # The ends of buckets are computed: one that should be a whole number may be a little less.
        last = math.floor(bucket.high_value + 1e-6 * max(1.0, abs(bucket.high_value)))
        if last >= first:
            label = f"{first:,}" if first == last else f"{first:,} to {last:,}"
            bars.append(Bar(label.replace("-", "−"), count, last - first + 1))
            first, count = last + 1, 0.0
    return tuple(bars)
