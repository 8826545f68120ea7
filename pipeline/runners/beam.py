"""Arguments for Beam, chosen by the document and the size of the data."""

from __future__ import annotations

import os

from pipeline.document.models import RunConfig

BYTES_WORTH_A_SECOND_PROCESS = 96 * 1024 * 1024


def beam_args(run: RunConfig) -> list[str]:
    """Returns the arguments of every Beam pipeline of a run.

    One process per pipeline unless the document says otherwise: two nodes already run in parallel, and measurements
    showed that a second process costs more than it gains in StatisticsGen, Transform and Evaluator.

    Args:
        run: The document's ``run`` slice.
    """
    if run.beam != "local":
        return [f"--runner={run.beam.capitalize()}Runner", *run.beam_args]
    return _local(run.workers or 1, run)


def reading_args(run: RunConfig, total_bytes: int) -> list[str]:
    """Returns the arguments for reading an export: nothing else runs meanwhile, so a large one uses all cores.

    Args:
        run: The document's ``run`` slice.
        total_bytes: Size of the export's files as stored.
    """
    if run.beam != "local" or run.workers or total_bytes < BYTES_WORTH_A_SECOND_PROCESS:
        return beam_args(run)
    return _local(min(os.cpu_count() or 1, 8), run)


def _local(workers: int, run: RunConfig) -> list[str]:
    mode = "multi_processing" if workers > 1 else "in_memory"
    return [
        # DirectRunner would first try to download another engine, for every pipeline.
        "--runner=FnApiRunner",
        f"--direct_running_mode={mode}",
        f"--direct_num_workers={workers}",
        # Workers already have the code; without this, TFX builds a source distribution of itself for every node.
        "--sdk_container_image=none",
        *run.beam_args,
    ]
