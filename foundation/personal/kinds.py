"""The kinds of personal values."""

from __future__ import annotations

EMAIL = "e-mail"
PHONE = "phone number"
TOKEN = "key or token"
ADDRESS = "IP address"
CARD = "card number"
IBAN = "IBAN"
NATIONAL = "national id"
MAC = "MAC address"
NAME = "name"
POSTAL = "postal address"
BIRTH = "date of birth"
COORDINATES = "coordinates"
