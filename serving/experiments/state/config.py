"""The ``state`` slice of the experiments' document: a SQLite file, or a PostgreSQL database."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from foundation.config import Config
from serving.experiments.control.config import Variable


class StateConfig(Config):
    """Where slot tables, exposures, rewards and statistics are kept; a path alone is a SQLite file."""

    sqlite: str = Field(default="experiments.db", min_length=1)
    """SQLite file on a local disk, relative to the document; several processes of one machine may share it."""
    postgresql: Variable | None = None
    """Name of the environment variable with the URL of a PostgreSQL database, which several machines may share."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"sqlite": given}
        if isinstance(given, dict) and len(given) > 1 and set(given) <= {"sqlite", "postgresql"}:
            raise ValueError("give either sqlite or postgresql")
        return given
