"""Looks of personal values in text: e-mails, phone numbers, keys and tokens, IP addresses, cards, IBANs.

Only kinds are reported, values are never kept. A match is a suspicion, for a person to judge.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterable

EMAIL = "e-mail"
PHONE = "phone number"
TOKEN = "key or token"
ADDRESS = "IP address"
CARD = "card number"
IBAN = "IBAN"

LONGEST = 2000
"""How many characters of a value are looked at."""

PERSONAL_NAME = re.compile(
    r"e_?-?mail|phone|mobile|(first|last|full|sur|user|nick)_?-?name|^name$|address|street|^ip$|ip_?addr|password|token|"
    r"iban|card_?number|passport|ssn|birth|(^|_)(born|dob|deceased)(_|$)|^lat$|^lon$|^lng$|latitude|longitude",
    re.IGNORECASE,
)
"""Names of fields that hold personal values as a rule."""

_EMAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[A-Za-z]{2,24}(?![\w@])")
_PHONE = re.compile(
    r"(?<![\w.-])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)|(?<![\w.-])0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}(?!\w)"
)
_TOKEN = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JSON web token
    r"|(?:sk|pk|rk)_(?:live|test)_\w{10,}|sk-[\w-]{20,}"
    r"|gh[pousr]_\w{30,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|\$2[aby]\$\d\d\$[./\w]{53}|Bearer\s+[\w.~+/-]{16,}"
    r"|\b(?:password|passwd|secret|api_?key)\s*[=:]\s*\S{4,}"
)
_ADDRESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])"
)
_CARD = re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?!\w)")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return not re.fullmatch(r"\d{1,2}:\d{2}:\d{2}", text)


def _passes_luhn(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and (sum(doubled) + sum(digits[-1::-2])) % 10 == 0


def _passes_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    turned = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1


def _always(_: str) -> bool:
    return True


_LOOKS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (TOKEN, _TOKEN, _always),
    (EMAIL, _EMAIL, _always),
    (IBAN, _IBAN, _passes_iban),
    (CARD, _CARD, _passes_luhn),
    (ADDRESS, _ADDRESS, _is_address),
    (PHONE, _PHONE, _always),
)


def look_of(text: str) -> str | None:
    """Returns the kind of personal value that a text holds, or None.

    >>> look_of("write to ada@example.org")
    'e-mail'
    """
    shown = text[:LONGEST]
    for kind, pattern, confirmed in _LOOKS:
        if any(confirmed(match.group()) for match in pattern.finditer(shown)):
            return kind
    return None


def looks_of(texts: Iterable[str]) -> Counter[str]:
    """Returns how many texts hold each kind of personal value."""
    return Counter(kind for text in texts if (kind := look_of(text)))
