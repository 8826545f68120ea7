"""What looks like personal data, and what only nearly does."""

from __future__ import annotations

import pytest

from foundation.personal import look_of, looks_of

LOOKS = {
    "write to ada.lovelace+x@mail.example.org please": "e-mail",
    "+49 170 1234567": "phone number",
    "0171/2345678": "phone number",
    "004917012345678": "phone number",
    "192.168.1.17": "IP address",
    "2001:db8::8a2e:370:7334": "IP address",
    "4111 1111 1111 1111": "card number",
    "DE89 3704 0044 0532 0130 00": "IBAN",
    "AKIAIOSFODNN7EXAMPLE": "key or token",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc": "key or token",
    "password=hunter22": "key or token",
}
NEARLY = [
    "",
    "Berlin",
    "507f1f77bcf86cd799439011",
    "550e8400-e29b-41d4-a716-446655440000",
    "2024-02-29T10:00:00Z",
    "1709251200000",
    "version 1.2.3",
    "999.1.1.1",
    "10:30:00",
    "4111 1111 1111 1112",
    "DE00 ABCD EFGH IJKL MNOP",
    "a@b",
    "3.14159265358979",
    "order 12345678",
]


@pytest.mark.parametrize(("text", "kind"), LOOKS.items(), ids=str)
def test_a_personal_value_is_seen(text: str, kind: str) -> None:
    assert look_of(text) == kind


@pytest.mark.parametrize("text", NEARLY)
def test_what_is_nearly_one_is_not(text: str) -> None:
    assert look_of(text) is None


def test_kinds_are_counted_and_long_values_cost_little() -> None:
    assert looks_of(["a@b.de", "x", "c@d.org", "(1" * 100_000]) == {"e-mail": 2}
