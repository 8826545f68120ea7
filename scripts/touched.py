"""Names the test files that a change touches: those that changed, and those that import what changed.

Imports are read from the source, also those inside functions and the dotted names that are loaded late. A file that
is not a module (a template, a page, an example) touches the tests of its package and those that name it.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("foundation", "pipeline", "components", "serving", "scripts", "tests", "benchmarks", "examples")
"""Where modules are; everything else in the repository is only named by tests."""

EVERYTHING = ("pyproject.toml", "requirements/lock.txt", "tests/conftest.py", "tests/side_by_side.py")
"""Files that touch every test."""

_DOTTED = re.compile(rf"(?:{'|'.join(FOLDERS)})(?:\.\w+)+")


def changed_files(base: str) -> list[str]:
    """Lists what differs from where this branch left ``base``, committed or not, and what is new.

    Args:
        base: A commit or branch.

    Returns:
        Paths relative to the root, deleted files included.
    """
    fork = _git("merge-base", "HEAD", base)[0]
    return sorted({*_git("diff", "--name-only", fork), *_git("ls-files", "--others", "--exclude-standard")})


def _git(*arguments: str) -> list[str]:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()


class Modules:
    """The modules of a repository and what each of them imports.

    Args:
        root: The repository's folder.
        gone: Deleted files: modules that still import them are found too.
    """

    def __init__(self, root: Path, gone: Iterable[str] = ()) -> None:
        files = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))]
        self.files = {str(path.relative_to(root)): path for path in files}
        self._file_of = {_module(file): file for file in (*self.files, *gone)}
        self._importers: dict[str, set[str]] = {}
        for file, path in self.files.items():
            for name in _imports(path.read_text(encoding="utf-8"), _module(file)):
                for target in self._resolve(name):
                    self._importers.setdefault(target, set()).add(file)

    def _resolve(self, name: str) -> Iterator[str]:
        """Finds the files behind a dotted name: the module, or the one that holds the name, and its packages' own."""
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            file = self._file_of.get(".".join(parts[:end]))
            if file is not None:
                yield file

    def importers(self, files: Iterable[str]) -> set[str]:
        """Returns files and all that import them, directly or not; a conftest counts as imported by its folder."""
        found: set[str] = set()
        open_ = list(files)
        while open_:
            file = open_.pop()
            if file in found:
                continue
            found.add(file)
            open_ += self._importers.get(file, ())
            folder, name = os.path.split(file)
            if name == "conftest.py":
                open_ += [other for other in self.files if other.startswith(f"{folder}/")]
        return found


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imports(source: str, module: str) -> Iterator[str]:
    """Yields the dotted names that a module imports, or that it holds as text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            origin = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count("\n") < 40:
            yield from _DOTTED.findall(node.value)


def touched_tests(changed: Iterable[str], root: Path = ROOT) -> list[str]:
    """Returns the test files that changed files touch.

    Args:
        changed: Paths relative to the root.
        root: The repository's folder.
    """
    changed = list(changed)
    modules = Modules(root, [file for file in changed if file.endswith(".py") and not (root / file).exists()])
    tests = {file for file in modules.files if re.match(r"tests/(.*/)?test_\w+\.py$", file)}
    if set(EVERYTHING) & set(changed):
        return sorted(tests)
    code = [file for file in changed if file.endswith(".py") and file.startswith(FOLDERS)]
    others = [file for file in changed if file not in code]
    # A template or style sheet belongs to the modules beside it.
    beside = {os.path.dirname(file) for file in others if file.startswith(FOLDERS)}
    code += [file for file in modules.files if os.path.dirname(file) in beside]
    names = {name for file in others for name in (Path(file).name, file.partition("/")[0])}
    named = [file for file in tests if names and _names(modules.files[file], names)]
    return sorted(tests & (modules.importers(code) | set(named)))


def _names(path: Path, names: set[str]) -> bool:
    """Tells whether a file has one of the names as a text of its own, such as a path's part."""
    words = set(re.findall(r"[\w.-]+", path.read_text(encoding="utf-8")))
    return not names.isdisjoint(words)


def main() -> None:
    """Prints the test files touched by what differs from the first argument, ``main`` by default."""
    print(*touched_tests(changed_files((sys.argv[1:] or ["main"])[0])), sep="\n")


if __name__ == "__main__":
    main()
