"""Turns a tree of values into the typed document, and its errors into problems with their place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from foundation.document.kind import Kind, M
from foundation.document.nodes import Node, follow
from foundation.document.problems import Problem, SpecErrors
from foundation.document.translate import to_problems


def validated(root: Node, kind: Kind[M]) -> M:
    """Returns the typed document.

    Raises:
        SpecErrors: Everything that the model refuses.
    """
    try:
        return kind.parse(root.plain())
    except ValidationError as error:
        raise SpecErrors(to_problems(error, root, kind)) from error


def placed(problems: Iterable[Problem], root: Node) -> list[Problem]:
    """Returns problems with their places, and their paths as the person wrote them: short forms leave parts out."""
    return [_placed(problem, root) for problem in problems]


def _placed(problem: Problem, root: Node) -> Problem:
    node, walked = follow(root, problem.path)
    written = bool(walked) and (walked[-1] == problem.path[-1] or not isinstance(node.value, dict))
    at = node.key_at if node.key_at and (problem.on_key or not written) else node.at
    return replace(problem, at=at, path=walked if written else problem.path)
