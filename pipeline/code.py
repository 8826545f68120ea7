"""The code behind a node: every file of our packages that it imports, directly or indirectly.

Imports are parsed as text, so planning loads nothing. Every ``import`` outside ``if TYPE_CHECKING`` counts, even inside
functions, and so does every string that names one of our modules, because TFX takes functions by dotted name.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path

from pipeline.kept_digests import KeptDigests, beside

PACKAGES = ("foundation", "components", "serving", "pipeline")
_OURS = "|".join(PACKAGES)
_TYPES_ONLY = re.compile(r"^if TYPE_CHECKING:\n(?:[ \t]+.*\n|\n)+", re.MULTILINE)
_IMPORT = re.compile(
    rf"^[ \t]*(?:from[ \t]+((?:{_OURS})[\w.]*)[ \t]+import[ \t]+(?:\(([^)]*)\)|(.+))$|import[ \t]+((?:{_OURS})[\w.]*))",
    re.MULTILINE,
)
_WORD = re.compile(r"\w+")
_NAMED = re.compile(rf"""["']((?:{_OURS})\.[\w.]+)(?::\w+)?["']""")


class Code:
    """The code of our packages below one folder.

    Args:
        base: The folder that holds the packages.
        kept: Where digests are kept for the next process; None: nowhere.
    """

    def __init__(self, base: Path, kept: Path | None = None) -> None:
        self._base = base
        self._kept_at = kept
        self._imports = cache(self._read_imports)
        self._content = cache(Path.read_bytes)

    def digest(self, roots: Iterable[str]) -> str:
        """Returns a SHA-256 over the files of the modules ``roots`` and of all they import."""
        return self.digests({"": roots})[""]

    def digests(self, roots: Mapping[str, Iterable[str]]) -> dict[str, str]:
        """Returns name → digest of the roots under that name; what was kept of the same files is not made again."""
        asked = {name: " ".join(sorted(some)) for name, some in roots.items()}
        found = self._kept.found if self._kept else {}
        made = {some: found.get(some) or self._made(some.split()) for some in asked.values()}
        if self._kept:
            self._kept.keep(made)
        return {name: made[some] for name, some in asked.items()}

    @cached_property
    def _kept(self) -> KeptDigests | None:
        return KeptDigests(self._kept_at, self._files) if self._kept_at else None

    def _made(self, roots: Iterable[str]) -> str:
        digest = hashlib.sha256()
        for module in sorted(self.closure(roots)):
            digest.update(module.encode() + b"\0" + self._content(self.modules[module]))
        return digest.hexdigest()

    def closure(self, roots: Iterable[str]) -> set[str]:
        """Returns ``roots`` and the modules they import, directly or indirectly.

        Raises:
            LookupError: A root is not one of our modules.
        """
        todo = [self._module(root) for root in roots]
        found: set[str] = set()
        while todo:
            module = todo.pop()
            if module not in found:
                found.add(module)
                todo += self._imports(module)
        return found

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Dotted name → file of every module."""
        found = {}
        for file in map(Path, self._files):
            parts = file.relative_to(self._base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
        return found

    @cached_property
    def _files(self) -> dict[str, os.stat_result]:
        """Path of every Python file → its state."""
        found = {}
        todo = [os.path.join(self._base, package) for package in PACKAGES]
        while todo:
            folder = todo.pop()
            if not os.path.isdir(folder):
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".py"):
                        found[entry.path] = entry.stat()
                    elif entry.name != "__pycache__" and entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        return found

    def _module(self, name: str) -> str:
        module = self._known(name)
        if module is None:
            raise LookupError(f"{name} is not a module of {', '.join(PACKAGES)}")
        return module

    def _known(self, name: str) -> str | None:
        """Returns the module that a dotted name starts with: ``components.x.y`` for ``components.x.y.function``."""
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name or None

    def _read_imports(self, module: str) -> frozenset[str]:
        text = self._content(self.modules[module]).decode()
        if "if TYPE_CHECKING" in text:
            text = _TYPES_ONLY.sub("", text)
        names = _NAMED.findall(text)
        for package, several, one, whole in _IMPORT.findall(text):
            names += [package or whole, *(f"{package}.{n}" for n in _WORD.findall(several or one))]
        packages = [module.rpartition(".")[0]] if "." in module else []
        return frozenset(known for name in [*names, *packages] if (known := self._known(name)))


@cache
def installed_code() -> Code:
    """Returns the code of this installation."""
    return Code(Path(__file__).resolve().parent.parent, beside(__file__))
