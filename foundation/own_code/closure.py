"""All of a person's own code and files that a named file uses, by content: the part of a fingerprint that is theirs.

What a file imports is followed through every module below its folder, and every file that a constant text names counts
too. Where only running the code would tell what it imports, every Python file below the project counts, so that no change
goes unnoticed; where it cannot be told which files it reads, the note says so.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ModuleSpec
from pathlib import Path

from foundation.errors import UserCodeError
from foundation.own_code.finder import OwnFinder, elsewhere
from foundation.own_code.reading import Found, lines, read

_CODE = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES, ".zip", ".egg", ".whl")
_OTHERS = {"site-packages", "dist-packages", "node_modules", "__pycache__"}
"""Folders below a project that hold no code of its own."""
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class OwnCode:
    """A named file and everything of a person's own that it uses.

    Attributes:
        files: Every file, with its SHA-256.
        digest: SHA-256 over all of them; the same wherever the project is.
        notes: What only running the code would tell, one sentence each.
    """

    files: dict[Path, str]
    digest: str
    notes: tuple[str, ...]


def own_code(file: Path, project: Path | None = None) -> OwnCode:
    """Returns a named file and everything of a person's own that it uses.

    Args:
        file: The named file.
        project: Folder whose files count as the person's own; by default the file's folder.

    Raises:
        UserCodeError: A file is missing or does not parse.
    """
    walk = _Walk(file.resolve(), (project or file.parent).resolve())
    digest = hashlib.sha256()
    files = {path: _content(path) for path in sorted(walk.files)}
    for path, content in files.items():
        digest.update(f"{os.path.relpath(path, walk.folder)}\0{content}\0".encode())
    return OwnCode(files, digest.hexdigest(), tuple(walk.notes()))


def files_used(file: Path, project: Path | None = None) -> set[Path]:
    """Returns what ``own_code`` would be made of, as far as that can be told now; never raises for code that is broken.

    Files that are imported and missing are among them, at each place where they would be found.

    Args:
        file: The named file.
        project: Folder whose files count as the person's own; by default the file's folder.
    """
    walk = _Walk(file.resolve(), (project or file.parent).resolve(), broken=True)
    return walk.files | walk.missing


_Step = tuple[Path, str, bool]
"""A file to follow, the package that it is in, and whether it is imported and so must be Python."""


class _Walk:
    """Follows imports from one file; afterwards ``files`` holds everything.

    Args:
        file: The file.
        project: Folder whose files count as the person's own.
        broken: Whether code may be missing or not parse; it leads no further then.

    Raises:
        UserCodeError: Code is missing or does not parse, and may not.
    """

    def __init__(self, file: Path, project: Path, broken: bool = False) -> None:
        self._broken = broken
        self.folder = file.parent
        self._top = project if self.folder.is_relative_to(project) else self.folder
        self._finder = OwnFinder(self.folder)
        self._specs: dict[str, ModuleSpec | None] = {}
        self._found: dict[Path, Found] = {}
        self._compiled: set[Path] = set()
        self._hidden: dict[str, str] = {}
        self.files: set[Path] = {file}
        self.missing: set[Path] = set()
        self._walk(file)
        if any(found.unknown_code for found in self._found.values()):
            self._unknown()

    def _walk(self, file: Path) -> None:
        todo: list[_Step] = [(file, "", True)]
        while todo:
            path, package, imported = todo.pop()
            if path in self._found:
                continue
            try:
                self._found[path] = _read(path, package, self._bases(path))
            except UserCodeError:
                if imported and not self._broken:
                    raise
                continue  # a text names it; it counts, but need not be Python
            todo += self._used(path)

    def _used(self, path: Path) -> list[_Step]:
        """Counts what a file uses; returns those that have source to follow."""
        found = self._found[path]
        todo: list[_Step] = []
        for name, line in found.names.items():
            todo += self._module(name, f"{self._short(path)}:{line}")
        for place in found.files:
            todo += self._named(place, place in found.scripts)
        return todo

    def _bases(self, path: Path) -> list[Path]:
        parents = [parent for parent in path.parents if parent.is_relative_to(self._top)]
        return list(dict.fromkeys([*(parents or [path.parent]), self.folder]))

    def _module(self, name: str, where: str) -> list[_Step]:
        """Counts a module and the packages it is in; returns those that have source to follow."""
        if name.endswith(".*"):
            return self._submodules(name[:-2], where)
        todo = []
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            dotted = ".".join(parts[:end])
            spec = self._spec(dotted, where)
            if spec is None:
                break
            if spec.origin and spec.loader and self._is_own(Path(spec.origin)):
                package = dotted if spec.submodule_search_locations is not None else dotted.rpartition(".")[0]
                todo += self._count(Path(spec.origin), package)
        return todo

    def _submodules(self, package: str, where: str) -> list[_Step]:
        """Counts what ``from package import *`` may import: what ``__all__`` names, which may be any of them."""
        spec = self._spec(package, where)
        folders = [Path(place) for place in (spec.submodule_search_locations or () if spec else ())]
        names = {p.name.partition(".")[0] for f in folders if self._is_own(f) for p in f.iterdir()}
        names -= {"__init__", "__pycache__", ""}
        return [found for name in sorted(names) for found in self._module(f"{package}.{name}", where)]

    def _spec(self, name: str, where: str) -> ModuleSpec | None:
        if name not in self._specs:
            package = name.rpartition(".")[0]
            parent = self._specs.get(package)
            path = None if not package else list(parent.submodule_search_locations or ()) if parent else []
            self._specs[name] = self._find(name, path, where)
        return self._specs[name]

    def _find(self, name: str, path: list[str] | None, where: str) -> ModuleSpec | None:
        spec = self._finder.find_spec(name, path)
        if spec is None and path is None and name.isidentifier():
            beside = [self.folder / f"{name}.py", self.folder / name / "__init__.py"]
            spec = None if name in sys.builtin_module_names else elsewhere(name)
            if any(each.is_file() and str(each) != getattr(spec, "origin", "") for each in beside):
                self._hidden.setdefault(name, where)
            if spec is None and name not in sys.builtin_module_names:
                self.missing.update(beside)
        elif spec is None and path:  # an installed package, perhaps one that is installed from this project
            near = [place for place in path if self._is_own(Path(place))]
            spec = next((s for p in near if (s := OwnFinder(Path(p)).find_spec(name, [p]))), None)
            if spec is None:
                self.missing.update(Path(place, f"{name.rpartition('.')[2]}.py") for place in near)
        return spec

    def _is_own(self, path: Path) -> bool:
        near = self.folder if path.is_relative_to(self.folder) else self._top
        if not path.is_relative_to(near):
            return False
        inside = path.relative_to(near).parts
        environment = Path(sys.prefix).is_relative_to(near) and path.is_relative_to(sys.prefix)
        return _OTHERS.isdisjoint(inside) and not environment

    def _count(self, file: Path, package: str) -> list[_Step]:
        self.files.add(file)
        if file.suffix in SOURCE_SUFFIXES:
            return [(file, package, True)]
        self._compiled.add(file)
        return []

    def _named(self, place: Path, script: bool) -> list[_Step]:
        """Counts a file that a text names, or every file below a folder that is read."""
        if place.is_file():
            self.files.add(place)
            code = (script or place.suffix in SOURCE_SUFFIXES) and self._is_own(place)
            return [(place, "", False)] if code else []
        if not self.folder.is_relative_to(place):
            self.files |= {path for path in place.rglob("*") if path.is_file()}
        return []

    def _unknown(self) -> None:
        """Counts every Python file of the project: any may be imported."""
        for folder in dict.fromkeys((self._top, self.folder)):
            self.files |= set(_code_below(folder))

    def notes(self) -> Iterator[str]:
        """Yields what only running the code would tell."""
        for file, found in self._found.items():
            if found.unknown_code:
                yield (
                    f"only running {self._short(file)} tells which code line {', '.join(lines(found.unknown_code))} "
                    f"imports: every Python file below {self._top} counts as part of it"
                )
            if found.unknown_files:
                yield (
                    f"only running {self._short(file)} tells which files line {', '.join(lines(found.unknown_files))} "
                    "reads: a change of them goes unnoticed; run with --from or --force after one"
                )
        for file in sorted(self._compiled):
            yield f"{self._short(file)} is compiled: it counts, but not what it imports or reads"
        for name, where in self._hidden.items():
            yield f"{where} imports the installed {name}, not the file of that name beside it: rename the file"

    def _short(self, file: Path) -> str:
        return os.path.relpath(file, self._top)


def _code_below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in _OTHERS
            and not os.path.exists(os.path.join(place, name, "pyvenv.cfg"))
            and not _is_deployed(Path(place, name))
        ]
        yield from (Path(place, name) for name in names if name.endswith(_CODE))


def _is_deployed(folder: Path) -> bool:
    """Returns whether a folder is a bundle or holds bundles, as a scheduler's does: made from the code, not code."""
    return (folder / "bundle.json").exists() or any(folder.glob("*/bundle.json"))


def _read(file: Path, package: str, bases: list[Path]) -> Found:
    try:
        return read(_parsed(file), package, bases)
    except RecursionError as error:
        raise UserCodeError(
            f"user module {file}", expected="code of ordinary depth", seen="too many variables of variables"
        ) from error


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise UserCodeError(
            f"user module {file}", expected="a readable Python file", seen=str(error)
        ) from error


def _content(file: Path) -> str:
    try:
        stat = file.stat()
        if stat.st_size <= _CHUNK_BYTES:
            return hashlib.sha256(file.read_bytes()).hexdigest()
        return _large(file, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    except OSError as error:
        raise UserCodeError(f"{file}, which own code uses", seen=error.strerror or str(error)) from error


@lru_cache(maxsize=1024)
def _large(file: Path, *as_it_is: int) -> str:
    """Returns the SHA-256 of a large file, once for each process while it is as it is."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
