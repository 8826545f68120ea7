"""What one Python file imports and reads, from its syntax tree: nothing is run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from foundation.own_code.texts import Texts

IMPORT_A_MODULE = {"import_module", "__import__", "run_module", "resolve_name", "load_module"}
RUN_A_FILE = {
    "run_path", "spec_from_file_location", "SourceFileLoader", "SourcelessFileLoader", "ExtensionFileLoader",
    "load_source", "load_dynamic", "CDLL", "PyDLL", "LoadLibrary", "load_op_library", "zipimporter",
}  # fmt: skip
RUN_A_TEXT = {"exec", "eval", "compile"}
"""Built-in functions; methods of these names, such as Keras's ``compile``, run no text."""
CHANGE_THE_SEARCH = {"addsitedir", "extend_path", "walk_packages", "iter_modules"}
SEARCHED = {"path", "meta_path", "path_hooks"}
"""Attributes of ``sys`` that decide where modules are found."""
READ_A_FILE = {
    "open", "read_text", "read_bytes", "read_csv", "read_parquet", "read_json", "read_excel", "read_pickle",
    "read_table", "loadtxt", "genfromtxt", "fromfile", "memmap", "load_model", "load_weights", "load_file",
    "from_pretrained", "GFile", "FastGFile", "get_data", "get_file", "urlopen", "urlretrieve",
    "iterdir", "glob", "iglob", "rglob", "listdir", "scandir",
}  # fmt: skip
LOADERS = {"load": {"np", "numpy", "joblib", "torch", "saved_model", "hub"}, "walk": {"os"}}
"""Functions of common names, with the modules in which they read files."""

_WRITING = re.compile(r"[wax][bt]?")
"""Modes in which a file is opened and not read."""


@dataclass
class Found:
    """What a file imports and reads.

    Attributes:
        names: Dotted names of modules that it may import, own or not, with the line.
        files: Existing files and folders that it names.
        scripts: Those of them that it runs as code, whatever their names end with.
        unknown_code: Line and words of what imports code that only running it tells.
        unknown_files: Line and words of what reads files that only running it tells.
    """

    names: dict[str, int] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)
    scripts: set[Path] = field(default_factory=set)
    unknown_code: dict[int, str] = field(default_factory=dict)
    unknown_files: dict[int, str] = field(default_factory=dict)


def read(tree: ast.Module, package: str, bases: Sequence[Path]) -> Found:
    """Returns what a parsed file imports and reads.

    Args:
        tree: The file.
        package: Dotted name of the package it is in; empty outside one.
        bases: Folders that relative paths in it may start from.
    """
    return _Reader(tree, package, bases).found


class _Reader:
    def __init__(self, tree: ast.Module, package: str, bases: Sequence[Path]) -> None:
        self.found = Found()
        self._package, self._bases = package, bases
        self._texts = Texts(tree, bases)
        self._renamed: dict[str, str] = {}
        self._told: set[int] = set()
        nodes = list(ast.walk(tree))
        for node in nodes:
            self._imports(node)
        for node in nodes:
            self._call(node)
        for node in nodes:
            self._mention(node)

    def _imports(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                self._name(alias.name, node.lineno)
                if alias.asname:
                    self._renamed[alias.asname] = alias.name.rpartition(".")[2]
        elif isinstance(node, ast.ImportFrom):
            base = self._absolute("." * node.level + (node.module or ""), self._package)
            self._name(base, node.lineno)
            for alias in node.names:
                self._name(f"{base}.{alias.name}" if base else alias.name, node.lineno)
                if alias.asname:
                    self._renamed[alias.asname] = alias.name
                if node.module == "sys" and alias.name in SEARCHED:
                    self._unknown_code(node.lineno, f"sys.{alias.name}")

    def _name(self, name: str, line: int) -> None:
        if name:
            self.found.names.setdefault(name, line)

    def _absolute(self, name: str, package: str) -> str:
        level = len(name) - len(name.lstrip("."))
        if not level:
            return name
        parts = package.split(".")[: len(package.split(".")) - level + 1] if package else []
        return ".".join([*parts, name[level:]] if name[level:] else parts)

    def _call(self, node: ast.AST) -> None:
        if not isinstance(node, ast.Call):
            return
        name = self._terminal(node.func)
        if name in IMPORT_A_MODULE:
            self._import_call(node)
        elif name in RUN_A_FILE or (name in RUN_A_TEXT and self._is_builtin(node.func)):
            self._run_call(node, name)
        elif name in READ_A_FILE or self._base(node.func) in LOADERS.get(name, ()):
            self._read_call(node, name)

    def _import_call(self, node: ast.Call) -> None:
        """Follows ``import_module("lib.units")``; a name that is not constant stays unknown."""
        first = next(iter(node.args), None) or next((k.value for k in node.keywords if k.arg == "name"), None)
        if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
            return
        others = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "package")]
        given = next(
            (o.value for o in others if isinstance(o, ast.Constant) and isinstance(o.value, str)), ""
        )
        name = self._absolute(first.value.partition(":")[0], given or self._package)
        self._name(name, node.lineno)
        # ``__import__("lib", fromlist=["units"])``, ``run_module("lib")``
        for text in ("__main__", *self._texts.of(node)):
            self._name(f"{name}.{text}", node.lineno)
        self._told.add(id(node.func))

    def _run_call(self, node: ast.Call, name: str) -> None:
        """Follows ``run_path(HERE / "tool.py")`` and ``exec("from lib import UNITS")``."""
        files = {place for place in self._texts.places(node) if place.is_file()}
        if files:
            self.found.files |= files
            self.found.scripts |= files
            self._told.add(id(node.func))
        elif name in RUN_A_TEXT and node.args and isinstance(node.args[0], ast.Constant):
            try:
                tree = ast.parse(str(node.args[0].value))
            except (SyntaxError, ValueError):
                return
            inner = read(tree, self._package, self._bases)
            for each in inner.names:
                self._name(each, node.lineno)
            self.found.files |= inner.files
            self.found.scripts |= inner.scripts
            if inner.unknown_code:
                self._unknown_code(node.lineno, name)
            self._told.add(id(node.func))

    def _read_call(self, node: ast.Call, name: str) -> None:
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "mode")]
        if any(isinstance(one, ast.Constant) and _WRITING.fullmatch(str(one.value)) for one in given):
            return
        places = self._texts.places(node)
        self.found.files |= places
        if not places:
            self.found.unknown_files.setdefault(node.lineno, name)

    def _mention(self, node: ast.AST) -> None:
        """Notes what is neither a plain import nor a call that was followed."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.found.files |= {place for place in self._texts.named(node.value) if place.is_file()}
            if node.value in IMPORT_A_MODULE | RUN_A_FILE:
                self._unknown_code(node.lineno, node.value)
        elif isinstance(node, (ast.BinOp, ast.Call, ast.JoinedStr)):
            if any("." in text or "/" in text for text in self._texts.of(node)):
                self.found.files |= {place for place in self._texts.places(node) if place.is_file()}
        elif isinstance(node, (ast.Name, ast.Attribute)) and id(node) not in self._told:
            name = self._terminal(node)
            if (
                name in IMPORT_A_MODULE | RUN_A_FILE | CHANGE_THE_SEARCH
                or name == "__path__"
                or (name in RUN_A_TEXT and self._is_builtin(node))
            ):
                self._unknown_code(node.lineno, name)
            elif name in SEARCHED and self._base(node) == "sys":
                self._unknown_code(node.lineno, f"sys.{name}")

    def _unknown_code(self, line: int, what: str) -> None:
        self.found.unknown_code.setdefault(line, what)

    def _terminal(self, node: ast.expr) -> str:
        if isinstance(node, ast.Attribute):
            return node.attr
        return self._renamed.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def _base(self, node: ast.expr) -> str:
        """Returns the name before the last dot: ``sys`` in ``sys.path``."""
        return self._terminal(node.value) if isinstance(node, ast.Attribute) else ""

    def _is_builtin(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) or self._base(node) in ("builtins", "__builtins__")


def lines(unknown: dict[int, str]) -> Iterator[str]:
    """Yields what is unknown as ``3 (import_module)``."""
    yield from (f"{line} ({what})" for line, what in sorted(unknown.items()))
