"""Which values of a binary label count as 1; loads no TensorFlow."""

from __future__ import annotations

from foundation.errors import SpecError

Positive = str | int | float | bool | None

_WORDS = {True: ("1", "true", "True"), False: ("0", "false", "False")}
"""How text says true and false."""


def positive_values(label: str, positive: Positive, is_text: bool) -> list[str] | list[int | float]:
    """Returns the values of the label that count as 1.

    Args:
        label: Name of the label.
        positive: ``model.positive``; None stands for true.
        is_text: Whether the label is text.

    Raises:
        SpecError: The positive value is text, the label is not.
    """
    given = True if positive is None else positive
    if is_text:
        return list(_WORDS[given]) if isinstance(given, bool) else [_text(given)]
    if isinstance(given, str):
        raise SpecError(
            f"model.positive: {given!r}",
            expected="a number or true or false, like the label",
            seen=f"label {label} is a number",
        )
    return [given if isinstance(given, float) and not given.is_integer() else int(given)]


def _text(given: str | int | float) -> str:
    return str(int(given)) if isinstance(given, float) and given.is_integer() else str(given)
