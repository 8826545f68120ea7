"""Whole numbers in TFDV's ten buckets become bars without gaps that the data do not have."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.validation_gate.calibrated.null_range import histogram
from pipeline.report.statistics import _feature


def view(values: np.ndarray, kind: str = "INT"):
    """Returns the report's view of a feature whose statistics TFDV would write like this."""
    ordered = np.sort(values.astype(np.float64))
    message = statistics_pb2.FeatureNameStatistics(name="x", type=kind)
    stats = message.num_stats
    stats.common_stats.num_non_missing = stats.common_stats.tot_num_values = len(ordered)
    stats.min, stats.max = ordered[0], ordered[-1]
    counts, edges = histogram(ordered)
    for sort, ends, sizes in (
        ("STANDARD", edges, counts),
        (
            "QUANTILES",
            np.quantile(ordered, np.linspace(0, 1, 11), method="lower"),
            np.full(10, len(ordered) / 10),
        ),
    ):
        made = stats.histograms.add(type=sort)
        for low, high, count in zip(ends, ends[1:], sizes, strict=False):
            made.buckets.add(low_value=low, high_value=high, sample_count=count)
    return _feature(message, {})


@pytest.mark.parametrize("kind", ["INT", "FLOAT"])
@pytest.mark.parametrize("first", [0, 1, -3])
def test_seven_weekdays_are_seven_bars_of_their_own_height(kind, first):
    days = np.repeat(np.arange(7) + first, [500, 510, 490, 480, 520, 300, 320])
    bars = view(days, kind).bars
    assert [bar.label for bar in bars] == [str(day).replace("-", "−") for day in np.arange(7) + first]
    assert [bar.count for bar in bars] == pytest.approx([500, 510, 490, 480, 520, 300, 320], abs=12)


@pytest.mark.parametrize("values", [2, 10, 11, 13, 24, 31, 60, 366])
def test_equally_frequent_whole_numbers_are_bars_of_equal_height(values):
    bars = view(np.repeat(np.arange(1, values + 1), 50)).bars
    assert sum(bar.values for bar in bars) == values
    assert [bar.height for bar in bars] == pytest.approx([50] * len(bars), rel=0.15)


def test_fractions_keep_their_ten_bars():
    assert len(view(np.random.default_rng(0).normal(size=500), "FLOAT").bars) == 10
