"""A kind of document: its typed model, and the remedies that its errors name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from foundation.config import Config
from foundation.document.problems import Path

M = TypeVar("M", bound=Config)


@dataclass(frozen=True)
class Kind(Generic[M]):
    """A kind of document, such as the pipeline's.

    Attributes:
        model: The model of the whole document.
        usual_name: What its file is usually called.
        if_missing: What to do when there is no such file.
        if_empty: What to do when the file is empty.
        strict: Whether ``"3"`` is refused where a number is expected.
        patterns: Regular expression of the model → what it asks for, in words.
        choices: Where a mapping holds one of several keys (``*`` is any key): there a layer with a key that the one
            below lacks replaces it.
    """

    model: type[M]
    usual_name: str
    if_missing: str
    if_empty: str
    strict: bool = True
    patterns: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[Path, ...] = ()

    def parse(self, value: Any) -> M:
        """Returns plain values as the model.

        Raises:
            ValidationError: pydantic's; ``to_problems`` says it in plain words.
        """
        return self.model.model_validate(value, strict=self.strict, by_alias=True, by_name=False)
