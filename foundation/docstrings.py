"""Docstrings under attributes of a class, read from the source on demand."""

from __future__ import annotations

import ast
import functools
import inspect


@functools.cache
def _module_docstrings(file: str) -> dict[str, dict[str, str]]:
    with open(file, encoding="utf-8") as source:
        tree = ast.parse(source.read(), file)
    return {node.name: _of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _of_class(node: ast.ClassDef) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute, after in zip(node.body, node.body[1:], strict=False):
        if not (isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name)):
            continue
        if (
            isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            found[attribute.target.id] = " ".join(after.value.value.split())
    return found


def attribute_docstrings(cls: type) -> dict[str, str]:
    """Returns attribute → its docstring on one line, for the attributes that this class itself declares.

    Args:
        cls: A class at the top level of its module.

    Returns:
        Only the attributes that have a docstring.
    """
    return dict(_module_docstrings(inspect.getfile(cls)).get(cls.__name__, {}))
