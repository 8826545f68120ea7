"""Which keys the document knows at a place, and what they mean, read from the models' annotations."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from foundation.config import Config


def models_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """Returns the models that the value at a pydantic location may be.

    Args:
        model: The model of the whole document.
        loc: Keys, indices and arms of unions, as pydantic gives them.
    """
    return [kind for kind in _types_at(model, loc) if isinstance(kind, type) and issubclass(kind, BaseModel)]


def keys_of(models: Sequence[type[BaseModel]]) -> list[str]:
    """Returns the keys of models by the names that the document uses."""
    return [field.alias or name for kind in models for name, field in kind.model_fields.items()]


def description_of(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    """Returns the description of the key at a location, or an empty string."""
    for kind in models_at(model, loc[:-1]):
        for name, field in kind.model_fields.items():
            if loc[-1] in (name, field.alias) and issubclass(kind, Config):
                return kind.descriptions().get(name, "")
    return ""


def plain_types(annotation: Any) -> Iterator[Any]:
    """Yields the arms of an annotation without ``Annotated``, ``Optional`` and ``Union``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from plain_types(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for arm in get_args(annotation):
            yield from plain_types(arm)
    elif annotation is not type(None):
        yield annotation


def _types_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[Any]:
    current: list[Any] = [model]
    for part in loc:
        below = [found for kind in current for found in _below(kind, part)]
        # The arm of a union is not a level of the document.
        current = below or current
    return current


def _below(kind: Any, part: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = kind.model_fields.items()
        return [
            t for name, field in fields if part in (name, field.alias) for t in plain_types(field.annotation)
        ]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is dict and isinstance(part, str):
        # The name of a union's arm looks like a key but is not one.
        return [] if part.startswith("dict[") else list(plain_types(arguments[1]))
    if origin is list and isinstance(part, int):
        return list(plain_types(arguments[0]))
    return []
