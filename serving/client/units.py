"""The unit of a request: who an answer is for, as a header can carry it."""

from __future__ import annotations

from serving.client.errors import InputError

_LONGEST = 1024


def checked_unit(unit: str) -> str:
    """Returns the unit as it is sent.

    Raises:
        InputError: A header cannot carry it: it is empty, too long, or has characters that are not visible ASCII.
    """
    if not isinstance(unit, str):
        raise InputError("unit", expected="text, such as a user's id", seen=type(unit).__name__)
    if not 0 < len(unit) <= _LONGEST:
        raise InputError("unit", expected=f"1 to {_LONGEST} characters", seen=f"{len(unit)}")
    if not (unit.isascii() and unit.isprintable()) or unit != unit.strip():
        raise InputError(
            "unit",
            expected="visible ASCII characters, which a header can carry",
            seen="others",
            remedy="send a hash or an encoding of it, such as its UUID",
        )
    return unit
