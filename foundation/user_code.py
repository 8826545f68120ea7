"""Loading a person's own function from its file, under a name of its own, never through the import path."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from foundation.errors import UserCodeError, near_miss
from foundation.own_code.closure import OwnCode, own_code
from foundation.own_code.finder import FromSource, OwnFinder
from foundation.own_fault import own_place, words


def split_reference(reference: str) -> tuple[str, str]:
    """Splits ``file.py:function`` into file and function.

    Raises:
        UserCodeError: The reference does not have that form.
    """
    path, colon, name = reference.rpartition(":")
    if not colon or not path.endswith(".py") or not name.isidentifier():
        raise UserCodeError(
            f"{reference!r}", expected="'file.py:function'", remedy="name the file, a colon, the function"
        )
    return path, name


def absolute_reference(folder: Path, reference: str | None) -> str | None:
    """Returns ``file.py:function`` with the file's path made absolute from the document's folder."""
    return str((folder / reference).resolve()) if reference else None


@dataclass
class _Loaded:
    """A named file as it was imported, with the modules beside it that it imported.

    Attributes:
        finder: Finds those modules; in ``sys.meta_path`` while this file's code is the one in use.
        code: All its code when it was imported; None if it could not be parsed.
        name: Name of the file's own module.
        modules: The modules beside it, while another file's code is in use.
    """

    finder: OwnFinder
    code: OwnCode | None
    name: str
    modules: dict[str, ModuleType] = field(default_factory=dict)


_LOADED: dict[Path, _Loaded] = {}
_OURS = {"foundation", "components", "serving", "pipeline", "__main__"}
_IN_USE: list[Path] = []
"""The named file whose modules can be imported now; at most one."""


def load_function(reference: str) -> Callable[..., Any]:
    """Loads the function that ``/abs/or/relative/file.py:function`` names.

    The modules beside the file can be imported while it loads and afterwards, behind everything that is installed, so
    that a folder called ``pipeline`` or ``components`` next to it never hides ours. The code of one named file is in
    use at a time, so two files may each have a ``lib`` of their own; where any of its code has changed, all of it is
    imported again.

    Raises:
        UserCodeError: The file is missing, does not import, or has no such function.
    """
    path, name = split_reference(reference)
    file = Path(path).resolve()
    if not file.is_file():
        raise UserCodeError(f"user module {path}", expected="a Python file", seen="no such file")
    module = _module(file)
    function = getattr(module, name, None)
    if not callable(function):
        names = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise UserCodeError(
            f"{file}",
            expected=f"a function {name}",
            seen=near_miss(name, names) or "no function of that name",
        )
    return function


def _module(file: Path) -> ModuleType:
    """Returns the module of a named file, imported again if any of its code has changed."""
    code = _readable(file)
    known = _LOADED.get(file)
    if known is None or code is None or known.code != code:
        _put_aside()
        _forget(file)
        digest = hashlib.sha256(f"{file} {code}".encode() + file.read_bytes()).hexdigest()[:12]
        _LOADED[file] = known = _Loaded(OwnFinder(file.parent), code, f"penstock_user_{file.stem}_{digest}")
        _use(file)
        _import_file(file, known.name)
    elif [file] != _IN_USE:
        _put_aside()
        _use(file)
    return sys.modules[known.name]


def _readable(file: Path) -> OwnCode | None:
    try:
        return own_code(file)
    except UserCodeError:  # importing it says what is wrong, better than parsing it
        return None


def _use(file: Path) -> None:
    loaded = _LOADED[file]
    sys.meta_path.insert(0, loaded.finder)
    sys.modules.update(loaded.modules)
    loaded.modules.clear()
    _IN_USE.append(file)


def _put_aside() -> None:
    """Takes the code in use off the import path, and keeps its modules for its next use."""
    while _IN_USE:
        loaded = _LOADED[_IN_USE.pop()]
        sys.meta_path.remove(loaded.finder)
        loaded.modules = {n: sys.modules.pop(n) for n in loaded.finder.given if n in sys.modules}


def _forget(file: Path) -> None:
    """Drops what was imported for a file, also what it imported through a changed import path."""
    known = _LOADED.pop(file, None)
    if known is None:
        return
    files = {str(path) for path in known.code.files} if known.code else set()
    near = [n for n, m in sys.modules.items() if getattr(m, "__file__", None) in files]
    for name in [known.name, *(n for n in near if n.partition(".")[0] not in _OURS)]:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def _import_file(file: Path, module_name: str) -> None:
    spec = importlib.util.spec_from_file_location(
        module_name, file, loader=FromSource(module_name, str(file))
    )
    if spec is None or spec.loader is None:
        raise UserCodeError(f"user module {file}", expected="an importable Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _put_aside()
        _forget(file)
        found = own_place(file.parent, error)
        where = f"{file}:{found[1]}" if found and found[0] == file else str(file)
        seen = (
            words(error) if found is None or found[0] == file else f"{words(error)} ({found[0]}:{found[1]})"
        )
        raise UserCodeError(
            f"user module {where} does not import",
            seen=seen,
            remedy="fix the module; it must import in every node",
        ) from error


def code_of(reference: str, project: Path | None = None) -> OwnCode:
    """Returns the file of ``file.py:function`` and all of a person's own that it uses; its digest counts the function.

    Unrelated files of the same folder do not count, so that editing them does not make a node run again.

    Args:
        reference: The reference.
        project: Folder whose files count as the person's own; by default the file's folder.

    Raises:
        UserCodeError: A file is missing or does not parse.
    """
    path, name = split_reference(reference)
    code = own_code(Path(path), project)
    return replace(code, digest=hashlib.sha256(f"{name}\0{code.digest}".encode()).hexdigest())


def code_digest(reference: str, project: Path | None = None) -> str:
    """Returns the digest of ``code_of``.

    Raises:
        UserCodeError: A file is missing or does not parse.
    """
    return code_of(reference, project).digest
