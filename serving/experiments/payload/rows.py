"""The rows of a request or an answer, as plain Python values by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

UNNAMED: Final = ""
"""Name of the one input or output that a REST body gives without its name."""


@dataclass(slots=True)
class Rows:
    """What a body holds, row by row.

    Attributes:
        count: How many rows the body holds; 0 if it could not be read.
        columns: Name → the values of the first rows: a number, a bool, text, bytes that are not text, None for a missing
            value, or a nested list of these. All columns have the same length, ``count`` at most.
        signature: The signature that the request names; empty for the default one.
    """

    count: int = 0
    columns: dict[str, list[Any]] = field(default_factory=dict)
    signature: str = ""

    def first(self) -> dict[str, Any]:
        """Returns the values of the first row by name."""
        return {name: values[0] for name, values in self.columns.items() if values}


def text(value: bytes) -> str | bytes:
    """Returns bytes as text if they are UTF-8, else as they are; so REST and gRPC give the same value."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def cell(value: Any) -> Any:
    """Returns a row's value without the lists around a single number or text; an empty list is a missing value."""
    while type(value) is list and len(value) <= 1:
        if not value:
            return None
        value = value[0]
    return value


def gathered(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Returns rows as columns; a name that a row lacks is a missing value there."""
    if len(rows) == 1:
        return {name: [value] for name, value in rows[0].items()}
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
