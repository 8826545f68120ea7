"""Contradictions of paths: the metadata store, nested folders, the files of the user's own code."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from foundation.document.problems import Path as KeyPath
from foundation.document.problems import Problem
from foundation.errors import UserCodeError, near_miss
from foundation.places import refused
from foundation.storage import is_remote
from foundation.user_code import split_reference
from pipeline.document.models import PipelineSpec
from pipeline.document.places import PLACES

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def addresses(spec: PipelineSpec, section: str) -> Iterator[Problem]:
    """Finds places of a section that cannot hold what stands there, such as a store where versions are renamed."""
    given = spec.model_dump(mode="json", by_alias=True)
    for path, place in PLACES.items():
        text = _value(given, path) if path[0] == section else None
        if isinstance(text, str) and (seen := refused(place.rule, text)):
            remedy = place.remedy or "copy the files to where they may be, and name that"
            yield Problem(path, "", expected=place.rule.value, seen=seen, remedy=remedy)


def _value(given: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        given = given.get(key) if isinstance(given, dict) else None
    return given


def metadata(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds two stores at once, and a password in place of a variable's name."""
    given = [name for name in ("sqlite", "mysql", "postgresql") if getattr(spec.metadata, name) is not None]
    if len(given) > 1:
        what = f"{' and '.join(given)} are given together"
        yield Problem(
            ("metadata",),
            what,
            expected="one store",
            remedy="keep one; a later file can remove one with !remove",
            on_key=True,
        )
    if is_remote(spec.root) and not given:
        yield Problem(
            ("root",),
            "ML Metadata would be in a file beside a root that is in a store",
            expected="metadata that outlives this machine's cache",
            remedy="name a server with metadata.postgresql or metadata.mysql, or a file with metadata.sqlite.path",
        )
    for name in ("mysql", "postgresql"):
        server = getattr(spec.metadata, name)
        if server is not None and not _VARIABLE.fullmatch(server.password_env):
            path = ("metadata", name, "password_env")
            remedy = "put the password into an environment variable and give the variable's name here"
            yield Problem(
                path, "this is not the name of an environment variable", seen="(not shown)", remedy=remedy
            )


def folders(spec: PipelineSpec) -> Iterator[Problem]:
    """Finds folders that would hold each other's files."""
    root = spec.root.rstrip("/") if is_remote(spec.root) else os.path.normpath(spec.root)
    quarantine = os.path.normpath(spec.data.bad_documents.folder)
    if spec.data.bad_documents.quarantine and _inside(quarantine, root):
        what = f"quarantined documents would be inside the pipeline's root {spec.root!r}, which is shared and cleaned"
        yield Problem(("data", "bad_documents", "folder"), what, remedy="choose a folder outside it")
    outputs = [(("push", "to"), spec.push.to)] if spec.push else []
    outputs += [(("infer", "to"), spec.infer.to)] if spec.infer else []
    outputs = [(path, folder) for path, folder in outputs if is_remote(folder) == is_remote(spec.root)]
    for path, folder in outputs:
        if _inside(folder.rstrip("/") if is_remote(folder) else os.path.normpath(folder), root):
            what = f"{folder!r} is inside the pipeline's root {spec.root!r}, which penstock clean empties"
            yield Problem(path, what, remedy="choose a folder outside it")
    if len(outputs) == 2 and os.path.normpath(outputs[0][1]) == os.path.normpath(outputs[1][1]):
        yield Problem(
            ("infer", "to"), "predictions and pushed models share a folder", remedy="choose another folder"
        )


def _inside(folder: str, root: str) -> bool:
    return root == "." or folder == root or folder.startswith(root + os.sep)


def user_code(spec: PipelineSpec, folder: Path) -> Iterator[Problem]:
    """Finds references to missing user functions; the files are parsed, never run."""
    for path, reference in (
        (("features",), spec.features.preprocessing_fn),
        (("model",), spec.model.build_model),
    ):
        if reference is not None and not is_remote(reference):
            yield from _function(
                path, "preprocessing_fn" if path == ("features",) else "build_model", reference, folder
            )


def _function(section: KeyPath, key: str, reference: str, folder: Path) -> Iterator[Problem]:
    path = (*section, key)
    try:
        file_name, name = split_reference(reference)
    except UserCodeError:
        yield Problem(
            path,
            "",
            expected="file.py:function",
            seen=repr(reference),
            remedy=f"such as {section[0]}.py:{key}",
        )
        return
    file = folder / file_name
    if not file.is_file():
        near = (
            near_miss(file.name, [f.name for f in file.parent.glob("*.py")]) if file.parent.is_dir() else ""
        )
        yield Problem(path, f"no file {file_name!r} beside the document", remedy=near or "check the path")
        return
    try:
        names = _top_level_names(ast.parse(file.read_bytes(), str(file)))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        yield Problem(
            path, f"{file_name} is not Python", seen=f"{error}", remedy=f"fix line {line}" if line else ""
        )
        return
    except OSError as error:
        yield Problem(path, f"{file_name} cannot be read", seen=error.strerror or str(error))
        return
    if names is not None and name not in names:
        yield Problem(
            path,
            f"{file_name} has no function {name!r}",
            remedy=near_miss(name, sorted(names)) or f"define {name}",
        )


def _top_level_names(tree: ast.Module) -> set[str] | None:
    """Returns the names a module defines at its top level, or None if only running it would tell."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(alias.name == "*" for alias in node.names):
                return None
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
