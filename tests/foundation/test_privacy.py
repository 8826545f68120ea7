"""The privacy policy on single values: keys, hashes, truncation, bands, dates."""

from __future__ import annotations

import pytest

from foundation.errors import SpecError
from foundation.privacy import (
    PrivacyConfig,
    date_floor,
    generalised,
    key_id,
    keyed_hash,
    protect,
    read_key,
    truncated,
)

KEY = b"0123456789abcdef0123456789abcdef"
HASHING = PrivacyConfig.model_validate({"rules": {"user": "hash"}})


def test_a_missing_key_is_one_clear_error() -> None:
    with pytest.raises(
        SpecError, match=r"environment variable PENSTOCK_PRIVACY_KEY; seen: no such variable.*openssl"
    ):
        read_key(HASHING, {})


def test_a_short_key_is_refused_and_not_shown() -> None:
    with pytest.raises(SpecError, match="at least 16 characters") as caught:
        read_key(HASHING, {"PENSTOCK_PRIVACY_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_no_key_is_asked_for_where_nothing_is_hashed() -> None:
    assert read_key(PrivacyConfig(), {}) == b"" and key_id(b"") == ""


def test_the_id_of_a_key_is_known_and_short() -> None:
    assert key_id(KEY) == key_id(KEY) != key_id(KEY + b"x") and len(key_id(KEY)) == 8


def test_a_known_hash_stays_what_it_is() -> None:
    """A promise to every data set that was made before: never change it."""
    assert keyed_hash(KEY, b"ada@example.org") == b"bcfa6aa5642f6ffa0a359346b83770c4"


@pytest.mark.parametrize(
    ("text", "how", "expected"),
    [
        ("Ada Lovelace", 3, "Ada"),
        ("äöü", 2, "äö"),
        ("", 2, ""),
        ("10.1.2.3", "ip", "10.1.2.0/24"),
        ("2001:db8:1:2::3", "ip", "2001:db8:1::/48"),
        ("::ffff:10.1.2.3", "ip", "10.1.2.0/24"),
        ("fe80::1%eth0", "ip", "fe80::/48"),
        ("home", "ip", None),
        ("Ada@Example.org", "email", "example.org"),
        ("nobody", "email", None),
        ("@example.org", "email", None),
    ],
)
def test_truncation(text: str, how: int | str, expected: str | None) -> None:
    assert truncated(text, how) == expected


@pytest.mark.parametrize(
    ("value", "how", "expected"),
    [
        (37, 10.0, 30),
        (-1, 10.0, -10),
        (0.37, 0.25, 0.25),
        (17, [18.0, 65.0], 0),
        (18, [18.0, 65.0], 1),
        (70, [18.0, 65.0], 2),
    ],
)
def test_bands(value: float, how: float | list[float], expected: float) -> None:
    assert generalised(value, how) == expected


def test_dates_go_back_to_their_beginning_also_before_1970() -> None:
    assert date_floor(1_710_000_000_000, "month") == 1_709_251_200_000
    assert date_floor(-1, "year") == -31_536_000_000
    assert date_floor(86_400_001, "day") == 86_400_000


def test_a_row_of_plain_values_is_protected() -> None:
    policy = PrivacyConfig.model_validate(
        {"rules": {"user": "hash", "note": "drop", "ip": {"truncate": "ip"}, "at": {"generalise": "day"}}}
    )
    row = {"user": 5, "note": "x", "ip": ["10.1.2.3", None], "at": 86_400_001, "other": 1.5}
    assert protect(policy, KEY, row, dates=["at"]) == {
        "user": keyed_hash(KEY, b"5").decode(),
        "ip": ["10.1.2.0/24", None],
        "at": 86_400_000,
        "other": 1.5,
    }
