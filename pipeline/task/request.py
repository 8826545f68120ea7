"""What a process is asked when it runs one node of a run."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST = 120


@dataclass(frozen=True)
class Request:
    """One node of one run.

    Attributes:
        bundle: The bundle's folder, or the ``pipeline.json`` in it.
        node: Id of the node.
        run: Id of the run as the scheduler has it; never read, only compared.
        home: Folder that relative paths of data start from.
        root: Address of the pipeline root; None: that of the document.
        span: The span of the export; None: the one of the run, where another node has begun it.
        overrides: ``a.b=value``, over the document.
        attempt: Which try of the scheduler's it is, from 1; 0 where it does not say.
        again: Whether a node that is done is wanted anew.
        again_after: The try of the scheduler's after which a person wanted the node anew; None: nobody did.
        wait: Seconds that another process at work on the node is waited for.
    """

    bundle: Path
    node: str
    run: str
    home: Path
    root: str | None = None
    span: int | None = None
    overrides: tuple[str, ...] = ()
    attempt: int = 0
    again: bool = False
    again_after: int | None = None
    wait: float = 0.0

    @property
    def run_name(self) -> str:
        """The run's name in paths, records and lineage."""
        return safe_name(self.run)

    @property
    def run_folder(self) -> str:
        """Folder of the run, from the pipeline root."""
        return f"runs/{self.run_name}"


def safe_name(run: str) -> str:
    """Returns a run's id as one part of a path, different for different ids.

    Schedulers put times into their ids: ``manual__2026-01-01T00:00:00+00:00``.
    """
    if _PLAIN.fullmatch(run) and len(run) <= _LONGEST:
        return run
    plain = re.sub(r"[^A-Za-z0-9._-]", "-", run)[: _LONGEST - 13].lstrip("._-")
    return f"{plain or 'run'}-{hashlib.sha256(run.encode()).hexdigest()[:12]}"
