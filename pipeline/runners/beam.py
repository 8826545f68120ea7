"""The Beam engine of a node of a job, held ready while the node runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from foundation.stores.mirror import address_of, in_store
from pipeline.engines.base import Context, engine_for
from pipeline.nodes import NODES
from pipeline.runners.job import Job

_READERS = frozenset(node.id for node in NODES if node.reads_export)
_REMOTE = frozenset(node.id for node in NODES if node.remote)


def context_of(job: Job, node: str, attempt: int = 1) -> Context:
    """Returns what an engine is told of a node.

    Args:
        job: The run.
        node: Id of the node.
        attempt: Which attempt of the node within the run this is, from 1.
    """
    reads = sum(file.size for file in job.inputs.data.files) if node in _READERS else 0
    document, home = job.document, job.inputs.folder
    return Context(document.name, job.run, node, attempt, reads, job.folder, address_of(job.root), home)


def works_elsewhere(job: Job, node: str) -> bool:
    """Returns whether the workers of a node's engine read and write the root's store themselves.

    Args:
        job: The run.
        node: Id of the node.
    """
    reaches = engine_for(job.document.run, node).remote_workers and node in _REMOTE
    return reaches and in_store(address_of(job.root))


@contextmanager
def beam_of(job: Job, node: str, attempt: int = 1) -> Iterator[list[str]]:
    """Holds ready the engine that the document names for a node.

    Args:
        job: The run.
        node: Id of the node.
        attempt: Which attempt of the node within the run this is, from 1.

    Yields:
        The arguments of the node's Beam pipelines.

    Raises:
        PenstockError: The engine cannot be started.
    """
    run = job.document.run
    with engine_for(run, node).started(run, context_of(job, node, attempt)) as args:
        yield args
