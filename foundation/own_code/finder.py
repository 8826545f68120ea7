"""Where a named file's own modules are found: beside it, behind everything that is installed.

The fingerprint and the import use this one class, so what counts is what is imported. Modules are compiled from their
source each time: bytecode is kept by time and size, and a file that was replaced by another of the same time and size
would be imported as it was before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any


class FromSource(SourceFileLoader):
    """Loads a module from its source, whatever bytecode there is, and writes none."""

    def path_stats(self, path: str | bytes | bytearray | os.PathLike[Any]) -> Any:
        """Gives no time and size, so that bytecode is neither looked for nor written.

        Raises:
            OSError: Always.
        """
        raise OSError("own code is compiled from its source")


class OwnFinder:
    """Finds the modules beside a named file; one for ``sys.meta_path``.

    Args:
        folder: Folder of the named file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Returns where a module is, None if it is not one of these; see ``importlib.abc.MetaPathFinder``."""
        if path is None and (name in sys.builtin_module_names or name in sys.stdlib_module_names):
            return None
        places = [str(self.folder)] if path is None else [p for p in path if self._is_below(p)]
        found = [spec for place in places if (spec := _in_folder(place, name))]
        spec = next((one for one in found if one.loader), found[0] if found else None)
        if spec is None:
            return None
        other = elsewhere(name) if path is None else None
        if other and other.loader and other.origin != spec.origin:
            return None
        if spec.loader is None:  # a package without __init__ may be spread over several folders
            portions = [p for one in (*found, other) if one for p in one.submodule_search_locations or ()]
            spec.submodule_search_locations = list(dict.fromkeys(portions))
        self.given.add(name)
        return spec

    def _is_below(self, place: str) -> bool:
        return Path(place).is_relative_to(self.folder)


def elsewhere(name: str) -> ModuleSpec | None:
    """Returns where a top-level module is found apart from a person's own folders."""
    for finder in sys.meta_path:
        if not isinstance(finder, OwnFinder):
            spec = finder.find_spec(name, None) if hasattr(finder, "find_spec") else None
            if spec is not None:
                return spec
    return None


def _in_folder(folder: str, name: str) -> ModuleSpec | None:
    # A new one each time: it keeps a listing of its folder.
    finder = FileFinder(
        folder,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (FromSource, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    return finder.find_spec(name)
