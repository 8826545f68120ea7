"""Beam in the node's own process, or in several on this machine."""

from __future__ import annotations

import os

from pipeline.document.models import RunConfig
from pipeline.engines.base import Context, Engine

BYTES_WORTH_A_SECOND_PROCESS = 96 * 1024 * 1024


class LocalEngine(Engine):
    """Beam's in-memory runner, see ``local_args``."""

    name = "local"

    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments, see ``Engine.args``."""
        return local_args(run, context.reads)


def local_args(run: RunConfig, reads: int = 0) -> list[str]:
    """Returns the arguments of a Beam pipeline on this machine.

    One process per pipeline unless the document says otherwise: two nodes already run in parallel, and measurements
    showed that a second process costs more than it gains in StatisticsGen, Transform and Evaluator. While an export is
    read nothing else runs, so a large one uses all cores.

    Args:
        run: The document's ``run`` slice.
        reads: Bytes of the export, as stored, for a node that reads one.
    """
    workers = run.workers or 1
    if not run.workers and reads >= BYTES_WORTH_A_SECOND_PROCESS:
        workers = min(os.cpu_count() or 1, 8)
    return [
        # DirectRunner would first try to download another engine, for every pipeline.
        "--runner=FnApiRunner",
        f"--direct_running_mode={'multi_processing' if workers > 1 else 'in_memory'}",
        f"--direct_num_workers={workers}",
        # Workers already have the code; without this, TFX builds a source distribution of itself for every node.
        "--sdk_container_image=none",
        *run.args("local"),
    ]
