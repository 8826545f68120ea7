"""The base of all Beam engines: what is checked before a run, and the arguments that a node gets when it runs."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast

from pipeline.document.models import PipelineSpec, RunConfig
from pipeline.nodes import NODES
from pipeline.orchestrators import ENGINES
from pipeline.preflight.remarks import Remark


@dataclass(frozen=True)
class Context:
    """The node that an engine runs the Beam steps of.

    Attributes:
        pipeline: Name of the pipeline.
        run: Id of the run; opaque.
        node: Id of the node.
        attempt: Which attempt of the node within the run this is, from 1.
        reads: Bytes of the export, as stored, for a node that reads one; 0 for any other.
        folder: Folder of the run, for files and logs of the engine; None before a run has one.
        root: The pipeline's root, as the document gives it or as the run has it.
        home: Folder that relative paths of the document start from.
        only_here: Why the node's workers must see this machine's disk or environment, in words; empty: they need not.
    """

    pipeline: str
    run: str = ""
    node: str = ""
    attempt: int = 1
    reads: int = 0
    folder: Path | None = None
    root: str = ""
    home: Path = Path()
    only_here: str = ""


class Engine(ABC):
    """A place where pipelines of Beam run."""

    name: ClassVar[str]
    """The name in ``run.beam``."""

    def check(self, run: RunConfig, context: Context) -> list[Remark]:
        """Looks for what would stop a node's Beam steps, before anything starts; nothing is started or written.

        Args:
            run: The document's ``run`` slice.
            context: The node.

        Returns:
            Errors, which stop the run, and suspicions, which are said.
        """
        return []

    outlives: ClassVar[bool] = False
    """Whether a job of it goes on when the node's process is killed, unless that is given time to cancel it."""

    @abstractmethod
    def args(self, run: RunConfig, context: Context) -> list[str]:
        """Returns the arguments of the node's Beam pipelines, decided when the node runs.

        Args:
            run: The document's ``run`` slice.
            context: The node.
        """

    def sees_disk(self, run: RunConfig) -> bool:
        """Returns whether its workers see this machine's disk; otherwise they share nothing with it but the root's store.

        Args:
            run: The document's ``run`` slice.
        """
        return True

    def costs(self, run: RunConfig) -> list[str]:
        """Returns what decides the costs of its pipelines, a sentence each; none for an engine that is not paid by use.

        Args:
            run: The document's ``run`` slice.
        """
        return []

    @contextmanager
    def started(self, run: RunConfig, context: Context) -> Iterator[list[str]]:
        """Holds ready what the node's Beam pipelines need, such as a job server of its own.

        Args:
            run: The document's ``run`` slice.
            context: The node.

        Yields:
            The arguments of the node's Beam pipelines: those of ``args``, and the address of what was started.

        Raises:
            PenstockError: It cannot be started.
        """
        yield self.args(run, context)


def engine_for(run: RunConfig, node: str) -> Engine:
    """Returns the engine that the document names for a node.

    Args:
        run: The document's ``run`` slice.
        node: Id of the node.
    """
    module, _, name = ENGINES[run.engine(node)].partition(":")
    return cast("Engine", getattr(importlib.import_module(module), name)())


def only_here(document: PipelineSpec, node: str) -> str:
    """Returns why a node's workers must see this machine's disk or environment, in words; empty: they need not.

    Args:
        document: The document.
        node: Id of the node.
    """
    declared = next((one for one in NODES if one.id == node), None)
    if declared is None:
        return ""
    return declared.only_here(document) if declared.elsewhere else "its workers write to this machine's disk"
