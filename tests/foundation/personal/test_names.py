"""What the name of a field tells of its values."""

from __future__ import annotations

import pytest

from foundation.personal.names import named, words_of

TOLD = {
    "email": "e-mail",
    "user.workEmail": "e-mail",
    "emails": "e-mail",
    "phone_number": "phone number",
    "mobilePhone2": "phone number",
    "HOME_PHONE": "phone number",
    "access_token": "key or token",
    "clientIP": "IP address",
    "ip_addr": "IP address",
    "first-name": "name",
    "firstname": "name",
    "customer.name": "name",
    "patientName": "name",
    "name": "name",
    "address_line_1": "postal address",
    "shipping.street": "postal address",
    "email_address": "e-mail",
    "mac_address": "MAC address",
    "date_of_birth": "date of birth",
    "birthday": "date of birth",
    "born": "date of birth",
    "geo.lat": "coordinates",
    "card_number": "card number",
    "Straße": "postal address",
}
SILENT = [
    "microphone",
    "shipment",
    "trip",
    "description",
    "tokenizer",
    "phone_type",
    "has_phone",
    "email_verified",
    "num_tokens_used",
    "number_of_emails",
    "product_name",
    "product.name",
    "fileName",
    "memory_address",
    "addressed",
    "latency",
    "flat",
    "born_in_region",
    "birth_rate",
    "streetcar",
    "zip",
    "recipe",
    "plan",
    "1",
    "",
]


@pytest.mark.parametrize(("path", "kind"), TOLD.items(), ids=TOLD)
def test_a_telling_name_gives_the_kind(path: str, kind: str) -> None:
    assert named(path) == kind


@pytest.mark.parametrize("path", SILENT)
def test_the_same_word_in_other_words_tells_nothing(path: str) -> None:
    assert named(path) is None


def test_words_of_a_name() -> None:
    assert words_of("userIPAddress_v4") == ["user", "ip", "address", "v", "4"]
