"""The interface between a bundle and an orchestrator: an exporter writes the files that have it run the bundle's nodes.

An exporter is one folder in this room with a class on ``Exporter``, and one line in ``EXPORTERS``. It reads nothing but
the bundle's sidecar, knows nodes by what stands there, and has each of them run by ``penstock node`` and by nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.errors import SpecError, near_miss

if TYPE_CHECKING:
    from pipeline.bundle.reading import Bundle


@dataclass(frozen=True)
class Options:
    """What a person decides at the export and not in the document.

    Attributes:
        operator: How the orchestrator starts a node, one of the exporter's ``operators``; empty: its first.
        python: The Python that has Penstock where nodes run, for an operator that calls it.
        command: What a shell runs to start Penstock, for an operator that calls one; empty: ``exec penstock``.
    """

    operator: str = ""
    python: str = ""
    command: str = ""


class Exporter(ABC):
    """Writes what one orchestrator needs."""

    name: str
    """As in ``penstock export NAME``."""
    operators: Mapping[str, str] = {}
    """How it can start a node: name → one line about it; empty where there is one way only."""

    @abstractmethod
    def write(self, bundle: Bundle, to: Path, options: Options) -> list[Path]:
        """Writes the files, each under a temporary name first; the bundle's folder is copied beside them.

        Args:
            bundle: The compiled document.
            to: Folder that the orchestrator reads; made if missing.
            options: What was decided on the command line.

        Returns:
            The paths written, the one to look at first.

        Raises:
            SpecError: The document asks for something that this orchestrator does not have.
            StorageError: The folder cannot be written.
        """

    def notes(self, bundle: Bundle, options: Options) -> list[str]:
        """Returns what the orchestrator needs besides the files, one sentence each, without a full stop."""
        return []

    def operator(self, options: Options) -> str:
        """Returns the operator to use.

        Raises:
            SpecError: It has none of that name.
        """
        known = list(self.operators)
        if not options.operator and known:
            return known[0]
        if options.operator in self.operators:
            return options.operator
        raise SpecError(
            f"--operator {options.operator}",
            expected=f"one of {', '.join(known)}",
            remedy=near_miss(options.operator, known) or "name one of them",
        )
