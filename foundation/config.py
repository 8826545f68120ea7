"""The base of every typed slice of the document: frozen; an unknown key, NaN and infinity are errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic._internal._model_construction import ModelMetaclass
    from pydantic_core import CoreSchema
else:
    ModelMetaclass = type(BaseModel)  # it has no public name


_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def without_plugins() -> Iterator[None]:
    """Builds our own types without plugins: to look for some, pydantic reads the entry points of every installed package.

    A person's own types, built elsewhere, keep theirs.
    """
    before = os.environ.get(_PLUGINS)
    os.environ[_PLUGINS] = "__all__"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_PLUGINS, None)
        else:
            os.environ[_PLUGINS] = before


class _WithoutPlugins(ModelMetaclass):
    """Builds a slice's class."""

    def __new__(cls, *given: Any, **named: Any) -> type:
        """Returns the class."""
        with without_plugins():
            made: type = super().__new__(cls, *given, **named)
            return made


class Config(BaseModel, metaclass=_WithoutPlugins):
    """A slice of the document.

    Frozen, so that it can be hashed into a fingerprint; unknown keys are refused. The docstring under an attribute is
    its description, in the JSON Schema and in the reference. Pydantic's own ``use_attribute_docstrings`` reads every
    class's source while it is built, a fifth of a second at each start; here the source is read on demand.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)

    def canonical_json(self) -> str:
        """Returns the slice as JSON with every default written out; stable for fingerprints and exec properties."""
        import json

        return json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, separators=(",", ":"))

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Returns attribute → its docstring on one line, those of base classes included."""
        from foundation.docstrings import attribute_docstrings

        found: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            if issubclass(base, Config) and base is not Config:
                found.update(attribute_docstrings(base))
        return found

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Puts the attribute docstrings into the JSON Schema."""
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, text in cls.descriptions().items():
            alias = cls.model_fields[name].alias or name
            if alias in properties:
                properties[alias]["description"] = text
        return schema


def _allowance(value: Any) -> Any:
    """Checks ``"20%"``; leaves numbers as they are."""
    if isinstance(value, str):
        try:
            share = float(value.strip().removesuffix("%"))
        except ValueError as error:
            raise ValueError("give a number in the metric's unit, or a share such as 20%") from error
        if not value.strip().endswith("%") or not 0 <= share < float("inf"):
            raise ValueError("give a number in the metric's unit, or a share such as 20%")
    return value


Allowance = Annotated[Annotated[float, Field(ge=0)] | str, BeforeValidator(_allowance)]
"""How much worse a number may be than the one it is compared with: in its unit, or a share of that one such as ``20%``."""


def allowed(allowance: float | str, compared: float) -> float:
    """Returns an allowance in the unit of the number that it is compared with."""
    if isinstance(allowance, str):
        return abs(compared) * float(allowance.strip().removesuffix("%")) / 100
    return allowance
