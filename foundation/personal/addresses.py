"""Looks of e-mail, IP and MAC addresses in text."""

from __future__ import annotations

import ipaddress
import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_DOMAIN = r"(?:[\w-]{1,63}\.){1,5}(?:[A-Za-z]{2,24}|xn--[\w-]{2,40})(?![\w@])"
_AT = re.compile(rf"@(?<=[\w.+-]@){_DOMAIN}")
_ESCAPED = re.compile(rf"%40(?<=[\w.+-]%40){_DOMAIN}")
_LOCAL = re.compile(r"[\w.+-]+$")
_MOST_LOCAL = 64
_HIDDEN = re.compile(r"[(\[]at[)\]] ?[\w-]{1,63}(?:(?: ?[(\[]dot[)\]] ?|\.)[\w-]{2,63}){1,4}", re.IGNORECASE)
"""The way to write an address that is meant to be kept from programs: ada (at) example (dot) org."""
_SERVICES = frozenset({"git", "hg", "svn"})
"""What stands before the @ in addresses of code."""
_FILES = _set(
    "png jpg jpeg gif svg webp avif ico bmp pdf css scss js jsx mjs ts tsx json html htm xml md txt zip "
    "gz map"
)
"""Endings of files, such as logo@2x.png."""
_NUMBERED = re.compile(r"\d+\.\d")

_V4 = re.compile(r"\d(?<![\w.-].)\d{0,2}(?:\.\d{1,3}){3}(?![\w-]|\.\d)(/\d)?")
_V6 = re.compile(
    r"[0-9A-Fa-f](?<![\w:].)[0-9A-Fa-f]{2,3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![\w:])(/\d)?"
)
_MAC = re.compile(
    r"[0-9A-Fa-f](?<![\w:.-].)(?:[0-9A-Fa-f](?:([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}"
    r"(?:\1[0-9A-Fa-f]{2}\1[0-9A-Fa-f]{2})?)|[0-9A-Fa-f]{3}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-])"
)
_DIGIT = re.compile(r"\d")
_HEX_LETTER = re.compile(r"[A-Fa-f]")
_VERSION_BEFORE = re.compile(
    r"(?:\bv|\bversion|\bver|\brelease|\bbuild|\bfirmware|[A-Za-z]/)[ .:=]{0,2}$", re.IGNORECASE
)
_BEFORE = 12
_DOTS = 3
_SMALL = 32
"""Parts of versions are below it as a rule; of a random address, two or more are not in 99%."""
_PRIVATE = re.compile(r"192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|10\.")
_NOBODY = re.compile(r"(?:0|127|255|22[4-9]|2[34]\d)\.")
"""Masks, loopback and multicast: no address of anybody."""


def holds_email(text: str) -> bool:
    """Returns whether a text holds an e-mail address."""
    if "@" in text and any(_is_email(text, match) for match in _AT.finditer(text)):
        return True
    if "%40" in text and _ESCAPED.search(text):
        return True
    return ("(at)" in text or "[at]" in text) and bool(_HIDDEN.search(text))


def _is_email(text: str, match: re.Match[str]) -> bool:
    at = match.start()
    local = _LOCAL.search(text[max(0, at - _MOST_LOCAL) : at])
    domain = match.group()[1:]
    if local is None or local[0].lower() in _SERVICES or _NUMBERED.match(domain):
        return False
    # A name before the host of an address, as in ssh://ada@host.org/repo, is an account.
    begin = at - len(local[0])
    return domain.rsplit(".", 1)[-1].lower() not in _FILES and text[max(0, begin - 3) : begin] != "://"


def holds_address(text: str, versions: bool = False) -> bool | None:
    """Returns whether a text holds an IP address; None if it holds four numbers that rather are a version.

    Args:
        text: The text.
        versions: Whether four numbers with dots are versions.
    """
    found: bool | None = False
    if not versions and text.count(".") >= _DOTS:
        for match in _V4.finditer(text):
            if _is_v4(text, match):
                return True
            found = None
    if text.count(":") > 1 and any(_is_v6(match) for match in _V6.finditer(text)):
        return True
    return found


def is_address(text: str) -> bool:
    """Returns whether a text is an IP address and nothing else, whatever else it may be."""
    try:
        ipaddress.ip_address(text.strip("[] "))
    except ValueError:
        return False
    return True


def _is_v4(text: str, match: re.Match[str]) -> bool:
    found = match.group().split("/")[0]
    if _NOBODY.match(found) or not is_address(found):
        return False
    if match[1] and found.endswith(".0"):  # a network
        return False
    if _VERSION_BEFORE.search(text[max(0, match.start() - _BEFORE) : match.start()]):
        return False
    large = sum(int(part) >= _SMALL for part in found.split("."))
    return large >= 2 or bool(_PRIVATE.match(found))


def _is_v6(match: re.Match[str]) -> bool:
    found = match.group().split("/")[0]
    return not match[1] and bool(_DIGIT.search(found)) and is_address(found)


def holds_mac(text: str) -> bool:
    """Returns whether a text holds a MAC address; without a letter, it may be a date and a time."""
    if text.count(":") < 5 and text.count("-") < 5 and text.count(".") < 2:
        return False
    return any(
        _DIGIT.search(match[0]) and _HEX_LETTER.search(match[0]) and match[0].lower() != "ff:ff:ff:ff:ff:ff"
        for match in _MAC.finditer(text)
    )
