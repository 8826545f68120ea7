"""Loading a person's own function from its file, under a name of its own, never through the import path."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from foundation.errors import UserCodeError, near_miss
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


def load_function(reference: str) -> Callable[..., Any]:
    """Loads the function that ``/abs/or/relative/file.py:function`` names.

    The file's own folder is made importable for its sibling modules only while it loads, behind everything else, so
    that a folder called ``pipeline`` or ``components`` next to it never hides ours.

    Raises:
        UserCodeError: The file is missing, does not import, or has no such function.
    """
    path, name = split_reference(reference)
    file = Path(path).resolve()
    if not file.is_file():
        raise UserCodeError(f"user module {path}", expected="a Python file", seen="no such file")
    digest = hashlib.sha256(str(file).encode() + file.read_bytes()).hexdigest()[:12]
    module_name = f"penstock_user_{file.stem}_{digest}"
    if module_name not in sys.modules:
        _import_file(file, module_name)
    module = sys.modules[module_name]
    function = getattr(module, name, None)
    if not callable(function):
        names = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise UserCodeError(
            f"{file}",
            expected=f"a function {name}",
            seen=near_miss(name, names) or "no function of that name",
        )
    return function


def _import_file(file: Path, module_name: str) -> None:
    spec = importlib.util.spec_from_file_location(module_name, file)
    if spec is None or spec.loader is None:
        raise UserCodeError(f"user module {file}", expected="an importable Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    sys.path.append(str(file.parent))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
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
    finally:
        sys.path.remove(str(file.parent))


def code_digest(reference: str) -> str:
    """Returns a SHA-256 over the file of ``file.py:function`` and the sibling files it imports, directly or not.

    Unrelated files of the same folder do not count, so that editing them does not make a node run again.

    Raises:
        UserCodeError: The file is missing or does not parse.
    """
    path, name = split_reference(reference)
    seen: dict[Path, bytes] = {}
    _collect(Path(path).resolve(), seen)
    digest = hashlib.sha256(name.encode())
    for file in sorted(seen):
        digest.update(file.name.encode() + b"\0" + seen[file] + b"\0")
    return digest.hexdigest()


def _collect(file: Path, seen: dict[Path, bytes]) -> None:
    if file in seen:
        return
    try:
        seen[file] = file.read_bytes()
        tree = ast.parse(seen[file], str(file))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserCodeError(
            f"user module {file}", expected="a readable Python file", seen=str(error)
        ) from error
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            sibling = file.parent / (name.split(".")[0] + ".py")
            if sibling.is_file():
                _collect(sibling, seen)
