"""``penstock train-worker``: takes part in a training on several machines."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import local
from pipeline.cli.screen import say


def register(app: typer.Typer) -> None:
    """Registers the command."""
    app.command("train-worker")(train_worker)


def train_worker(
    root: Annotated[
        Path, typer.Option(callback=local, help="The pipeline root, a folder that all workers share.")
    ],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the chief.")] = 3600,
) -> None:
    """Take part in the training of a cluster (TF_CONFIG) whose chief runs the Trainer node.

    It ends when the training ends; the chief alone writes the model.
    """
    from components.trainer.distributed.cluster import Cluster
    from components.trainer.distributed.launch import join

    cluster = Cluster.from_environment()
    with tempfile.TemporaryDirectory(prefix="penstock-worker-") as folder:
        join(root, cluster, wait, Path(folder))
    say(f"{cluster.kind} {cluster.index} of {cluster.size}: the training has ended")
