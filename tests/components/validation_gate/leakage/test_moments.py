"""Dates are read in every unit and form, and ids are not taken for dates."""

from __future__ import annotations

import numpy as np
import pytest

from components.validation_gate.leakage.moments import milliseconds

MOMENTS = 1_700_000_000_000 + np.arange(200) * 86_400_000
FORMS = {
    "seconds": lambda m: int(m) // 1000,
    "seconds with parts": lambda m: m / 1000,
    "microseconds": lambda m: int(m) * 1000,
    "nanoseconds": lambda m: int(m) * 1_000_000,
    "ISO": lambda m: str(np.datetime64(int(m), "ms")) + "Z",
    "day": lambda m: str(np.datetime64(int(m), "ms").astype("datetime64[D]")),
    "German": lambda m: np.datetime64(int(m), "ms").item().strftime("%d.%m.%Y %H:%M:%S"),
    "American": lambda m: np.datetime64(int(m), "ms").item().strftime("%m/%d/%Y %H:%M:%S"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_date_is_read_in_each_form(form: str) -> None:
    column = [None if i % 7 == 0 else [FORMS[form](m)] for i, m in enumerate(MOMENTS)]
    read = milliseconds(column, MOMENTS.astype(float))
    assert read is not None
    assert np.isnan(read[::7]).all()
    apart = np.abs(read - MOMENTS)[~np.isnan(read)]
    assert apart.max() < (86_400_000 if form == "day" else 1001)


@pytest.mark.parametrize(
    "values",
    [np.arange(200), np.random.default_rng(0).integers(6e8, 4e9, 200), np.arange(200) / 7, MOMENTS],
    ids=["small", "ids", "decimals", "milliseconds"],
)
def test_other_numbers_are_left_alone(values: np.ndarray) -> None:
    assert milliseconds([[v] for v in values.tolist()], MOMENTS.astype(float)) is None


@pytest.mark.parametrize("text", ["2024", "10-11", "1.2.3.4", "abc", "99/99/2024"])
def test_other_text_is_left_alone(text: str) -> None:
    assert milliseconds([[text]] * 50) is None
