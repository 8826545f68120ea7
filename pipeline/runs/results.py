"""What a run left behind: its artifacts, and each result file as the class that wrote it."""

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
        """Returns everything that a run made or took over."""
        return cls(artifacts_of_run(lineage, run))

    def folder(self, node: str, key: str) -> Path | None:
        """Returns the folder of an artifact, None where the run did not come to it."""
        artifact = self.artifacts.get((node, key))
        return Path(artifact.uri) if artifact else None

    def find(self, kind: type[AnyResult]) -> AnyResult | None:
        """Returns a result, None where the run did not come to it or its file is gone.

        Raises:
            DataError: The file is damaged, or written by a newer Penstock.
        """
        folder = self._folder_of(kind)
        return kind.find(folder) if folder else None

    def read(self, kind: type[AnyResult]) -> AnyResult | None:
        """Returns a result, None where the run did not come to it.

        Raises:
            DataError: The file is missing, damaged, or written by a newer Penstock.
        """
        folder = self._folder_of(kind)
        return kind.read(folder) if folder else None

    def _folder_of(self, kind: type[Result]) -> Path | None:
        name = f"{kind.__module__}:{kind.__qualname__}"
        places = ((n.id, n.result[0]) for n in NODES if n.result and n.result[1] == name)
        return self.folder(*next(places))
