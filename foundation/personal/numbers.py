"""Looks of card numbers, IBANs and national ids in text: shapes first, then their check digits."""

from __future__ import annotations

import importlib
import re

_CARD = re.compile(
    r"[2-6](?<![\w.,+-].)\d{3}(?:([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{6}\1\d{4,5})|\d{10,12}|\d{15})"
    r"(?![\w-]|[.,]\d)"
)
_ISSUERS = re.compile(
    r"4(?:\d{15}|\d{18})|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}|220[0-4]\d{12}"
)
"""Visa, Mastercard, American Express, Discover, Diners, JCB, UnionPay, Mir; each with its lengths."""
_IBAN = re.compile(r"\d(?<=\b[A-Za-z]{2}.)\d(?:[ -]?[A-Za-z0-9]){11,30}(?!\w)")
"""From the check digits on: two letters stand before them."""
_GROUPS = re.compile(r"[ -]+")
_NATIONAL = re.compile(
    r"[A-Z\d](?<![\w.,/+-].)(?:"
    r"(?P<us_ssn>\d\d-\d\d-\d{4})"
    r"|(?P<fr_nir>(?<=[12]) ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d)"
    r"|(?P<br_cpf>\d\d\.\d{3}\.\d{3}-\d\d)"
    r"|(?P<cl_rut>\d?\.\d{3}\.\d{3}-[\dkK])"
    r"|(?P<it_codicefiscale>[A-Z]{5}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z])"
    r"|(?P<mx_curp>[A-Z]{3}\d{6}[HM][A-Z]{5}[A-Z\d]\d)"
    r"|(?P<in_pan>(?<=[A-Z])[A-Z]{2}P[A-Z]\d{4}[A-Z])"
    r"|(?P<es_dni>(?<=\d)\d{7}-?[A-Z])|(?P<es_nie>(?<=[XYZ])-?\d{7}-?[A-Z])"
    r"|(?P<gb_nino>(?<=[A-CEGHJ-PR-TW-Z])[A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D])"
    r"|(?P<se_personnummer>\d{5}(?:\d\d)?[-+]\d{4})|(?P<kr_rrn>\d{5}-[1-8]\d{6})"
    r"|(?P<fi_hetu>\d{5}[-+A-FU-Y]\d{3}[\dA-Y])"
    r"|(?P<be_nn>\d\.\d\d\.\d\d-\d{3}[. -]?\d\d)|(?P<ch_ssn>(?<=7)56\.\d{4}\.\d{4}\.\d\d)"
    r"|(?P<cn_ric>\d{16}[\dXx])|(?P<no_fodselsnummer>\d{5} ?\d{5})"
    r")(?![\w-]|[.,]\d)"
)
"""Ids whose form or check digits leave little to chance; others count where the field's name tells them."""
_UNCHECKED = frozenset({"gb_nino", "in_pan"})
_BIRTHS = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")


def holds_card(text: str) -> bool | None:
    """Returns whether a text holds a card number; None if one has the digits of a card, but not its check digit."""
    if not _CARD.search(text):
        return False
    from stdnum import luhn

    found: bool | None = False
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if not _ISSUERS.fullmatch(digits) or len(set(digits)) < 2:
            continue
        if luhn.is_valid(digits):
            return True
        found = None
    return found


def holds_iban(text: str) -> bool:
    """Returns whether a text holds an IBAN, in groups or not, in capitals or not."""
    if not _IBAN.search(text):
        return False
    from stdnum import iban

    for match in _IBAN.finditer(text):
        groups = _GROUPS.split(text[match.start() - 2 : match.end()])
        # Words may follow an IBAN in groups.
        for size in range(len(groups), 0, -1):
            plain = "".join(groups[:size]).upper()
            if 15 <= len(plain) <= 34 and iban.is_valid(plain, check_country=False):
                return True
    return False


def holds_national_id(text: str) -> bool | None:
    """Returns whether a text holds a national id; None if one has the form of it, but not its check digits."""
    found: bool | None = False
    for match in _NATIONAL.finditer(text):
        kind = str(match.lastgroup)
        if kind in _UNCHECKED or _is_valid(kind, match[0]):
            return True
        found = None
    return found


def _is_valid(kind: str, text: str) -> bool:
    if kind == "cn_ric" and not _BIRTHS.match(text[6:14]):
        return False
    module = importlib.import_module(f"stdnum.{kind.replace('_', '.', 1)}")
    return bool(module.is_valid(text))
