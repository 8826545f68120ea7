"""The Beam engine of a node of a job, held ready while the node runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from components.node import Elsewhere
from foundation.stores.mirror import address_of, in_store
from pipeline.engines.base import Context, engine_for, only_here
from pipeline.nodes import NODES
from pipeline.runners.job import Job

_READERS = frozenset(node.id for node in NODES if node.reads_export)
_BEAM = frozenset(node.id for node in NODES if node.beam)
_ELSEWHERE = {node.id: node.elsewhere for node in NODES}


def context_of(job: Job, node: str, attempt: int = 1) -> Context:
    """Returns what an engine is told of a node.

    Args:
        job: The run.
        node: Id of the node.
        attempt: Which attempt of the node within the run this is, from 1.
    """
    reads = sum(file.size for file in job.inputs.data.files) if node in _READERS else 0
    document, home = job.document, job.inputs.folder
    here = only_here(document, node)
    return Context(document.name, job.run, node, attempt, reads, job.folder, address_of(job.root), home, here)


def works_elsewhere(job: Job, node: str) -> Elsewhere:
    """Returns how a node works with workers that do not see this machine's disk; empty: its workers see it.

    Args:
        job: The run.
        node: Id of the node.
    """
    run = job.document.run
    if engine_for(run, node).sees_disk(run) or not in_store(address_of(job.root)):
        return ""
    return _ELSEWHERE.get(node, "")


def outlives(job: Job, node: str) -> bool:
    """Returns whether Beam steps of a node go on when its process is killed, see ``Engine.outlives``.

    Args:
        job: The run.
        node: Id of the node.
    """
    return node in _BEAM and engine_for(job.document.run, node).outlives


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
