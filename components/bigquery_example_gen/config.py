"""The ``data.bigquery`` slice of the document: a query whose columns are the features."""

from __future__ import annotations

from pydantic import Field

from foundation.config import Config


class BigQueryConfig(Config):
    """A BigQuery query in place of an export, read by TFX's own BigQueryExampleGen.

    Columns become features by their names: rename them in the query with AS.
    """

    query: str = Field(min_length=1)
    """Standard SQL. The same query counts as the same data: put the day or a snapshot time into it."""
    project: str | None = None
    """Google Cloud project billed for the query; by default the environment's."""
    temp_location: str | None = Field(default=None, pattern=r"^gs://")
    """``gs://`` folder for temporary files of the read; by default Beam's own option."""

    def beam_args(self) -> list[str]:
        """Returns the Beam arguments needed to read the query."""
        named = {"project": self.project, "temp_location": self.temp_location}
        return [f"--{name}={value}" for name, value in named.items() if value]
