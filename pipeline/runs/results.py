"""A run's artifacts, and its result files, each read by the class that wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from foundation.result import Result
from foundation.stores.brought import fetched, looked_at
from pipeline.lineage.records import Artifact
from pipeline.lineage.store import Lineage, artifacts_of_executions, artifacts_of_run
from pipeline.nodes import NODES
from pipeline.runs.book import RunRecord

AnyResult = TypeVar("AnyResult", bound=Result)


class RunResults:
    """The results of one run.

    Args:
        artifacts: (node, output key) → artifact.
    """

    def __init__(self, artifacts: Mapping[tuple[str, str], Artifact]) -> None:
        self.artifacts = artifacts

    @classmethod
    def of(cls, lineage: Lineage, run: str) -> RunResults:
        """Returns everything that a run made or reused."""
        return cls(artifacts_of_run(lineage, run))

    @classmethod
    def reused(cls, lineage: Lineage, record: RunRecord) -> RunResults:
        """Returns what the nodes of an unchanged run reuse; it has no executions of its own."""
        executions = {node.execution for node in record.nodes if node.execution is not None}
        return cls(artifacts_of_executions(lineage, executions))

    def has(self, node: str) -> bool:
        """Returns whether the run got to a node."""
        return any(name == node for name, _ in self.artifacts)

    def folder(self, node: str, key: str) -> Path | None:
        """Returns the folder of an artifact, None if the run did not get that far.

        Raises:
            StorageError: It is in a store, which does not answer or has it no longer.
        """
        artifact = self.artifacts.get((node, key))
        return fetched(artifact.uri) if artifact else None

    def find(self, kind: type[AnyResult]) -> AnyResult | None:
        """Returns a result, None if the run did not get that far or its file is gone.

        Raises:
            DataError: The file is damaged, or was written by a newer Penstock.
        """
        folder = self._folder_of(kind)
        return kind.find(folder) if folder else None

    def read(self, kind: type[AnyResult]) -> AnyResult | None:
        """Returns a result, None if the run did not get that far.

        Raises:
            DataError: The file is missing or damaged, or was written by a newer Penstock.
        """
        folder = self._folder_of(kind)
        return kind.read(folder) if folder else None

    def newest_run(self, lineage: Lineage, records: Iterable[RunRecord]) -> RunRecord | None:
        """Returns the newest complete run that had exactly these results, among records oldest first."""
        wanted = {place: artifact.id for place, artifact in self.artifacts.items()}
        for record in sorted(records, key=lambda each: (each.started, each.id), reverse=True):
            if record.state != "complete":
                continue
            had = {place: a.id for place, a in artifacts_of_run(lineage, record.id).items()}
            if wanted.items() <= had.items():
                return record
        return None

    def find_all(self, kind: type[AnyResult]) -> list[AnyResult]:
        """Returns the results of one kind of all nodes that the run got to, in the order of the nodes.

        Raises:
            DataError: A file is damaged, or was written by a newer Penstock.
        """
        folders = (self._looked_at(*place) for place in _places_of(kind))
        found = (kind.find(folder) for folder in folders if folder)
        return [result for result in found if result is not None]

    def _folder_of(self, kind: type[Result]) -> Path | None:
        return self._looked_at(*_places_of(kind)[0])

    def _looked_at(self, node: str, key: str) -> Path | None:
        artifact = self.artifacts.get((node, key))
        return looked_at(artifact.uri) if artifact else None


def _places_of(kind: type[Result]) -> list[tuple[str, str]]:
    """Returns node and output key of each place where a kind of result is written."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    return [(node.id, node.result[0]) for node in NODES if node.result and node.result[1] == name]
