from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from foundation.config import Config
from foundation.quantities import Duration, Share, duration_words, seconds_of


class Holder(Config):
    share: Share = 0.5
    wait: Duration = 1.0


@pytest.mark.parametrize(
    ("written", "share"),
    [
        ("10%", 0.1),
        ("0.5 %", 0.005),
        ("1/4", 0.25),
        (0.3, 0.3),
        (1, 1.0),
        (0, 0.0),
        ("100%", 1.0),
        (".5%", 0.005),
    ],
)
def test_a_share_is_read(written: object, share: float) -> None:
    assert Holder.model_validate({"share": written}).share == share


@pytest.mark.parametrize(
    "written", ["10", "110%", "3/2", "1/0", "-5%", "ten", "", 10, -0.1, math.nan, "nan%", True, None]
)
def test_what_is_no_share_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate({"share": written}, strict=True)


def test_a_number_above_one_gets_the_remedy() -> None:
    with pytest.raises(ValidationError, match="if percent is meant, write 10%"):
        Holder.model_validate({"share": 10})


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7d", 604800),
        ("5m", 300),
        ("250ms", 0.25),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        (10, 10),
        ("1.5h", 5400),
        ("2w", 1209600),
    ],
)
def test_a_duration_is_read(written: object, seconds: float) -> None:
    assert Holder.model_validate({"wait": written}).wait == seconds


@pytest.mark.parametrize("written", ["7", "7 days", "", "d", "-5m", -1, "1h x", True])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate({"wait": written}, strict=True)


@given(st.integers(0, 10**10))
def test_the_words_of_a_duration_read_back(milliseconds: int) -> None:
    assert math.isclose(seconds_of(duration_words(milliseconds / 1000)), milliseconds / 1000, abs_tol=1e-6)
