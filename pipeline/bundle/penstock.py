"""Whether the Penstock at hand is the one that compiled a bundle: the same version, and the same code behind each node.

A version has one code. Where they differ, one of the two installations was changed by hand, or lies between versions.
"""

from __future__ import annotations

from importlib import metadata

from foundation.errors import DataError
from pipeline.bundle.reading import Bundle
from pipeline.graph import Graph


def refuse_other_version(bundle: Bundle) -> None:
    """Refuses a bundle that another version compiled; reads nothing that another one may write otherwise.

    Raises:
        DataError: The versions differ.
    """
    installed = metadata.version("penstock")
    if bundle.sidecar.penstock != installed:
        raise DataError(
            f"bundle {bundle.folder.name}",
            expected=f"Penstock {bundle.sidecar.penstock}, which compiled it",
            seen=f"Penstock {installed}",
            remedy="run the nodes in the image of that version, or compile and deploy again",
        )


def refuse_other_code(bundle: Bundle, graph: Graph) -> None:
    """Refuses a bundle that was compiled with other code of the same version.

    Args:
        bundle: The bundle.
        graph: The nodes of a run with what their fingerprints are made of here.

    Raises:
        DataError: The code behind a node differs.
    """
    compiled = {node.id: node.made_of["code"] for node in bundle.sidecar.nodes}
    other = [node for node in graph.ids if graph.parts[node]["code"] != compiled.get(node)]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        raise DataError(
            f"bundle {bundle.folder.name}",
            expected=f"the code of Penstock {bundle.sidecar.penstock} that compiled it",
            seen=f"other code behind {other[0]}{more}",
            remedy="run the nodes in the image that it was compiled in, or compile and deploy again",
        )
