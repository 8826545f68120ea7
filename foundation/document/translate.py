"""From pydantic's errors to problems in plain words, with the document's own key names and places."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from foundation.document.kind import Kind
from foundation.document.known_keys import description_of, keys_of, models_at
from foundation.document.nodes import Node
from foundation.document.problems import Path, Problem, show_value
from foundation.errors import near_miss

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of ordinary size",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}

_BRANCH = re.compile(
    r"(?:str|int|float|bool|constrained-[a-z]+|(?:literal|dict|list|function-[a-z]+|constrained-[a-z]+|nullable)\[.*\]|[A-Z]\w*Config)",
    re.DOTALL,
)
"""What pydantic puts into a location for the arm of a union: not a key of the document."""


@dataclass(frozen=True)
class _Located:
    """A pydantic error and its place in the document."""

    error: ErrorDetails
    node: Node
    path: Path
    """The part of the location that is in the document."""
    union: Path | None
    """The place of the union that this error's arm belongs to."""

    @property
    def is_shape(self) -> bool:
        """Whether the error only says that an arm of a union does not fit at all."""
        return self.path == self.union and (
            self.error["type"] in _EXPECTED or self.error["type"] == "literal_error"
        )


def to_problems(error: ValidationError, root: Node, kind: Kind[Any]) -> list[Problem]:
    """Turns a pydantic error into problems.

    Args:
        error: What ``kind.parse`` raised.
        root: The document that was parsed.
        kind: What it is a document of.

    Returns:
        One problem for each error; the arms of a union together give one.
    """
    problems: list[Problem] = []
    unions: dict[Path, list[_Located]] = defaultdict(list)
    for details in error.errors(include_url=False):
        located = _locate(details, root)
        if located.union is None:
            problems.append(_problem(located, kind))
        else:
            unions[located.union].append(located)
    for arms in unions.values():
        problems += _union_problems(arms, kind)
    return problems


def _locate(error: ErrorDetails, root: Node) -> _Located:
    union: Path | None = None
    node, walked = root, ()  # type: Node, Path
    for part in error["loc"]:
        below = node.child(part)
        if below is not None:
            node, walked = below, (*walked, part)
        elif union is None and isinstance(part, str) and _BRANCH.fullmatch(part):
            union = walked
    return _Located(error, node, walked, union)


def _union_problems(arms: list[_Located], kind: Kind[Any]) -> list[Problem]:
    """Keeps the arm that the person meant; where none fits, says once what all of them expect."""
    meant = [arm for arm in arms if not arm.is_shape]
    if meant:
        return [_problem(arm, kind) for arm in meant]
    first = arms[0]
    expected = " or ".join(dict.fromkeys(expected_words(arm.error, kind.patterns) for arm in arms))
    literals = [word for arm in arms for word in _literals(arm.error)]
    value = first.node.value
    remedy = near_miss(value, literals) if isinstance(value, str) else ""
    return [_unexpected(first, expected, remedy)]


def _problem(located: _Located, kind: Kind[Any]) -> Problem:
    fault = located.error["type"]
    if fault == "extra_forbidden":
        return _unknown_key(located, kind)
    if fault == "missing":
        return _missing_key(located, kind)
    if fault == "value_error":
        what, node = str(located.error["ctx"]["error"]), located.node
        seen = "" if isinstance(node.value, dict) else show_value(node.plain(), located.path)
        return Problem(located.path, what, seen=seen, at=node.at)
    return _unexpected(located, expected_words(located.error, kind.patterns), _remedy(located))


def _unexpected(located: _Located, expected: str, remedy: str) -> Problem:
    seen = show_value(located.node.plain(), located.path)
    return Problem(located.path, "", expected=expected, seen=seen, remedy=remedy, at=located.node.at)


def _unknown_key(located: _Located, kind: Kind[Any]) -> Problem:
    loc = located.error["loc"]
    key = str(loc[-1])
    known = keys_of(models_at(kind.model, loc[:-1]))
    stands = bool(located.path) and located.path[-1] == loc[-1]
    path = located.path if stands else (*located.path, key)
    # A short form (features: {lessons: zscor}) writes the key as a value.
    short = not stands and located.node.value == key
    at = located.node.at if short or located.node.key_at is None or not stands else located.node.key_at
    return Problem(
        located.path if short else path,
        f"unknown key {key!r}",
        remedy=_near_or_all(key, known),
        at=at,
        on_key=True,
    )


def _near_or_all(key: str, known: list[str]) -> str:
    if key.lower() in ("password", "passwd", "secret", "token") and "password_env" in known:
        return "a secret is never in the document: name the environment variable that holds it, password_env"
    return near_miss(key, known) or (f"known here: {', '.join(known)}" if known else "")


def _missing_key(located: _Located, kind: Kind[Any]) -> Problem:
    loc = located.error["loc"]
    meaning = description_of(kind.model, loc)
    at = located.node.key_at or located.node.at
    return Problem(
        (*located.path, loc[-1]),
        "this key is missing",
        expected=meaning[:1].lower() + meaning[1:].rstrip("."),
        at=at,
    )


def expected_words(error: ErrorDetails, patterns: Mapping[str, str] = MappingProxyType({})) -> str:
    """Returns what a pydantic error expected, in words that do not mention Python.

    Args:
        error: One of ``ValidationError.errors()``.
        patterns: Regular expression → what it asks for.
    """
    fault = error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    if fault in _EXPECTED:
        return _EXPECTED[fault]
    if fault in _BOUNDS:
        words, key = _BOUNDS[fault]
        return f"{words} {context[key]:g}"
    if fault == "literal_error":
        return str(context["expected"]).replace("True", "true").replace("False", "false")
    if fault == "too_short":
        return f"at least {context['min_length']} item" + ("s" if context["min_length"] != 1 else "")
    if fault == "string_too_long":
        return f"at most {context['max_length']} characters"
    if fault == "string_pattern_mismatch":
        return patterns.get(context["pattern"], f"text like {context['pattern']}")
    return error["msg"]


def _literals(error: ErrorDetails) -> list[str]:
    return (
        re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
        if error["type"] == "literal_error"
        else []
    )


def _remedy(located: _Located) -> str:
    fault, value = located.error["type"], located.node.value
    if fault == "literal_error" and isinstance(value, str):
        return near_miss(value, _literals(located.error))
    if fault == "string_type" and isinstance(value, (int, float)):
        return "put it in quotes"
    if fault in ("int_type", "float_type") and isinstance(value, str) and re.fullmatch(r"[-+.\deE]+", value):
        return "write it without quotes"
    if fault in ("list_type", "tuple_type") and isinstance(value, str):
        return f"write [{value}]"
    if value is None and fault != "string_type":
        return "leave the key out for its default"
    return ""
