"""The structure of JSON as patterns, without its values: where a document ends, and where it cannot go on."""

from __future__ import annotations

import re
from functools import cache

_DEPTH = 5
"""Levels that one pattern follows; deeper documents are walked."""
_SPACE = rb"[ \t\r\n]*+"
_INNER = rb'[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+'
STRING = rb'"' + _INNER + rb'"'
_SCALAR = STRING + rb"|[-+.\w]++"
_RUN = rb'(?:[^"{}\[\]]++|' + STRING + rb"(?=" + _SPACE + rb"[,:}\]]))*+"


def _document(depth: int) -> bytes:
    value, document = _SCALAR, b""
    for _ in range(depth):
        member = (
            STRING
            + _SPACE
            + rb":"
            + _SPACE
            + rb"(?:"
            + value
            + rb")"
            + _SPACE
            + rb"(?:,"
            + _SPACE
            + rb"|(?=\}))"
        )
        item = rb"(?:" + value + rb")" + _SPACE + rb"(?:," + _SPACE + rb"|(?=\]))"
        document = rb"\{" + _SPACE + rb"(?:" + member + rb")*+\}"
        value = _SCALAR + rb"|" + document + rb"|\[" + _SPACE + rb"(?:" + item + rb")*+\]"
    return document


DOCUMENT = _document(_DEPTH)
"""A whole document whose structure is sound, as a pattern; numbers and words are not looked at."""
_STEP = re.compile(_RUN + rb"([{}\[\]])", re.DOTALL)
_TO_STEP = re.compile(_RUN, re.DOTALL)
_UNFINISHED = re.compile(rb'"' + _INNER + rb'(?:\\?\Z|"' + _SPACE + rb"\Z)", re.DOTALL)
_MATES = {b"}": b"{", b"]": b"["}
_MAY_PRECEDE = {b"{": b":", b"[": b",["}


_STRINGS = re.compile(STRING, re.DOTALL)
_CALL = re.compile(
    rb"[:\[,]\s*(?:new\s+)?(?:ObjectId|ISODate|Date|UUID|BinData|HexData|Timestamp|DBRef|MinKey|MaxKey|RegExp|Code"
    rb"|Number(?:Int|Long|Decimal)|Int32|Long|Double|Decimal128|Binary\.\w+)\("
)
_BARE_KEY = re.compile(rb"[\[\s]*\{\s*[A-Za-z_$][\w$]*\s*:")


@cache
def whole_document() -> re.Pattern[bytes]:
    """Returns what matches a whole document whose structure is sound; compiled on first use, as it takes 5 ms."""
    return re.compile(DOCUMENT, re.DOTALL)


def is_shell_syntax(text: bytes) -> bool:
    """Returns whether the first document of a text is as the mongo shell prints it."""
    first = _STRINGS.sub(b'""', text[: 2**16]).split(b"}", 1)[0]
    return bool(_CALL.search(first) or _BARE_KEY.match(first))


class Damage(Exception):  # noqa: N818 - a finding about a text, not a failure
    """A document cannot go on as it does.

    Attributes:
        place: Where.
    """

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def document_end(text: bytes, start: int) -> int | None:
    """Returns where the document that begins at a place ends, or None if it does not end in the text.

    Raises:
        Damage: The structure is broken: a string is followed by what cannot follow it, or brackets do not match.
    """
    whole = whole_document().match(text, start)
    if whole:
        return whole.end()
    if text[start : start + 1] != b"{":
        raise Damage(start)
    open_brackets: list[bytes] = []
    place = start
    while step := _STEP.match(text, place):
        bracket, place = step[1], step.end()
        if bracket in _MATES:
            if open_brackets.pop() != _MATES[bracket]:
                raise Damage(place - 1)
            if not open_brackets:
                return place
        elif open_brackets and before(text, place - 1) not in _MAY_PRECEDE[open_brackets[-1]]:
            raise Damage(place - 1)
        else:
            open_brackets.append(bracket)
    run = _TO_STEP.match(text, place)
    place = run.end() if run else place
    if place < len(text) and not _UNFINISHED.match(text, place):
        raise Damage(place)
    return None


def before(text: bytes, place: int) -> bytes:
    """Returns the last character before a place that is no space."""
    while place and text[place - 1] in b" \t\r\n":
        place -= 1
    return text[place - 1 : place]
