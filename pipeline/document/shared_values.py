"""Shared values: anything under ``values:`` can be used elsewhere as ``${name}``.

A text that is only ``${name}`` becomes the value itself with its type, including lists and mappings; inside a longer
text, a number or text is inserted. ``$${`` writes ``${``. The environment is not read: it is only for secrets, which
the document refers to by name (``password_env``) and never contains.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import Any

from foundation.document.nodes import Node
from foundation.document.problems import Path, Position, Problem, show_value

KEY = "values"
"""The document's top-level key for shared values."""

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def substitute(root: Node) -> tuple[Node, list[Problem]]:
    """Replaces references to shared values and removes ``values:``.

    Args:
        root: The merged document; its value is a dict.

    Returns:
        The document without ``values:``, and the problems with references.
    """
    shared = root.value.get(KEY)
    rest = root.with_value({key: node for key, node in root.value.items() if key != KEY})
    if shared is None:
        return _Substitution({}).document(rest)
    if not isinstance(shared.value, dict):
        problem = Problem(
            (KEY,), "", expected="names and values", seen=show_value(shared.plain()), at=shared.at
        )
        return rest, [problem]
    substitution = _Substitution(shared.value)
    for name, node in shared.value.items():
        if not _NAME.match(name):
            substitution.add(
                (KEY, name),
                "not a name",
                node.key_at or node.at,
                "letters, digits and underscores, as in ${name}",
            )
        substitution.visit(node, (KEY, name))
    return substitution.document(rest)


class _Substitution:
    """One pass over the document."""

    def __init__(self, shared: dict[str, Node]) -> None:
        self.shared = shared
        self.problems: list[Problem] = []
        self.open: list[str] = []

    def document(self, root: Node) -> tuple[Node, list[Problem]]:
        done = self.visit(root, ())
        unique = {(problem.at, problem.what): problem for problem in self.problems}
        return done, list(unique.values())

    def add(self, path: Path, what: str, at: Position, remedy: str) -> None:
        self.problems.append(Problem(path, what, remedy=remedy, at=at))

    def visit(self, node: Node, path: Path) -> Node:
        if isinstance(node.value, dict):
            return node.with_value({key: self.entry(key, child, path) for key, child in node.value.items()})
        if isinstance(node.value, list):
            return node.with_value(
                [self.visit(child, (*path, index)) for index, child in enumerate(node.value)]
            )
        if isinstance(node.value, str) and "${" in node.value:
            return self.text(node, path)
        return node

    def entry(self, key: str, child: Node, path: Path) -> Node:
        if "${" in key:
            self.add(
                (*path, key), "a key cannot be a shared value", child.key_at or child.at, "write the key out"
            )
        return self.visit(child, (*path, key))

    def text(self, node: Node, path: Path) -> Node:
        whole = _REFERENCE.fullmatch(node.value)
        if whole and whole[1] is not None:
            found = self.look_up(whole[1].strip(), node, path)
            return replace(found, at=node.at, key_at=node.key_at) if found else node.with_value(None)
        pieces: list[str] = []
        end = 0
        for match in _REFERENCE.finditer(node.value):
            pieces += [node.value[end : match.start()], self.piece(match, node, path)]
            end = match.end()
        if "${" in re.sub(_REFERENCE, "", node.value):
            self.add(
                path,
                "an unclosed ${",
                node.at,
                "write ${name}, or $${ for the characters themselves",
            )
        return node.with_value("".join(pieces) + node.value[end:])

    def piece(self, match: re.Match[str], node: Node, path: Path) -> str:
        if match[1] is None:
            return "${"
        found = self.look_up(match[1].strip(), node, path)
        if found is None:
            return ""
        value: Any = found.value
        if isinstance(value, (dict, list)) or value is None:
            self.add(
                path,
                f"${{{match[1]}}} is neither text nor a number and cannot be used inside a text",
                node.at,
                "use it by itself",
            )
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def look_up(self, name: str, node: Node, path: Path) -> Node | None:
        if name.startswith(("env:", "env.", "oc.env:")):
            remedy = "for a secret, give the variable's name (password_env); put anything else under values: or --set"
            self.add(path, f"${{{name}}}: the document does not read the environment", node.at, remedy)
            return None
        if name not in self.shared:
            close = difflib.get_close_matches(name, list(self.shared), n=1)
            remedy = (
                f"did you mean ${{{close[0]}}}?"
                if close
                else "define it under values: at the top of the document"
            )
            self.add(path, f"${{{name}}} is not among the shared values", node.at, remedy)
            return None
        if name in self.open:
            self.add(path, f"${{{name}}} refers to itself", node.at, "break the circle under values:")
            return None
        self.open.append(name)
        found = self.visit(self.shared[name], (KEY, name))
        self.open.pop()
        return found
