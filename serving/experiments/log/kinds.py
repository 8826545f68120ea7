"""The types of the log's value columns: what values of one name have in common, over requests, clients and years.

A feature comes as a whole number from one client and with a point from another, as one value or as a list. Its column
gets the narrowest type that holds all of it, and only ever becomes wider: boolean, int64, double; text, bytes; lists of
these. Numbers and text together are text. So every file of an experiment can be read with the columns of the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NULL, BOOL, INT, DOUBLE, TEXT, BYTES = "null", "bool", "int64", "double", "string", "binary"
_NUMBERS: Final = (NULL, BOOL, INT, DOUBLE)
_TEXTS: Final = (NULL, TEXT, BYTES)
_SCALARS: Final = {bool: BOOL, int: INT, float: DOUBLE, str: TEXT, bytes: BYTES, type(None): NULL}
_INT64: Final = range(-(2**63), 2**63)


class Kind(NamedTuple):
    """The type of a column.

    Attributes:
        base: ``null``, ``bool``, ``int64``, ``double``, ``string`` or ``binary``.
        depth: How many lists are around it.
    """

    base: str = NULL
    depth: int = 0

    def joined(self, other: Kind) -> Kind:
        """Returns the narrowest type that holds the values of both."""
        return self if self == other else Kind(_wider(self.base, other.base), max(self.depth, other.depth))


def _wider(one: str, other: str) -> str:
    for order in (_NUMBERS, _TEXTS):
        if one in order and other in order:
            return max(one, other, key=order.index)
    return BYTES if BYTES in (one, other) else TEXT


def kind_of(values: Sequence[Any]) -> Kind:
    """Returns the narrowest type that holds all values."""
    kind = Kind()
    for found in set(map(type, values)):
        if found is list:
            inside = kind_of([item for value in values if type(value) is list for item in value])
            kind = kind.joined(Kind(inside.base, inside.depth + 1))
        elif found is int and not all(value in _INT64 for value in values if type(value) is int):
            kind = kind.joined(Kind(DOUBLE))
        else:
            kind = kind.joined(Kind(_SCALARS.get(found, TEXT)))
    return kind


def fitted(values: list[Any], kind: Kind) -> list[Any]:
    """Returns values as a column of a type holds them; the type must hold them."""
    if kind.depth == 0 and {type(value) for value in values} <= _EXACT[kind.base]:
        return values
    return [_fit(value, kind.depth, _CASTS[kind.base]) for value in values]


def _fit(value: Any, depth: int, cast: Callable[[Any], Any]) -> Any:
    if value is None:
        return None
    if depth:
        items = value if type(value) is list else [value]
        return [_fit(item, depth - 1, cast) for item in items]
    return cast(value)


def _as_double(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _as_text(value: Any) -> str:
    # A lone surrogate of a JSON text has no UTF-8.
    return (value if isinstance(value, str) else str(value)).encode("utf-8", "replace").decode()


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


_CASTS: Final[dict[str, Callable[[Any], Any]]] = {
    NULL: lambda value: None,
    BOOL: bool,
    INT: int,
    DOUBLE: _as_double,
    TEXT: _as_text,
    BYTES: _as_bytes,
}
_NONE: Final = type(None)
_EXACT: Final[dict[str, set[type]]] = {
    NULL: {_NONE},
    BOOL: {bool, _NONE},
    INT: {int, _NONE},
    DOUBLE: {float, _NONE},
    TEXT: {_NONE},  # text is always looked at, for lone surrogates
    BYTES: {bytes, _NONE},
}


def arrow_type(kind: Kind) -> Any:
    """Returns the Arrow type of a column."""
    import pyarrow as pa

    result = getattr(pa, {DOUBLE: "float64", BOOL: "bool_"}.get(kind.base, kind.base))()
    for _ in range(kind.depth):
        result = pa.list_(result)
    return result


def from_arrow(kind: Any) -> Kind:
    """Returns the type of a column as a file has it."""
    import pyarrow as pa

    depth = 0
    while pa.types.is_list(kind):
        kind, depth = kind.value_type, depth + 1
    name = {"bool": BOOL, "int64": INT, "double": DOUBLE, "string": TEXT, "binary": BYTES}.get(
        str(kind), NULL
    )
    return Kind(name, depth)
