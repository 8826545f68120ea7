"""Looks of personal values in text: by their form, their check digits, and the name of the field that holds them.

Only kinds are reported, values are never kept. A match is a suspicion, for a person to judge.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from foundation.personal.addresses import holds_address, holds_email, holds_mac
from foundation.personal.kinds import (
    ADDRESS,
    CARD,
    EMAIL,
    IBAN,
    MAC,
    NAME,
    NATIONAL,
    PHONE,
    POSTAL,
    TOKEN,
)
from foundation.personal.names import holds_versions, named
from foundation.personal.numbers import holds_card, holds_iban, holds_national_id
from foundation.personal.phones import holds_phone
from foundation.personal.tokens import holds_token
from foundation.personal.told import fits

LONGEST = 20_000
"""How many characters of a value are looked at."""
LONGEST_EMAIL = 1_000_000
"""How many characters of a value are searched for e-mail addresses, which costs next to nothing."""
_DIGIT = re.compile(r"\d")
_SEVEN_DIGITS = re.compile(r"\d(?:[^\w\n]{0,4}\d){6}")
"""Phone and card numbers have at least so many, with little between them."""
_SHORTEST, _SHORTEST_IBAN = 7, 15
"""Characters of the shortest number that is looked for, and of the shortest IBAN."""
_HARMLESS = re.compile(
    r"[+-]?\d*\.\d+"
    r"|[1-9]\d{11,12}|[1789]\d{13,16}|\d{1,8}|[1-9]\d{8}"
    r"|\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|[0-9a-f]{24}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
"""What most values with digits are: decimals, timestamps, dates, ids and hashes in hex, UUIDs. Nothing personal has
these forms, and they spare the other patterns."""
_VALUES_FIRST = frozenset({NAME, POSTAL})
"""What names of fields tell without much help of the values: an e-mail address among them is one all the same."""


def look_of(text: str, path: str = "") -> str | None:
    """Returns the kind of personal value that a text holds, or None.

    Args:
        text: The value of a field.
        path: Dotted path or name of the field. A form that says little by itself counts where the name tells the same.

    >>> look_of("write to ada@example.org")
    'e-mail'
    >>> look_of("5550123"), look_of("5550123", "customer.phone")
    (None, 'phone number')
    """
    return _look(text, path, Counter())


def looks_of(texts: Iterable[str], path: str = "") -> Counter[str]:
    """Returns how many texts hold each kind of personal value.

    Of numbers with a check digit, one in ten has the right one by chance, and some versions look like an IP address.
    Where more of the texts come close to a kind than are of it, they are something else.

    Args:
        texts: Values of a field.
        path: Dotted path or name of the field.
    """
    missed: Counter[str] = Counter()
    found = Counter(kind for text in texts if (kind := _look(text, path, missed)))
    for kind, times in missed.items():
        if found[kind] < times:
            del found[kind]
    return found


def _look(text: str, path: str, missed: Counter[str]) -> str | None:
    told = named(path) if path else None
    if told and told not in _VALUES_FIRST and fits(told, text, path):
        return told
    kind = _by_form(text[:LONGEST] if len(text) > LONGEST else text, path, missed)
    if kind:
        return kind
    if len(text) > LONGEST and holds_email(text[LONGEST - 100 : LONGEST_EMAIL]):
        return EMAIL
    return told if told in _VALUES_FIRST and fits(told, text, path) else None


def _by_form(text: str, path: str, missed: Counter[str]) -> str | None:
    if _HARMLESS.fullmatch(text):
        return None
    if holds_token(text):
        return TOKEN
    if holds_email(text):
        return EMAIL
    if len(text) < _SHORTEST or not _DIGIT.search(text):
        return None
    if len(text) >= _SHORTEST_IBAN and holds_iban(text):
        return IBAN
    many = bool(_SEVEN_DIGITS.search(text))
    if many and _passes(CARD, holds_card(text), missed):
        return CARD
    if _passes(NATIONAL, holds_national_id(text), missed):
        return NATIONAL
    if holds_mac(text):
        return MAC
    if _passes(ADDRESS, holds_address(text, versions=holds_versions(path)), missed):
        return ADDRESS
    return PHONE if many and holds_phone(text) else None


def _passes(kind: str, held: bool | None, missed: Counter[str]) -> bool:
    if held is None:
        missed[kind] += 1
    return bool(held)
