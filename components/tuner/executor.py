"""Tuner's executor: TFX's own, which also leaves the record of the whole search beside the ranking of its trials."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.tuner import executor
from tfx.types import artifact_utils


class Executor(executor.Executor):
    """Runs the search of ``tuner_fn``."""

    def Do(  # noqa: N802 - TFX's name
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches, and writes the best hyperparameters, TFX's ranking and ``trials.json``."""
        search: Any = executor.search(input_dict, exec_properties, self._get_tmp_dir())
        executor.write_best_hyperparameters(search, output_dict)
        search.summary.write(artifact_utils.get_single_uri(output_dict["tuner_results"]))
