"""Executor of BigQueryExampleGen: TFX's own, which must have written every split."""

from __future__ import annotations

from typing import Any

from tfx.extensions.google_cloud_big_query.example_gen import executor as stock
from tfx.types.artifact import Artifact

from components.written import check_written


class Executor(stock.Executor):
    """Writes the rows of a query."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the query and writes its splits.

        Raises:
            NodeError: The engine says that it is done, and a split is empty.
        """
        super().Do(input_dict, output_dict, exec_properties)
        check_written(output_dict)
