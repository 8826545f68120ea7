"""Layering: several files and ``--set`` options become one document, the later one winning.

Mappings are merged key by key; lists and scalars are replaced whole. ``null`` is a value like any other (it switches
off what may be off, such as ``train.early_stopping``); ``!remove`` removes a key that an earlier layer set. Where a
mapping is a choice of one (a feature's transformation, the metadata store), another choice replaces it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path as FilePath
from typing import Any

from foundation.document.kind import Kind
from foundation.document.nodes import REMOVE, Node
from foundation.document.problems import Path, Position, Problem, SpecErrors
from foundation.document.reader import read_file, read_text

_PART = re.compile(r'"((?:[^"\\]|\\.)*)"|([^."\s]+)')


def read_layers(files: Sequence[FilePath], overrides: Sequence[str], kind: Kind[Any]) -> Node:
    """Reads files and ``a.b=value`` options and merges them, the later one winning.

    Args:
        files: At least one.
        overrides: Options, laid over the files in order.
        kind: The kind of document.

    Raises:
        SpecErrors: Everything that is wrong in any of them.
        StorageError: A file exists but cannot be read.
    """
    layers = _all(
        [
            *(partial(read_file, file, kind) for file in files),
            *(partial(_read_override, o) for o in overrides),
        ]
    )
    root = layers[0]
    for layer in layers[1:]:
        root = merge(root, layer, kind.choices)
    return drop_removed(root)


def merge(below: Node, above: Node, choices: Sequence[Path] = (), path: Path = ()) -> Node:
    """Lays one layer over another.

    Args:
        below: The earlier layer.
        above: The later layer, which wins.
        choices: Where a mapping is a choice of one; see ``Kind``.
        path: Where both are in the document.

    Returns:
        The two as one; each value keeps the place where it was written.
    """
    if not (isinstance(below.value, dict) and isinstance(above.value, dict)):
        return above
    if any(_matches(choice, path) for choice in choices) and not set(above.value) <= set(below.value):
        return above
    merged = dict(below.value)
    for key, node in above.value.items():
        if node.value is REMOVE:
            merged.pop(key, None)
        else:
            old = below.value.get(key)
            merged[key] = merge(old, node, choices, (*path, key)) if old else node
    return above.with_value(merged)


def _matches(choice: Path, path: Path) -> bool:
    return len(choice) == len(path) and all(
        want in ("*", part) for want, part in zip(choice, path, strict=True)
    )


def drop_removed(node: Node) -> Node:
    """Returns the tree without values still marked ``!remove``: there was nothing for them to remove."""
    if isinstance(node.value, dict):
        kept = {key: drop_removed(child) for key, child in node.value.items() if child.value is not REMOVE}
        return node.with_value(kept)
    if isinstance(node.value, list):
        return node.with_value([drop_removed(child) for child in node.value if child.value is not REMOVE])
    return node.with_value(None) if node.value is REMOVE else node


def read_overrides(overrides: Iterable[str]) -> list[Node]:
    """Turns ``a.b=value`` options into layers.

    A key that holds a dot is quoted: ``data.fields."profile.country".type=string``. The value is YAML.

    Raises:
        SpecErrors: Some options do not have that form; names all of them.
    """
    return _all([partial(_read_override, override) for override in overrides])


def override_keys(override: str) -> tuple[str, ...]:
    """Returns the keys down to the value that an ``a.b=value`` option gives; ``a.b`` alone is taken as well.

    Raises:
        SpecErrors: It does not begin with keys joined by dots.
    """
    keys, _ = _split_override(override)
    parts = _split_keys(keys)
    if parts is None:
        expected, remedy = "keys joined by dots", "such as train.steps"
        at = Position(f"--set {keys}")
        raise SpecErrors.single("this is not a key of the document", at, expected=expected, remedy=remedy)
    return tuple(parts)


def _all(reads: Iterable[Callable[[], Node]]) -> list[Node]:
    """Returns what each call returns, or raises everything that is wrong in any of them."""
    layers: list[Node] = []
    problems: list[Problem] = []
    for read in reads:
        try:
            layers.append(read())
        except SpecErrors as error:
            problems += error.problems
    if problems:
        raise SpecErrors(problems)
    return layers


def _read_override(override: str) -> Node:
    keys, text = _split_override(override)
    at = Position(f"--set {keys}")
    parts = _split_keys(keys)
    if parts is not None and text is None:
        expected, remedy = f"{keys}=value", f"such as --set {keys}=50, or {keys}=null for no value"
        raise SpecErrors([Problem(tuple(parts), "no value given", expected, "no '='", remedy, at)])
    if parts is None or text is None:
        expected, remedy = "key=value, keys joined by dots", "such as --set train.steps=50"
        raise SpecErrors.single("this is not a key of the document", at, expected=expected, remedy=remedy)
    try:
        node = _placed(read_text(text, at.source), at)
    except SpecErrors as error:
        remedy = "the value is read as YAML"
        raise SpecErrors(
            Problem(tuple(parts), problem.what, remedy=remedy, at=at) for problem in error.problems
        ) from error
    for part in reversed(parts):
        node = Node({part: node}, at)
    return node


def _split_override(override: str) -> tuple[str, str | None]:
    """Splits at the first equals sign outside quotes; without one there is no value."""
    match = re.match(r'((?:"(?:[^"\\]|\\.)*"|[^="])*)=(.*)\Z', override, re.DOTALL)
    return (match[1].strip(), match[2]) if match else (override.strip(), None)


def _split_keys(keys: str) -> list[str] | None:
    """Returns the keys, or None when the text is not keys joined by dots."""
    parts: list[str] = []
    rest = keys
    while True:
        match = _PART.match(rest)
        if match is None:
            return None
        parts.append(match[2] if match[2] is not None else re.sub(r"\\(.)", r"\1", match[1]))
        rest = rest[match.end() :]
        if not rest:
            return parts
        if not rest.startswith("."):
            return None
        rest = rest[1:]


def _placed(node: Node, at: Position) -> Node:
    """Returns the tree with every position replaced by the option's."""
    if isinstance(node.value, dict):
        return Node({key: _placed(child, at) for key, child in node.value.items()}, at, at)
    if isinstance(node.value, list):
        return Node([_placed(child, at) for child in node.value], at, at)
    return Node(node.value, at, at)
