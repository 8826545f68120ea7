"""The document as a tree of values that know their place in the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from foundation.document.problems import Path, Position


class _Remove:
    """What the tag ``!remove`` puts in place of a value."""


REMOVE = _Remove()


@dataclass(frozen=True)
class Node:
    """A value of the document.

    Attributes:
        value: A dict of nodes, a list of nodes, or a scalar (str, int, float, bool, None).
        at: Where it is.
        key_at: Where its key is; None for the root and for items of a list.
    """

    value: Any
    at: Position
    key_at: Position | None = None

    def plain(self) -> Any:
        """Returns the value without positions."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, part: str | int) -> Node | None:
        """Returns the value under a key, or the item at an index, or None where there is none."""
        if isinstance(self.value, dict):
            found: Node | None = self.value.get(part)
            return found
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            item: Node = self.value[part]
            return item
        return None

    def with_value(self, value: Any) -> Node:
        """Returns the node with another value at the same place."""
        return replace(self, value=value)


def follow(root: Node, path: Path) -> tuple[Node, Path]:
    """Walks from the root as far as the path leads.

    Parts that the document leaves out are skipped: the models have long forms (``features.declared``) of
    what a person writes short.

    Returns:
        The last node that is in the document, and the part of the path that leads to it.
    """
    node, walked = root, ()  # type: Node, Path
    for part in path:
        below = node.child(part)
        if below is not None:
            node, walked = below, (*walked, part)
    return node, walked
