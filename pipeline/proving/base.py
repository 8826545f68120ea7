"""What a proof takes and gives, and the list of proofs: add yours here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from foundation.errors import DataError
from pipeline.document.loader import load
from pipeline.runs.book import RunRecord
from pipeline.runs.results import RunResults
from pipeline.runs.session import Session

PROOFS: Mapping[str, str] = {
    "features": "pipeline.proving.features:prove",
    "learns": "pipeline.proving.learns:prove",
    "artifacts": "pipeline.proving.artifacts:prove",
    "speed": "pipeline.proving.speed:prove",
    "accuracy": "pipeline.proving.accuracy:prove",
    "deployment": "pipeline.proving.deployment:prove",
    "pipeline": "pipeline.proving.behaviour:prove",
}
"""Name of a proof → its function."""


@dataclass(frozen=True)
class Finding:
    """One thing that was measured.

    Attributes:
        what: What was looked at.
        measured: What was seen.
        expected: What it was held against.
        passed: Whether it is as expected.
    """

    what: str
    measured: str
    expected: str
    passed: bool


@dataclass(frozen=True)
class Project:
    """The document under test and its newest run.

    Attributes:
        files: The document's files.
        overrides: Values that are set, as ``train.steps=50``.
        limits: Thresholds that the command line gives, by name.
    """

    files: Sequence[Path]
    overrides: Sequence[str] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)

    def session(self, *more: str) -> Session:
        """Returns the loaded document, with some more values set.

        Raises:
            SpecError: It cannot be read or is invalid.
        """
        return Session(load(list(self.files), [*self.overrides, *more]))

    def newest(self, session: Session) -> tuple[RunRecord, RunResults]:
        """Returns the newest complete run and what it made.

        Raises:
            DataError: There is none.
        """
        complete = [one for one in session.runs.all() if one.state == "complete"]
        if not complete:
            raise DataError(
                f"pipeline root {session.root}",
                expected="a complete run to test",
                seen="none",
                remedy="run 'penstock run' first, with the same --set as here",
            )
        record = max(complete, key=lambda one: one.started)
        return record, RunResults.of(session.lineage(), record.id)


Proof = Callable[[Project], Iterator[Finding]]


def proof(name: str) -> Proof:
    """Returns a proof by its name."""
    module, _, function = PROOFS[name].partition(":")
    found: Proof = getattr(import_module(module), function)
    return found
