"""The files that a person edits, and whether one was saved with other content."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from foundation.own_code.closure import files_used
from foundation.user_code import split_reference

if TYPE_CHECKING:
    from pipeline.runs.session import Session

Contents = dict[Path, str]
"""File → digest of its content; empty where there is no such file."""

_OWN_CODE = re.compile(r"[^\s\"'{}\[\],=]+\.py(?=:\w)")
"""Own code as a document names it: ``model.py:build_model``."""


def files_of(session: Session, files: Sequence[Path]) -> set[Path]:
    """Returns what a session's document is made of: its files, its schema and the person's own code with all it imports.

    Args:
        session: The document.
        files: Its files as they are named: of a link, that it points elsewhere is a save too.

    Raises:
        PenstockError: The export cannot be found, or own code is missing or does not parse.
    """
    references = {reference for node in session.graph() for reference in node.user_code}
    named = {Path(split_reference(reference)[0]) for reference in references}
    return {*files, session.schema_file} | _with_imports(named, session.loaded.folder)


def files_named(files: Sequence[Path], overrides: Sequence[str]) -> set[Path]:
    """Returns what a document is made of that cannot be read now, as far as its text names it: what is wrong may be in there.

    Args:
        files: The document's files as they are named; paths in it start from the folder where the first one really is.
        overrides: Values given on the command line.
    """
    texts = [*overrides, *map(_text, files)]
    folder = files[0].resolve().parent
    return {*files} | _with_imports(
        {folder / name for text in texts for name in _OWN_CODE.findall(text)}, folder
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the run says so
        return ""


def _with_imports(named: Iterable[Path], project: Path) -> set[Path]:
    return {path for file in named for path in {file} | files_used(file, project)}


@dataclass
class Saves:
    """Tells a save from a touch: what counts is the content.

    A file is read only when its size, time or number has changed, so looking often costs next to nothing.

    Attributes:
        files: The files to look at.
    """

    files: set[Path]
    _known: dict[Path, tuple[tuple[int, int, int], str]] = field(default_factory=dict)

    def look(self) -> Contents:
        """Returns what the files hold now."""
        return {path: self._content(path) for path in self.files}

    def _content(self, path: Path) -> str:
        try:
            status = path.stat()
            stamp = status.st_mtime_ns, status.st_size, status.st_ino
            known = self._known.get(path)
            if known is None or known[0] != stamp:
                known = stamp, hashlib.sha256(path.read_bytes()).hexdigest()
                self._known[path] = known
        except OSError:  # an editor is about to put another in its place, or it is gone
            return ""
        return known[1]


def changed(before: Contents, after: Contents) -> list[Path]:
    """Returns the files whose content differs, in order."""
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path, "") != after.get(path, "")
    )


def named(paths: Iterable[Path]) -> str:
    """Returns the names of files for a sentence."""
    names = list(dict.fromkeys(path.name for path in paths))  # a link and what it points to are one
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
