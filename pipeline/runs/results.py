"""A run's artifacts, and its result files, each read by the class that wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from foundation.result import Result
from pipeline.lineage.records import Artifact
from pipeline.lineage.store import Lineage, artifacts_of_run
from pipeline.nodes import NODES

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

    def folder(self, node: str, key: str) -> Path | None:
        """Returns the folder of an artifact, None if the run did not get that far."""
        artifact = self.artifacts.get((node, key))
        return Path(artifact.uri) if artifact else None

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

    def _folder_of(self, kind: type[Result]) -> Path | None:
        name = f"{kind.__module__}:{kind.__qualname__}"
        places = ((n.id, n.result[0]) for n in NODES if n.result and n.result[1] == name)
        return self.folder(*next(places))
