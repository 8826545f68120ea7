"""Whether two artifacts hold the same: a node that ran again may have made byte for byte what it had made before."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Mapping
from pathlib import Path

from foundation.stores.glance import Glance
from pipeline.lineage.records import Artifact, Value

_INCIDENTAL = frozenset(
    {"name", "pipeline_name", "producer_component", "state", "tfx_version", "is_external"}
)
"""Properties that TFX gives to every artifact and that say nothing about its content."""


def same_artifacts(
    one: tuple[int, ...], other: tuple[int, ...], known: Mapping[int, Artifact], glance: Glance
) -> bool:
    """Returns whether two lists of artifacts are equal, or equal in properties and files.

    Args:
        one: Ids of the first list.
        other: Ids of the second list.
        known: All artifacts by id; one that is unknown equals only itself.
        glance: What is known of their files.
    """
    if sorted(one) == sorted(other):
        return True
    if len(one) != len(other):
        return False
    pairs = [(known.get(a), known.get(b)) for a, b in zip(sorted(one), sorted(other), strict=True)]
    return all(a is b or (a is not None and b is not None and _same(a, b, glance)) for a, b in pairs)


def _same(one: Artifact, other: Artifact, glance: Glance) -> bool:
    if one.type != other.type or _telling(one) != _telling(other):
        return False
    if one.uri == other.uri:
        return True
    if not glance.exists(one.uri) or not glance.exists(other.uri):
        return False
    first, second = glance.fetched(one.uri), glance.fetched(other.uri)
    files = sorted(_files(first))
    return files == sorted(_files(second)) and all(
        filecmp.cmp(first / name, second / name, shallow=False) for name in files
    )


def _telling(artifact: Artifact) -> dict[str, Value]:
    return {key: value for key, value in artifact.properties.items() if key not in _INCIDENTAL}


def _files(folder: Path) -> Iterator[str]:
    if folder.is_file():
        yield ""
        return
    yield from (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
