"""Writes a new project: all files or none, never overwriting one."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np

from foundation.errors import DataError, SpecError, StorageError
from foundation.publish import write_text
from foundation.storage import is_remote
from pipeline.look.profile import Look
from pipeline.project import texts
from pipeline.project.labels import Label, given_label, guess_label
from pipeline.project.leaks import fields_that_tell
from pipeline.project.profile import ExportProfile, FieldProfile, from_look, look_at
from pipeline.project.shape import is_linear
from pipeline.project.uses import Use, slices, split_key, use_of
from pipeline.project.values import classes_of

_SUGGESTED_FROM = 5_000
"""Documents of which ``penstock look`` rereads the values for its suggestion."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


def create_project(
    folder: Path, export: Path | str, name: str | None = None, label: str | None = None
) -> list[Path]:
    """Profiles an export and writes a project that is ready to run.

    Args:
        folder: Where to write the project; created if missing.
        export: A file or folder of the export, or an address in a store.
        name: Name of the pipeline; by default derived from the folder's.
        label: Dotted path of the field to predict; by default guessed.

    Returns:
        The files written.

    Raises:
        DataError: The export is missing or empty, or no label can be found.
        SpecError: The name is not valid for a pipeline.
        StorageError: A file already exists, or the folder cannot be written.
    """
    targets = [
        folder / path for path in ("pipeline.yaml", "tests/test_pipeline.py", ".gitignore", "README.md")
    ]
    _refuse_existing(targets)
    chosen = _pipeline_name(name, folder)
    plan = _plan(chosen, folder, look_at(export), label)
    contents = (texts.document(plan), texts.TEST, texts.IGNORED, texts.readme(plan))
    for path, content in zip(targets, contents, strict=True):
        write_text(path, content)
    return targets


def suggest(seen: Look, folder: Path, label: str | None = None) -> str:
    """Returns the document that a project for an export would start with; writes nothing.

    Args:
        seen: The export's profile.
        folder: Where the document would be.
        label: Dotted path of the field to predict; by default guessed.

    Raises:
        DataError: No label can be found, or there is nothing to learn from.
    """
    export = Path(seen.export)
    given = export.absolute() if export.exists() else export
    profile = from_look(seen, given, min(seen.documents, _SUGGESTED_FROM))
    return texts.document(_plan(_pipeline_name(None, given.with_suffix("")), folder, profile, label))


def _refuse_existing(targets: list[Path]) -> None:
    there = [str(path) for path in targets if os.path.lexists(path)]
    if there:
        raise StorageError(
            ", ".join(there),
            expected="a folder without these files",
            seen="they exist",
            remedy="choose another folder with --folder; nothing was written",
        )


_LONGEST = 60
"""Characters of a feature's name; a plan refuses more than 100, and a number may have to follow."""


def _pipeline_name(name: str | None, folder: Path) -> str:
    if name is None:
        plain = re.sub(r"[^a-z0-9]+", "_", folder.absolute().name.lower()).strip("_")
        name = plain if _NAME.fullmatch(plain) else f"p_{plain}"[:60].rstrip("_")
    if not _NAME.fullmatch(name):
        raise SpecError(
            f"name {name!r}", expected="lower case letters, digits and underscores, starting with a letter"
        )
    return name


def _plan(name: str, folder: Path, profile: ExportProfile, label_path: str | None) -> texts.Plan:
    label = given_label(profile, label_path) if label_path else guess_label(profile)
    key = split_key(profile)
    leaking = fields_that_tell(profile, label)
    others = [field for field in profile.fields if field.path != label.field.path]
    outcome = _as_numbers(label)
    uses = [_use(field, key, leaking, outcome) for field in others]
    if not any(use.transformations for use in uses):
        raise DataError(
            f"export {profile.export}",
            expected="at least one field to learn from, besides the label",
            seen="; ".join(f"{use.field.path}: {use.reason}" for use in uses[:5]) or "no other field",
            remedy="export more fields",
        )
    return texts.Plan(
        name=name,
        export=_export_path(profile, folder),
        profile=profile,
        label=label,
        uses=tuple(uses),
        features=_feature_names(label, uses),
        split_by=key.path if key else "_id",
        slices=tuple(slices(uses)),
        linear=is_linear(uses, label, profile.total),
    )


def _as_numbers(label: Label) -> np.ndarray:
    """Returns the label of each document as a number: itself, or whether it is the commonest class; NaN without one."""
    if label.task == "regression":
        return label.field.numbers
    texts = classes_of(label.field.sample)
    commonest = Counter(text for text in texts if text is not None).most_common(1)
    return np.array([np.nan if text is None else text == commonest[0][0] for text in texts], np.float64)


def _use(field: FieldProfile, key: FieldProfile | None, leaking: dict[str, str], outcome: np.ndarray) -> Use:
    if key and field.path == key.path:
        return Use(field, (), "identifies whose document it is; used for splitting")
    return Use(field, (), leaking[field.path]) if field.path in leaking else use_of(field, outcome)


def _export_path(profile: ExportProfile, folder: Path) -> str:
    """Returns the export's path for the document: relative to the project if nearby."""
    export = profile.export
    if is_remote(profile.pattern):
        return profile.pattern
    given = export if export.exists() else Path(profile.pattern)
    relative = os.path.relpath(given, folder.absolute())
    shown = str(given) if relative.startswith(os.path.join("..", "..")) else relative
    if not export.exists():
        return shown.replace(os.sep, "/")
    if "{" in shown or "}" in shown:
        raise DataError(
            f"export {export}", expected="a path without braces", remedy="rename it, or link to it"
        )
    spans = profile.pattern.removeprefix(glob.escape(str(export)))
    return glob.escape(shown.replace(os.sep, "/")) + spans


def _feature_names(label: Label, uses: list[Use]) -> dict[str, str]:
    """Returns dotted path → a unique name that a model's input can have: the last part if that is enough."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for field in [label.field, *(use.field for use in uses if use.transformations)]:
        short, whole = _plain(field.name), _plain(field.path)
        numbered = (f"{whole}_{number}" for number in range(2, len(uses) + 3))
        names[field.path] = next(
            each
            for each in chain((short, whole), numbered)
            if each not in taken and each.lower() not in texts.RESERVED
        )
        taken.add(names[field.path])
    return names


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", ascii_only).strip("_")[:_LONGEST]
    return plain if re.match(r"[A-Za-z]", plain) else f"f_{plain}".rstrip("_")
