"""The ``features`` slice of the document: how fields are transformed for the model.

Short forms: ``zscore`` is ``{zscore: true}``, ``{vocabulary: 100}`` is ``{vocabulary: {top_k: 100}}``, and a list holds
several transformations of one field. Every transformation has one output, or several dense ones (date parts).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model, model_validator

from components.transform.transformations import TRANSFORMATIONS
from foundation.config import Config
from foundation.user_code import absolute_reference


class DeclaredTransformation(Config):
    """One transformation of one field; give exactly one of the keys."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        short = {name: kind.short for name, kind in TRANSFORMATIONS.items() if kind.short}
        if isinstance(data, str):
            return {data: {} if data in short else True}
        if isinstance(data, dict):
            return {
                k: {short[k]: v} if k in short and isinstance(v, int) and not isinstance(v, bool) else v
                for k, v in data.items()
            }
        return data

    @model_validator(mode="after")
    def _one(self) -> DeclaredTransformation:
        given = self._given()
        if len(given) != 1:
            raise ValueError(f"give exactly one transformation, not {len(given)}; use a list for several")
        return self

    def _given(self) -> list[str]:
        return [name for name in type(self).model_fields if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """Name of the given transformation: a key of ``TRANSFORMATIONS``."""
        return self._given()[0]

    @property
    def settings(self) -> Any:
        """The transformation's settings in the document; true if it takes none."""
        return getattr(self, self.kind)

    @property
    def others(self) -> list[str]:
        """Other features that it reads."""
        return TRANSFORMATIONS[self.kind].others(self.settings)

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Returns key → description of the transformation."""
        return {name: kind.description for name, kind in TRANSFORMATIONS.items()}


if TYPE_CHECKING:
    Transformation = DeclaredTransformation
else:
    Transformation = create_model(
        "Transformation",
        __base__=DeclaredTransformation,
        __doc__=DeclaredTransformation.__doc__,
        __module__=__name__,
        **{
            name: (kind.settings | None, Field(default=None, **kind.bounds))
            for name, kind in TRANSFORMATIONS.items()
        },
    )


class FeaturesConfig(Config):
    """Either declared transformations of fields, or your own ``preprocessing_fn``."""

    declared: dict[str, list[Transformation]] = Field(default_factory=dict)
    """Feature → its transformations."""
    preprocessing_fn: str | None = None
    """``file.py:function`` in place of declared transformations; declare the fields it reads under ``data.fields``."""

    @model_validator(mode="before")
    @classmethod
    def _shapes(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"preprocessing_fn": data}
        if isinstance(data, dict) and not (set(data) <= {"declared", "preprocessing_fn"} and data):
            return {"declared": {k: v if isinstance(v, list) else [v] for k, v in data.items()}}
        return data

    @model_validator(mode="after")
    def _one(self) -> FeaturesConfig:
        if bool(self.declared) == bool(self.preprocessing_fn):
            raise ValueError("declare at least one feature, or name a preprocessing_fn, not both")
        return self

    def absolute(self, folder: Path) -> FeaturesConfig:
        """Returns the slice with the path to the user's function made absolute from the document's folder."""
        path = absolute_reference(folder, self.preprocessing_fn)
        return self.model_copy(update={"preprocessing_fn": path})


def output_name(feature: str, kind: str) -> str:
    """Returns the name of a transformation's output, such as ``lessons_zscore``.

    Parts of a date are named after the part: ``signup_at_month``.
    """
    return f"{feature}_{kind}"
