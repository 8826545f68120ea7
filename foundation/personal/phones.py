"""Looks of phone numbers in text: shapes first, then the library that knows each country's numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

_END = r"(?!\w|[.,]\d)"
_START = r"(?<![\w.,+/-].)"
_INTERNATIONAL = re.compile(
    rf"[+0]{_START}(?:(?<=\+)|0)[1-9]\d{{0,14}}(?:[ ()./-]{{1,3}}\d{{1,14}}){{0,7}}{_END}"
)
_AMERICAN = re.compile(
    rf"[(\d]{_START}(?:(?<=1)[ .-]\(?)?\d{{2,3}}(?:\) ?|[ .-])\d{{3}}[ .-]\d{{4}}{_END}(?!-\d)"
)
_TRUNK = re.compile(
    rf"[(0]{_START}(?:(?<=0)|0)[1-9]\d{{0,3}}\)?(?:[ ./-]{{1,3}}\d{{2,8}}){{1,5}}{_END}(?!-\d)"
)
"""Numbers in their own country, with the 0 in front that most of Europe and Australia dial."""
_MOBILE = re.compile(rf"0{_START}(?:[67]\d{{8,9}}|1[567]\d{{8,9}}){_END}")
_OTHERS = re.compile(
    rf"[(\d]{_START}(?:(?<=\()[1-9]\d\) ?9?\d{{4}}-\d{{4}}"  # Brazil
    r"|(?<=[67])\d\d \d\d \d\d \d\d|(?<=9)\d \d{3} \d\d \d\d"  # Spain
    r"|(?<=1)[3-9]\d([ -])\d{4}\1\d{4}"  # China
    rf"|(?<=8)[ -]?\(?9\d\d\)?[ -]\d{{3}}[ -]\d\d[ -]\d\d){_END}"  # Russia
)
_TOLD = re.compile(
    r"\b(?:tel|phone|telefon|fax|mobile|cell|call|whatsapp|handy)\b\W{0,4}(\d[\d ()./-]{5,18}\d)(?!\w)",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d\d([./-])\d\d\1\d{4}")
_REGIONS = ("DE", "FR", "GB", "IT", "NL", "BE", "CH", "AT", "AU", "SE", "JP", "ES", "BR", "ZA")
_MOBILE_REGIONS = ("FR", "GB", "DE")
_LONGEST_PLAIN = 11
"""Without spaces, fewer digits after 00 are rather an id that is padded with zeros."""
_LEAST = 9
"""Digits of a number in its own country; shorter ones also are codes and dates."""


def holds_phone(text: str) -> bool:
    """Returns whether a text holds a phone number that its form gives away."""
    for pattern, confirmed in _SHAPES:
        if pattern.search(text):
            for match in pattern.finditer(text):
                if confirmed(match[0]):
                    return True
    return bool(_OTHERS.search(text) or _TOLD.search(text))


def _is_international(found: str) -> bool:
    if found.count(".") == 1:  # a signed decimal
        return False
    if found[0] == "0" and found.isdigit() and len(found) < _LONGEST_PLAIN + 2:
        return False
    number = found if found[0] == "+" else f"+{found[2:]}"
    spaced = sum(not c.isalnum() for c in found[1:]) >= 2 and found[0] == "+"
    # Further digits may follow a number in a text: without its last groups it may be one.
    while True:
        if _fits(number, None, possible=spaced):
            return True
        shorter = re.sub(r"[ ()./-]+\d+$", "", number)
        if shorter == number:
            return False
        number = shorter


def _is_american(found: str) -> bool:
    digits = re.sub(r"\D", "", found)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if len(digits) != 10 or digits[0] in "01" or digits[3] in "01":
        return False
    # 555 is what examples and films take; it belongs to nobody, but is meant as a number.
    return "(" in found or digits.startswith("555") or digits[3:6] == "555" or _fits(found, "US")


def _is_national(found: str) -> bool:
    while len(re.sub(r"\D", "", found)) >= _LEAST:
        if not _DATE.match(found) and any(_fits(found, region) for region in _REGIONS):
            return True
        shorter = re.sub(r"[ ./-]+\d+$", "", found)
        if shorter == found:
            break
        found = shorter
    return False


def _is_mobile(found: str) -> bool:
    import phonenumbers

    kinds = phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.PAGER
    return any(
        phonenumbers.number_type(phonenumbers.parse(found, region)) in kinds for region in _MOBILE_REGIONS
    )


def _fits(number: str, region: str | None, possible: bool = False) -> bool:
    # Read when a text looks like it, as most exports have none.
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed) or (possible and phonenumbers.is_possible_number(parsed))


_SHAPES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (_INTERNATIONAL, _is_international),
    (_AMERICAN, _is_american),
    (_TRUNK, _is_national),
    (_MOBILE, _is_mobile),
)
