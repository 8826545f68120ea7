"""From pydantic's errors to problems in plain words, with the document's own key names and places."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from foundation.document.known_keys import description_of, keys_of, models_at
from foundation.document.nodes import Node
from foundation.document.problems import Path, Problem, show_value

if TYPE_CHECKING:
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
_PATTERNS = {r"^[a-z][a-z0-9_]*$": "lower case letters, digits and underscores, beginning with a letter"}

_BRANCH = re.compile(
    r"(?:str|int|float|bool|(?:literal|dict|list|function-[a-z]+|constrained-[a-z]+|nullable)\[.*\]|[A-Z]\w*Config)",
    re.DOTALL,
)
"""What pydantic puts into a location for the arm of a union: no key of the document."""


@dataclass(frozen=True)
class _Located:
    """One error of pydantic's, found again in the document."""

    error: ErrorDetails
    node: Node
    path: Path
    """The part of the location that stands in the document."""
    union: Path | None
    """Where the union stands whose arm this error is of."""

    @property
    def is_shape(self) -> bool:
        """Whether the error says no more than that an arm of a union does not fit at all."""
        return self.path == self.union and (
            self.error["type"] in _EXPECTED or self.error["type"] == "literal_error"
        )


def to_problems(errors: list[ErrorDetails], root: Node, model: type[BaseModel]) -> list[Problem]:
    """Turns pydantic's errors into problems.

    Args:
        errors: From ``ValidationError.errors()``.
        root: The document that was validated.
        model: The model it was validated against.

    Returns:
        One problem for each fault; the arms of a union together give one.
    """
    problems: list[Problem] = []
    unions: dict[Path, list[_Located]] = defaultdict(list)
    for error in errors:
        located = _locate(error, root)
        if located.union is None:
            problems.append(_problem(located, model))
        else:
            unions[located.union].append(located)
    for arms in unions.values():
        problems += _union_problems(arms, model)
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


def _union_problems(arms: list[_Located], model: type[BaseModel]) -> list[Problem]:
    """Keeps the arm that the person meant; where none fits at all, says once what all of them expect."""
    meant = [arm for arm in arms if not arm.is_shape]
    if meant:
        return [_problem(arm, model) for arm in meant]
    first = arms[0]
    expected = " or ".join(dict.fromkeys(expected_words(arm.error) for arm in arms))
    literals = [word for arm in arms for word in _literals(arm.error)]
    seen = first.node.value
    near = difflib.get_close_matches(seen, literals, n=1) if isinstance(seen, str) else []
    remedy = f"did you mean {near[0]!r}?" if near else ""
    return [
        Problem(
            first.path,
            "",
            expected=expected,
            seen=show_value(first.node.plain(), first.path),
            remedy=remedy,
            at=first.node.at,
        )
    ]


def _problem(located: _Located, model: type[BaseModel]) -> Problem:
    kind = located.error["type"]
    if kind == "extra_forbidden":
        return _unknown_key(located, model)
    if kind == "missing":
        return _missing_key(located, model)
    seen = show_value(located.node.plain(), located.path)
    if kind == "value_error":
        what = str(located.error["ctx"]["error"])
        shown = "" if isinstance(located.node.value, dict) else seen
        return Problem(located.path, what, seen=shown, at=located.node.at)
    return Problem(
        located.path,
        "",
        expected=expected_words(located.error),
        seen=seen,
        remedy=_remedy(located),
        at=located.node.at,
    )


def _unknown_key(located: _Located, model: type[BaseModel]) -> Problem:
    loc = located.error["loc"]
    key = str(loc[-1])
    known = keys_of(models_at(model, loc[:-1]))
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
        return (
            "a secret never stands in the document: name the environment variable that holds it, password_env"
        )
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known here: {', '.join(known)}" if known else ""


def _missing_key(located: _Located, model: type[BaseModel]) -> Problem:
    loc = located.error["loc"]
    meaning = description_of(model, loc)
    at = located.node.key_at or located.node.at
    return Problem(
        (*located.path, loc[-1]),
        "this key is missing",
        expected=meaning[:1].lower() + meaning[1:].rstrip("."),
        at=at,
    )


def expected_words(error: ErrorDetails) -> str:
    """Returns what an error of pydantic's expected, in words that say nothing of Python."""
    kind = error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"{words} {context[key]:g}"
    if kind == "literal_error":
        return str(context["expected"]).replace("True", "true").replace("False", "false")
    if kind == "too_short":
        return f"at least {context['min_length']} item" + ("s" if context["min_length"] != 1 else "")
    if kind == "string_too_long":
        return f"at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"text like {context['pattern']}")
    return error["msg"]


def _literals(error: ErrorDetails) -> list[str]:
    return (
        re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
        if error["type"] == "literal_error"
        else []
    )


def _remedy(located: _Located) -> str:
    kind, value = located.error["type"], located.node.value
    if kind == "literal_error" and isinstance(value, str):
        near = difflib.get_close_matches(value, _literals(located.error), n=1)
        return f"did you mean {near[0]!r}?" if near else ""
    if kind == "string_type" and isinstance(value, (int, float)):
        return "put it in quotes"
    if kind in ("int_type", "float_type") and isinstance(value, str) and re.fullmatch(r"[-+.\deE]+", value):
        return "write it without quotes"
    if kind == "list_type" and isinstance(value, str):
        return f"write [{value}]"
    if value is None and kind != "string_type":
        return "leave the key out for its default"
    return ""
