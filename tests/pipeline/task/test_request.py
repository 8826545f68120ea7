"""Names of runs: whatever a scheduler calls them, one part of a path, and never the same for two."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.task.request import safe_name


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_name_is_one_safe_part_of_a_path_and_differs_for_different_runs(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", safe_name(one))
    assert (safe_name(one) == safe_name(other)) == (one == other)


@pytest.mark.parametrize(
    "run", ["scheduled__2026-01-01", "20260101T000000-ab12"], ids=["airflow", "penstock"]
)
def test_a_plain_id_stays_as_it_is(run: str) -> None:
    assert safe_name(run) == run


def test_a_time_with_a_zone_is_still_readable() -> None:
    assert safe_name("manual__2026-01-01T00:00:00+00:00").startswith("manual__2026-01-01T00-00-00-00-00-")
