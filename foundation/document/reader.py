"""Reading YAML into nodes: every value knows its line and column, and a key given twice is an error.

Scalars are read as YAML 1.2 reads them: only ``true`` and ``false`` are booleans (``no`` and ``on`` are text), ``1e-3``
is a number, and a date is text. Keys are always text, as written.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from foundation.document.kind import Kind
from foundation.document.nodes import REMOVE, Node
from foundation.document.problems import Path as KeyPath
from foundation.document.problems import Position, Problem, SpecErrors
from foundation.publish import storage_error

MAX_VALUES = 100_000
"""A document that unfolds to more values than this (by aliases of aliases) is refused."""

MAX_DEPTH = 100
"""A document that is nested deeper than this is refused."""

_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = {_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")} | {
    "!remove"
}


_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Composes nodes; scalars are resolved as in YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str | None, list[tuple[str, re.Pattern[str]]]] = {}


def _resolve(name: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(_TAG + name, re.compile(rf"(?:{pattern})\Z"), list(first))


_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789")
_resolve(
    "float",
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+0123456789.",
)
_resolve("merge", "<<", "<")
_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])


def read_file(path: Path, kind: Kind[Any]) -> Node:
    """Reads one file of a document.

    Args:
        path: A YAML file, UTF-8.
        kind: The kind of document.

    Returns:
        The root node; its value is a dict.

    Raises:
        SpecErrors: There is no such file, or its YAML is broken; with line and column where known.
        StorageError: The file exists but cannot be read.
    """
    start = Position(str(path), 1, 1)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise SpecErrors.single("there is no such file", start, remedy=kind.if_missing) from error
    except IsADirectoryError as error:
        remedy = f"name the document in it, such as {kind.usual_name}"
        raise SpecErrors.single("this is a folder", start, remedy=remedy) from error
    except OSError as error:
        raise storage_error(path, error) from error
    return read_root(_decode(content, start.source), start.source, kind)


def read_root(text: str, source: str, kind: Kind[Any]) -> Node:
    """Reads the text of a document, which must be a mapping; see ``read_file``."""
    root = read_text(text, source)
    if root.value is None:
        raise SpecErrors.single("the document is empty", Position(source, 1, 1), remedy=kind.if_empty)
    if not isinstance(root.value, dict):
        problem = Problem((), "", expected="keys and values", seen="another kind of YAML", at=root.at)
        raise SpecErrors([problem])
    return root


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        at = Position(source, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        expected, remedy = "text in UTF-8", "save the file as UTF-8"
        raise SpecErrors.single("not UTF-8", at, expected=expected, remedy=remedy) from error


def read_text(text: str, source: str) -> Node:
    """Reads YAML text into nodes.

    Args:
        text: The YAML; empty text gives a node of None.
        source: What positions name.

    Raises:
        SpecErrors: The YAML is broken, has a key twice, or holds what a document cannot hold.
    """
    composed = _compose(text, source)
    if composed is None:
        return Node(None, Position(source, 1, 1))
    builder = _Builder(source)
    root = builder.build(composed, ())
    if builder.problems:
        raise SpecErrors(builder.problems)
    return root


def _compose(text: str, source: str) -> yaml.Node | None:
    try:
        _refuse_deep_nesting(text, source)
        composed: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        at = _position(source, error.problem_mark or error.context_mark)
        what = ", ".join(part for part in (error.context, error.problem) if part)
        remedy = _syntax_remedy(text, what, at)
        raise SpecErrors.single(f"this is not YAML: {what}", at, remedy=remedy) from error
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        at = Position(source, before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise SpecErrors.single("a character that YAML does not allow", at, remedy="remove it") from error
    except yaml.YAMLError as error:
        raise SpecErrors.single(f"this is not YAML: {error}", Position(source, 1, 1)) from error
    return composed


def _position(source: str, mark: Any) -> Position:
    return Position(source, mark.line + 1, mark.column + 1) if mark else Position(source, 1, 1)


def _refuse_deep_nesting(text: str, source: str) -> None:
    """Walks the events first: composing recurses in C, where deep nesting would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                at = _position(source, event.start_mark)
                raise SpecErrors.single(f"values are nested more than {MAX_DEPTH} deep", at)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _syntax_remedy(text: str, what: str, at: Position) -> str:
    lines = text.splitlines()
    if "single document" in what:
        return "one file holds one document; pass several files to layer them"
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if line[: len(line) - len(line.lstrip())].count("\t"):
        return "indent with spaces, not tabs"
    if re.match(r"\s*[^#\"']*[:-]\s+[{\[@`%&*!|>]", line):
        return "put text that begins with { [ @ ` % & * ! | > in quotes"
    return "check colons, quotes and indentation here and on the line before"


class _Builder:
    """Turns composed YAML into nodes and collects the problems on the way."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.values = 0
        self.open: set[int] = set()

    def build(self, node: yaml.Node, path: KeyPath, key_at: Position | None = None) -> Node:
        at = self.position(node)
        self.values += 1
        if self.values > MAX_VALUES:
            raise SpecErrors.single(f"the document unfolds to more than {MAX_VALUES} values", at)
        if id(node) in self.open:
            self.add(path, "an alias that holds itself", at)
            return Node(None, at, key_at)
        if node.tag not in _KNOWN_TAGS:
            what = f"the tag {node.tag.replace(_TAG, '!!')} has no meaning here"
            self.add(path, what, at, "leave the tag out, or quote the text")
            return Node(None, at, key_at)
        if node.tag == "!remove":
            return Node(REMOVE, at, key_at)
        self.open.add(id(node))
        value = self.value(node, path)
        self.open.discard(id(node))
        return Node(value, at, key_at)

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        try:
            return _scalar(node.tag, node.value)
        except ValueError:
            self.add(path, f"not a value of {node.tag.replace(_TAG, '!!')}", self.position(node))
            return None

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Node]:
        merged: dict[str, Node] = {}
        own: dict[str, Node] = {}
        for key, value in node.value:
            at = self.position(key)
            if not isinstance(key, yaml.ScalarNode):
                self.add(path, "a key that is a list or a mapping", at, "keys are text")
            elif key.tag == _TAG + "merge":
                merged.update(self.merge_key(value, path, at))
            elif key.value in own:
                first = own[key.value].key_at
                what = f"this key is given twice, first at line {first.line if first else 0}"
                self.add((*path, key.value), what, at, "keep one")
            else:
                own[key.value] = self.build(value, (*path, key.value), at)
        return {**merged, **own}

    def merge_key(self, value: yaml.Node, path: KeyPath, at: Position) -> dict[str, Node]:
        below = self.build(value, path)
        parts = below.value if isinstance(below.value, list) else [below]
        found: dict[str, Node] = {}
        for part in reversed(parts):
            if isinstance(part.value, dict):
                found.update(part.value)
            else:
                self.add(path, "<< takes in a mapping, or a list of mappings", at)
        return found

    def add(self, path: KeyPath, what: str, at: Position, remedy: str = "") -> None:
        self.problems.append(Problem(path, what, remedy=remedy, at=at))

    def position(self, node: yaml.Node) -> Position:
        return _position(self.source, node.start_mark)


def _scalar(tag: str, text: str) -> Any:
    kind = tag.removeprefix(_TAG)
    if kind == "null":
        return None
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
