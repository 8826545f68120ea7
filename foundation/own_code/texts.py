"""The constant texts in a piece of code, put together as paths and names are, and the files that they name."""

from __future__ import annotations

import ast
import contextlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

_LONGEST = 300
_MOST = 8
"""Texts of one expression that are put together in every way."""
_MOST_HELD = 32
"""Texts of one variable or expression that are looked at; each text alone is looked at anyway."""


class Texts:
    """The constant texts of one file, with what its variables hold.

    Args:
        tree: The parsed file.
        bases: Folders that relative paths in it may start from, nearest first.
    """

    def __init__(self, tree: ast.Module, bases: Sequence[Path]) -> None:
        self._bases = bases
        self._values: dict[str, list[ast.expr]] = {}
        self._held: dict[str, tuple[str, ...]] = {}
        self._named: dict[str, frozenset[Path]] = {}
        for node in ast.walk(tree):
            for target, value in _assignments(node):
                for name in (n.id for n in ast.walk(target) if isinstance(n, ast.Name)):
                    self._values.setdefault(name, []).append(value)

    def of(self, node: ast.AST) -> Iterator[str]:
        """Yields the texts in an expression, in order, those of its variables included."""
        todo = [node]
        while todo:
            here = todo.pop()
            if isinstance(here, ast.Constant):
                if isinstance(here.value, str) and here.value:
                    yield here.value
            elif isinstance(here, ast.Name):
                yield from self._of_variable(here.id)
            else:
                todo += reversed(list(ast.iter_child_nodes(here)))

    def _of_variable(self, name: str) -> tuple[str, ...]:
        if name not in self._held:
            self._held[name] = ()  # a variable may be made of itself
            texts = (text for value in self._values.get(name, ()) for text in self.of(value))
            self._held[name] = tuple(dict.fromkeys(itertools.islice(texts, _MOST_HELD)))
        return self._held[name]

    def places(self, node: ast.AST) -> set[Path]:
        """Returns the existing files and folders that an expression may name, by its texts alone or joined."""
        parts = list(itertools.islice(self.of(node), _MOST_HELD))
        joined = set(parts)
        if len(parts) <= _MOST:
            for start in range(len(parts)):
                for end in range(start + 2, len(parts) + 1):
                    joined |= {"/".join(parts[start:end]), "".join(parts[start:end])}
        return {place for text in joined for place in self.named(text)}

    def named(self, text: str) -> frozenset[Path]:
        """Returns the existing files and folders that a text may name; a folder only near the code."""
        if text not in self._named:
            self._named[text] = frozenset(self._existing(text))
        return self._named[text]

    def _existing(self, text: str) -> Iterator[Path]:
        if len(text) > _LONGEST or not text.isprintable() or not text.strip("./\\ "):
            return
        relative = text.lstrip("/")
        with contextlib.suppress(OSError, ValueError):  # no path at all
            if relative != text and Path(text).is_file():
                yield Path(text)
            yield from (place for base in self._bases if (place := base / relative).exists())


def _assignments(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr, ast.AugAssign)) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield node.target, node.iter
    elif isinstance(node, ast.withitem) and node.optional_vars is not None:
        yield node.optional_vars, node.context_expr
