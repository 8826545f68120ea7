"""Weak forms: what a value must look like where the name of its field already says what it is."""

from __future__ import annotations

import re

from foundation.personal.addresses import is_address
from foundation.personal.kinds import (
    ADDRESS,
    BIRTH,
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

_LONGEST = 200
"""Longer values are texts, which the name of their field says little about."""
_NOTHING = re.compile(
    r"(?:n/?a|nan|none|null|unknown|anonymous|undefined|missing|test|yes|no|true|false|\W*)$", re.IGNORECASE
)
_FORMS = {
    EMAIL: re.compile(r"\S+@\S+"),
    PHONE: re.compile(r"[+(]?\d(?:[ ()./-]{0,3}\d){6,14}"),
    MAC: re.compile(
        r"[0-9A-Fa-f]{12}|(?:[0-9A-Fa-f]{2}[:.-]){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}[.]){2}[0-9A-Fa-f]{4}"
    ),
    CARD: re.compile(r"\d(?:[ -]?\d){12,18}"),
    IBAN: re.compile(r"[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z0-9]){11,30}"),
    NATIONAL: re.compile(r"(?=(?:.*?\d){4})\w[\w ./-]{5,23}"),
    BIRTH: re.compile(r"(?=(?:.*?\d){4}).{4,40}"),
    POSTAL: re.compile(r"(?!0x|.*://)(?=.*[^\W\d_]{2}).{4,}", re.DOTALL),
    NAME: re.compile(r"(?!.*://)(?=.*[^\W\d_]).{2,}", re.DOTALL),
    TOKEN: re.compile(r"(?=.*\d)(?=.*[^\W\d_])\S{7,}|\S{20,}"),
}
_PASSWORD = re.compile(r"pass|pwd|secret", re.IGNORECASE)
_ANY_SECRET = re.compile(r"\S{4,}")
_FULL_NAME = re.compile(r"[^\W\d_][\w.'-]+,?(?: (?:[^\W\d_][\w.'()\"-]*,?)){1,6}")


def fits(kind: str, text: str, path: str) -> bool:
    """Returns whether a value may be of the kind that the name of its field tells."""
    text = text.strip()
    if len(text) > _LONGEST or _NOTHING.match(text):
        return False
    if kind == ADDRESS:
        return is_address(text)
    if kind == NAME and path == "name":
        # It may be the name of anything.
        return (
            bool(_FULL_NAME.fullmatch(text))
            and text == text.strip()
            and all(w[0].isupper() for w in text.split() if w[0].isalpha())
        )
    if kind == TOKEN and _PASSWORD.search(path):
        return bool(_ANY_SECRET.fullmatch(text))
    form = _FORMS.get(kind)
    return form is not None and bool(form.fullmatch(text))
