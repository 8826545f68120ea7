"""The ``data.bigquery`` slice of the document: a query whose columns are the features."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config


class BigQueryConfig(Config):
    """Rows of a BigQuery query in place of an export; read by TFX's own BigQueryExampleGen.

    Columns become features by their names: rename them in the query with AS.
    """

    query: str = Field(min_length=1)
    """Standard SQL. An equal query counts as equal data: put the day or a snapshot time into it."""
    project: str | None = None
    """Google Cloud project that pays for the query; by default that of the environment."""
    temp_location: str | None = Field(default=None, pattern=r"^gs://")
    """``gs://`` folder for the rows on their way out of BigQuery; by default Beam's own option."""

    def beam_args(self) -> list[str]:
        """Returns the Beam arguments that reading needs."""
        named = {"project": self.project, "temp_location": self.temp_location}
        return [f"--{name}={value}" for name, value in named.items() if value]
