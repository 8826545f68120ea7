"""Parses large JSON in pieces, so that no call holds Python's lock for long and the work can be given up.

The text is cut at commas outside strings, about every 64 KiB. A piece may begin and end in the midst of lists and objects;
these are opened before it and closed after it, which makes it a JSON text of its own. What it adds is then put into the
lists and objects that earlier pieces left open.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import orjson

from serving.server.rest import json_scan
from serving.server.rest.json_scan import Tokens
from serving.server.rest.work import keep_until_done, still_wanted
from serving.server.status import Code, ServingError

PIECE_BYTES: Final = 64 * 1024
_LONG_BYTES: Final = 128 * 1024
"""Longer pieces have no comma for long; only orjson parses them at once."""
MAX_DEPTH: Final = 900
"""How many lists and objects may be nested; orjson and Python's parser end at about 1000."""
_WHITE: Final = re.compile(rb"[ \t\n\r]*")
_PART: Final = re.compile(
    rb'(?:[^"\\\x80-\xff]|[\xc0-\xff][\x80-\xbf]*|[\x80-\xbf]|\\u[0-9A-Fa-f]{4}|\\.){1,16384}', re.DOTALL
)
_LONG_WHITE: Final = re.compile(rb"[ \t\n\r]{256,}")
_CHILD: Final = secrets.token_hex(16)
"""The key under which an object has the list or object that an earlier piece left open in it; no client knows it."""
_ENDS: Final = {json_scan.OPEN_LIST: b"]", json_scan.OPEN_OBJECT: b"}"}
_VALUE_BYTES: Final = 8
_NUMBER_BYTES: Final = 32
_STRING_BYTES: Final = 56
_LIST_BYTES: Final = 80
_OBJECT_BYTES: Final = 240

Container = list[Any] | dict[str, Any]


def problem(text: str, offset: int | None) -> ServingError:
    """Returns the error for a text that is not JSON.

    Args:
        text: What is wrong, in RapidJSON's words.
        offset: Where, in bytes, if that is known.
    """
    place = "" if offset is None else f" at offset: {offset}"
    return ServingError(Code.INVALID_ARGUMENT, f"JSON Parse error: {text}{place}")


Tolerant = Callable[[bytes, int], Any]
"""Parses a piece that orjson refuses: its text, and the offset of its first byte in the body."""


def parse(body: bytes | bytearray, start: int, tolerant: Tolerant) -> Any:
    """Parses a text that begins with a list or an object; what follows its end is ignored.

    Args:
        body: The text.
        start: Where the list or object begins.
        tolerant: Parses what orjson refuses.

    Raises:
        ServingError: The text is not JSON, or the work is given up.
    """
    return _Pieces(body, start, tolerant).read()


class _Pieces:
    def __init__(self, body: bytes | bytearray, start: int, tolerant: Tolerant) -> None:
        self._body = body
        self._at = start
        self._tolerant = tolerant
        self._open: list[Container] = []
        self._root: Container | None = None
        self._containers = 0

    def read(self) -> Any:
        done = False
        while not done:
            tokens, end, done = self._cut()
            still_wanted(_cost(tokens, end - self._at))
            self._containers += int(
                np.count_nonzero(
                    (tokens.kinds == json_scan.OPEN_LIST) | (tokens.kinds == json_scan.OPEN_OBJECT)
                )
            )
            self._add(tokens, end, done)
            if self._root is not None:
                keep_until_done(self._root, self._containers)
            self._at = end + 1  # After the comma.
        return self._root

    def _cut(self) -> tuple[Tokens, int, bool]:
        """Returns the next piece's structure and end, and whether it is the last."""
        size = PIECE_BYTES
        while True:
            limit = min(self._at + size, len(self._body))
            tokens = json_scan.scan(self._body, self._at, limit)
            if tokens.depths.size and len(self._open) + int(tokens.depths.max()) > MAX_DEPTH:
                raise problem("Nested too deeply.", self._at)
            ends = np.flatnonzero((tokens.depths + len(self._open) == 0) & (tokens.kinds == json_scan.CLOSE))
            commas = np.flatnonzero(tokens.kinds == json_scan.COMMA)
            if ends.size:
                # The document ends here, but a piece that had to grow may hold much beside its first value.
                if size == PIECE_BYTES or not commas.size or commas[0] > ends[0]:
                    return tokens.until(int(ends[0]) + 1), self._at + int(tokens.places[ends[0]]) + 1, True
                commas = commas[commas < ends[0]]
            if commas.size:
                count = int(commas[-1] if size == PIECE_BYTES else commas[0])
                return tokens.until(count), self._at + int(tokens.places[count]), False
            if limit == len(self._body):
                if tokens.in_string and limit - self._at > _LONG_BYTES:
                    raise problem(
                        "Missing a closing quotation mark in string.", self._at + int(tokens.places[-1])
                    )
                return tokens, limit, True
            still_wanted()
            size *= 2

    def _add(self, tokens: Tokens, end: int, done: bool) -> None:
        """Parses a piece and adds it to what is open."""
        depth = len(self._open)
        left = int(tokens.depths[-1]) if tokens.depths.size else 0
        low = min(0, int(tokens.depths.min())) if tokens.depths.size else 0
        stays = depth + low
        """How many of the open lists and objects the piece leaves open."""
        first = max(stays, 1) - 1
        self._check_ends(tokens, end, done)
        before = b"".join(_beginnings(self._open[first:]))
        opened = self._opened(tokens, stays, depth + left)
        after = b""
        if not done:
            after = b"".join(_ENDS[int(tokens.kinds[number])] for number in reversed(opened))
            if depth:
                after += b"]" if type(self._open[first]) is list else b"}"
        value = self._value(before, end, after, tokens)
        if depth:
            self._merge(value, first)
        else:
            self._root = value
        if not done:
            del self._open[stays:]
            self._descend(tokens, opened)

    def _check_ends(self, tokens: Tokens, end: int, done: bool) -> None:
        """Refuses a comma without a value before or after it: the pieces on its sides do not show it."""
        if self._open:
            found = _WHITE.match(self._body, self._at)
            place = found.end() if found else self._at
            if self._body[place : place + 1] in (b"]", b"}", b","):
                raise self._no_value(place)
        if not done and tokens.kinds.size and int(tokens.kinds[-1]) in _ENDS:
            last = self._at + int(tokens.places[-1]) + 1
            if not self._body[last:end].strip():
                raise self._no_value(end)

    def _no_value(self, place: int) -> ServingError:
        if self._body[place : place + 1] == b"}":
            return problem("Missing a name for object member.", place)
        return problem("Invalid value.", place)

    def _opened(self, tokens: Tokens, stays: int, depth: int) -> list[int]:
        """Returns the numbers of the tokens that open what the piece leaves open, outermost first."""
        opens = np.flatnonzero(
            (tokens.kinds == json_scan.OPEN_LIST) | (tokens.kinds == json_scan.OPEN_OBJECT)
        )
        # The last of each depth; those deeper than the piece's end are closed again.
        levels, places = np.unique(tokens.depths[opens][::-1] + len(self._open), return_index=True)
        last = opens[::-1][places]
        return last[(levels > stays) & (levels <= depth)].tolist()

    def _value(self, before: bytes, end: int, after: bytes, tokens: Tokens) -> Any:
        piece = self._body[self._at : end]
        try:
            return orjson.loads(b"".join((before, piece, after)))
        except orjson.JSONDecodeError:
            if len(piece) > _LONG_BYTES:
                piece = self._shortened(piece, tokens)
            return self._tolerant(b"".join((before, piece, after)), self._at - len(before))

    def _shortened(self, piece: bytes | bytearray, tokens: Tokens) -> bytes | bytearray:
        """Returns a piece that is long by its white space without it, and refuses others."""
        self._check_string(tokens)
        if not (tokens.kinds == json_scan.QUOTE).any():
            piece = _LONG_WHITE.sub(b" ", piece)
        if len(piece) > _LONG_BYTES:
            raise problem("Invalid value.", self._at)
        return piece

    def _check_string(self, tokens: Tokens) -> None:
        """Raises what is wrong with the one long string of a piece, which is too long to be parsed at once."""
        quotes = tokens.places[tokens.kinds == json_scan.QUOTE]
        for begin, end in zip(quotes[0::2].tolist(), quotes[1::2].tolist(), strict=False):
            if end - begin <= _LONG_BYTES // 2:
                continue
            place, stop = self._at + begin + 1, self._at + end
            while place < stop:
                still_wanted()
                part = _PART.match(self._body, place, stop)
                reached = part.end() if part else stop
                self._tolerant(b'"' + self._body[place:reached] + b'"', place - 1)
                place = reached
            raise problem("The surrogate pair in string is invalid.", self._at + begin)

    def _merge(self, value: Any, first: int) -> None:
        """Puts what a piece adds into the lists and objects that were open before it."""
        last = len(self._open) - 1
        for level in range(first, last + 1):
            known = self._open[level]
            child = None
            if type(known) is list:
                if level < last:
                    child = value[0]
                    del value[0]
                known.extend(value)
            else:
                if level < last:
                    child = value.pop(_CHILD)
                known.update(value)  # type: ignore[union-attr]
            value = child

    def _descend(self, tokens: Tokens, opened: list[int]) -> None:
        """Notes what a piece has left open."""
        for number in opened:
            if not self._open:
                assert self._root is not None
                self._open.append(self._root)
                continue
            parent = self._open[-1]
            if type(parent) is list:
                self._open.append(parent[-1])
            else:
                # The key's quotes are just before; a key may occur twice, so the last entry need not be it.
                begin, end = tokens.places[number - 2 : number].tolist()
                self._open.append(parent[self._text(self._at + begin, self._at + end + 1)])  # type: ignore[call-overload]

    def _text(self, start: int, end: int) -> str:
        raw = self._body[start:end]
        try:
            return str(orjson.loads(raw))
        except orjson.JSONDecodeError:
            return str(self._tolerant(bytes(raw), start))


def _beginnings(containers: list[Container]) -> list[bytes]:
    """Returns what opens lists and objects, each in the one before."""
    begins = []
    for number, container in enumerate(containers):
        inner = number + 1 < len(containers)
        if type(container) is list:
            begins.append(b"[")
        else:
            begins.append(b'{"%b":' % _CHILD.encode() if inner else b"{")
    return begins


def _cost(tokens: Tokens, size: int) -> int:
    """Returns about how many bytes the values of a piece will take."""
    kinds = np.bincount(tokens.kinds, minlength=json_scan.CLOSE + 1).tolist()
    values = kinds[json_scan.COMMA] + 1
    return (
        size
        + _VALUE_BYTES * values
        + _NUMBER_BYTES * min(values, (size - tokens.kinds.size) // 2)
        + _STRING_BYTES * (kinds[json_scan.QUOTE] // 2)
        + _LIST_BYTES * kinds[json_scan.OPEN_LIST]
        + _OBJECT_BYTES * kinds[json_scan.OPEN_OBJECT]
    )
