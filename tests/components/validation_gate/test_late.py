"""Dates after the prediction are found, whatever dates stand for "none" beside them."""

from __future__ import annotations

import numpy as np
import pytest

from components.validation_gate.late import find_late

ROWS = 2000
DAY = 86_400_000
START = 1_700_000_000_000
YEAR_1, YEAR_9999 = -62_135_596_800_000, 253_402_300_799_000


@pytest.fixture
def rows():
    moments = [START + i * DAY // 50 for i in range(ROWS)]
    return {
        "observed_at": [[moment] for moment in moments],
        "returned_at": [[moment + DAY] if i % 10 == 0 else None for i, moment in enumerate(moments)],
        "signup_at": [[moment - DAY] for moment in moments],
        "visits": [[i % 40] for i in range(ROWS)],
        "hash": [[int(v)] for v in np.random.default_rng(0).integers(-(2**62), 2**62, ROWS)],
        "country": [["de"]] * ROWS,
    }


def late(rows, dates=()):
    return {finding.feature: finding.seen for finding in find_late(rows, "observed_at", dates)}


def test_a_date_after_the_prediction_is_found_and_nothing_else(rows):
    assert late(rows) == {"returned_at": "later in 100% of 200 examined rows"}


@pytest.mark.parametrize(
    "outlier",
    [0, 1000, YEAR_1, YEAR_9999, -DAY, 2**62],
    ids=["1970", "1970 too", "0001", "9999", "1969", "far"],
)
@pytest.mark.parametrize("share", [1, 100, 1800], ids=["one", "some", "most"])
def test_dates_that_stand_for_none_change_nothing(rows, outlier, share):
    for name in ("returned_at", "signup_at"):
        empty = [i for i in range(ROWS) if i % 10] if name == "returned_at" else range(ROWS)
        for i in list(empty)[:share]:
            rows[name][i] = [outlier]
    assert set(late(rows)) == {"returned_at"}


def test_different_outlying_dates_change_nothing(rows):
    for i in range(1, ROWS, 10):
        rows["returned_at"][i] = [YEAR_1 + i * DAY]
    rows["returned_at"][2] = [YEAR_9999]
    assert set(late(rows)) == {"returned_at"}
    assert set(late(rows, dates=["returned_at"])) == {"returned_at"}


def test_a_declared_date_is_one_even_where_few_values_look_like_it(rows):
    rows["returned_at"] = [[YEAR_1 + i * DAY] for i in range(ROWS)]
    rows["returned_at"][:100] = [[START + 400 * DAY]] * 100
    assert late(rows) == {}
    assert set(late(rows, dates=["returned_at"])) == {"returned_at"}


@pytest.mark.parametrize("moment", [0, YEAR_1, YEAR_9999], ids=["1970", "0001", "9999"])
def test_an_outlying_moment_of_the_prediction_is_left_out(rows, moment):
    for i in range(1, ROWS, 5):
        rows["observed_at"][i] = [moment]
    assert set(late(rows)) == {"returned_at"}


@pytest.mark.parametrize(
    "form",
    [lambda v: v // 1000, lambda v: str(np.datetime64(v, "ms")), lambda v: v * 1000],
    ids=["seconds", "text", "microseconds"],
)
def test_dates_in_other_forms_are_compared_too(rows, form):
    for name in ("returned_at", "signup_at"):
        rows[name] = [v and [form(v[0])] for v in rows[name]]
    assert late(rows) == {"returned_at": "later in 100% of 200 examined rows"}
    rows["observed_at"] = [[str(np.datetime64(v[0], "ms"))] for v in rows["observed_at"]]
    assert set(late(rows)) == {"returned_at"}
