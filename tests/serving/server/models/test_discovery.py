"""Which names are versions, and which base paths can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.server.models import discovery
from serving.server.status import Code, ServingError


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("7", 7),
        ("00000123", 123),
        ("0", 0),
        ("-5", -5),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("v2", None),
        ("1.5", None),
        ("0x10", None),
        ("1e3", None),
        ("latest", None),
        ("1_000", None),
        ("٣", None),
        ("", None),
        ("7.tmp", None),
    ],
)
def test_version_numbers(name: str, number: int | None) -> None:
    assert discovery.version_number(name) == number


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_int64_is_a_version(number: int) -> None:
    assert discovery.version_number(str(number)) == number


@given(st.text())
def test_no_name_breaks_it(name: str) -> None:
    number = discovery.version_number(name)
    assert number is None or -(2**63) <= number < 2**63


@pytest.mark.parametrize("names", [("1", "01"), ("01", "1"), ("001", "1", "01"), ("0", "-0"), ("-1", "-01")])
def test_of_several_names_for_one_number_the_plain_one_counts(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in (*names, "2", "x"):
        (tmp_path / name).mkdir()
    found = discovery.look(str(tmp_path))
    plain = min(names, key=len)
    assert found.versions == {int(plain): tmp_path / plain, 2: tmp_path / "2"}
    assert set(found.doubles) == set(names) - {plain}


def test_without_a_plain_name_the_first_one_counts(tmp_path: Path) -> None:
    for name in ("01", "001"):
        (tmp_path / name).mkdir()
    assert discovery.look(str(tmp_path)).versions == {1: tmp_path / "001"}


def test_impossible_paths_are_refused() -> None:
    with pytest.raises(ServingError, match="NUL") as caught:
        discovery.look("/models\0/mine")
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_file_uri_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    assert discovery.look(f"file://{tmp_path}").versions == {1: tmp_path / "1"}


@pytest.mark.parametrize(
    ("base_path", "code", "text"),
    [
        ("/no/such/path", Code.NOT_FOUND, "Could not find base path /no/such/path"),
        (__file__, Code.FAILED_PRECONDITION, "Could not read base path"),
        ("gs://bucket/model", Code.UNIMPLEMENTED, "File system scheme 'gs' not implemented"),
    ],
)
def test_base_paths_that_cannot_be_read(base_path: str, code: Code, text: str) -> None:
    with pytest.raises(ServingError, match=text) as caught:
        discovery.look(base_path)
    assert caught.value.code is code
