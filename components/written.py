"""Whether a node's Beam pipeline has left what it was to write: an engine's word alone is no result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tfx.dsl.io import fileio
from tfx.types import artifact_utils

from foundation.errors import NodeError

if TYPE_CHECKING:
    from tfx.types.artifact import Artifact


def check_written(outputs: Mapping[str, Sequence[Artifact]]) -> None:
    """Checks that each output has a file, and each of its splits.

    Args:
        outputs: The node's outputs, after its pipeline has ended.

    Raises:
        NodeError: A folder is missing or empty.
    """
    for artifacts in outputs.values():
        for one in artifacts:
            for folder in _folders(one):
                if not _has_file(folder):
                    raise NodeError(
                        f"output {folder}",
                        expected="what the Beam pipeline was to write",
                        seen="no file, although the engine says that the pipeline is done",
                        remedy="look at the engine's own record of the pipeline, then run the node again",
                    )


def _folders(artifact: Artifact) -> Iterator[str]:
    names = getattr(artifact, "split_names", "") if "split_names" in (artifact.PROPERTIES or {}) else ""
    splits = artifact_utils.decode_split_names(names) if names else []
    yield from (
        (artifact_utils.get_split_uri([artifact], split) for split in splits) if splits else [artifact.uri]
    )


def _has_file(folder: str) -> bool:
    return fileio.exists(folder) and any(files for _, _, files in fileio.walk(folder))
