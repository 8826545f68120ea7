"""How a node's process ends, with what its last line says besides."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.task.ended import Ended


@dataclass(frozen=True)
class Outcome:
    """How a process ends.

    Attributes:
        ended: How the node ended.
        span: Span of the export, None where it is not known or has none.
        report: Where the run's report is, empty where that is not known.
        secrets: Environment variables that the document names for passwords.
    """

    ended: Ended
    span: int | None = None
    report: str = ""
    secrets: tuple[str, ...] = ()
