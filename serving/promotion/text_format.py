"""Where things stand in protobuf's text format, so that one value can be replaced and every comment stays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

_TOKEN: Final = re.compile(
    r"""\s+|\#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[A-Za-z0-9_.+\-]+|[{}<>\[\],:;]""", re.DOTALL
)
_CLOSES: Final = {"{": "}", "<": ">"}
_DEEPEST: Final = 20


@dataclass
class Field:
    """One field of a message.

    Attributes:
        name: Its name.
        start: Where the value begins; for a message, where its bracket stands.
        end: Behind the value; for a message, where the closing bracket stands.
        fields: The fields of a message; None for a plain value.
    """

    name: str
    start: int
    end: int
    fields: list[Field] | None = field(default=None)

    def named(self, name: str) -> Iterator[Field]:
        """Yields the fields of that name."""
        return (one for one in self.fields or [] if one.name == name)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._found: list[tuple[str, int]] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if not match:
                raise ValueError(f"unexpected {text[at]!r}")
            if not match[0].isspace() and not match[0].startswith("#"):
                self._found.append((match[0], at))
            at = match.end()
        self._at, self._length = 0, len(text)

    def peek(self) -> str:
        return self._found[self._at][0] if self._at < len(self._found) else ""

    def take(self) -> tuple[str, int]:
        if self._at >= len(self._found):
            raise ValueError("unexpected end")
        self._at += 1
        return self._found[self._at - 1]


def read(text: str) -> Field:
    """Returns the whole text as a message.

    Raises:
        ValueError: It is not text format, or uses what this reader does not know.
    """
    tokens = _Tokens(text)
    fields = _fields(tokens, "", 0)
    return Field("", 0, len(text), fields)


def _fields(tokens: _Tokens, closing: str, depth: int) -> list[Field]:
    if depth > _DEEPEST:
        raise ValueError("messages nest too deep")
    found: list[Field] = []
    while tokens.peek() != closing:
        name, _ = tokens.take()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"expected a field's name, seen {name}")
        if tokens.peek() == ":":
            tokens.take()
        if tokens.peek() == "[":
            found += _list(tokens, name, depth)
        else:
            found.append(_value(tokens, name, depth))
        if tokens.peek() in (",", ";"):
            tokens.take()
    return found


def _list(tokens: _Tokens, name: str, depth: int) -> list[Field]:
    tokens.take()
    found: list[Field] = []
    while tokens.peek() != "]":
        found.append(_value(tokens, name, depth))
        if tokens.peek() == ",":
            tokens.take()
        elif tokens.peek() != "]":
            raise ValueError("expected , or ] in a list")
    tokens.take()
    return found


def _value(tokens: _Tokens, name: str, depth: int) -> Field:
    token, start = tokens.take()
    if token in _CLOSES:
        fields = _fields(tokens, _CLOSES[token], depth + 1)
        _, end = tokens.take()
        return Field(name, start, end, fields)
    if token[0] in "{}<>[],:;":
        raise ValueError(f"expected a value of {name}, seen {token}")
    end = start + len(token)
    while token[0] in "\"'" and tokens.peek()[:1] in ('"', "'"):  # strings beside each other are one
        more, at = tokens.take()
        end = at + len(more)
    return Field(name, start, end)
