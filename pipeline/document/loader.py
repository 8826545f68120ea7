"""Loading the document: files, layers, shared values, types, contradictions; all errors at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from foundation.document.kind import Kind
from foundation.document.layers import read_layers
from foundation.document.nodes import Node, follow
from foundation.document.problems import Path as KeyPath
from foundation.document.problems import Position, Problem, SpecErrors
from foundation.document.translate import to_problems
from foundation.document.validate import placed
from pipeline.document.checks import SECTION_DEFAULTS, find_problems
from pipeline.document.models import NAME, PipelineSpec
from pipeline.document.production import IMAGE, MEMORY, POOL, VARIABLE, WEBHOOK
from pipeline.document.shared_values import substitute

PIPELINE: Kind[PipelineSpec] = Kind(
    PipelineSpec,
    usual_name="pipeline.yaml",
    if_missing="check the path, or start with penstock init",
    if_empty="penstock init writes one to start with",
    patterns={
        NAME: "lower case letters, digits and underscores, starting with a letter",
        MEMORY: "an amount of memory such as 4Gi or 512Mi",
        VARIABLE: "the name of an environment variable",
        WEBHOOK: "an http or https address without a password, or {env: NAME}",
        IMAGE: "the name of an image, such as registry/penstock:0.7.0",
        POOL: "the name of a pool: letters, digits, dots, hyphens and underscores",
    },
    choices=(("features", "*"), ("validate", "drift", "*"), ("validate", "train_test", "*"), ("metadata",)),
)
"""How the YAML reader treats a pipeline document."""


@dataclass(frozen=True)
class LoadedSpec:
    """A document that has been read and checked."""

    spec: PipelineSpec
    """The typed document."""
    folder: Path
    """The first file's folder, absolute; the base of the document's relative paths."""
    files: tuple[Path, ...]
    """The files, absolute, in layering order."""
    raw: dict[str, Any]
    """The merged document as plain values, with shared values replaced and without defaults."""
    root: Node
    """The merged document with the position of every value."""

    def position(self, *path: str | int) -> Position:
        """Returns the position of a value, or of the nearest one around it: ``position("train", "steps")``."""
        return follow(self.root, path)[0].at


def load(paths: Sequence[Path], overrides: Sequence[str] = ()) -> LoadedSpec:
    """Reads and checks a document.

    Args:
        paths: One or more files, later ones layered over earlier ones.
        overrides: ``a.b=value`` options, layered over the files in order.

    Returns:
        The document, typed and checked.

    Raises:
        SpecErrors: All problems, with positions.
        StorageError: A file exists but cannot be read.
    """
    files = tuple(Path(path) for path in paths)
    if not files:
        raise SpecErrors([Problem((), "no document given", remedy="give a file, such as pipeline.yaml")])
    folder = files[0].resolve().parent
    root, problems = substitute(read_layers(files, overrides, PIPELINE))
    spec, found = _validate(root, folder)
    problems = _without_followers([*problems, *found])
    if problems or spec is None:
        raise SpecErrors(problems)
    return LoadedSpec(spec, folder, tuple(file.resolve() for file in files), root.plain(), root)


def _validate(root: Node, folder: Path) -> tuple[PipelineSpec | None, list[Problem]]:
    raw = root.plain()
    try:
        spec = PIPELINE.parse(raw)
    except ValidationError as error:
        return None, to_problems(error, root, PIPELINE) + _problems_of_the_rest(raw, error, root, folder)
    return spec, placed(find_problems(spec, folder), root)


def _problems_of_the_rest(
    raw: dict[str, Any], error: ValidationError, root: Node, folder: Path
) -> list[Problem]:
    """Returns the contradictions among the valid sections."""
    unsound = {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"]}
    sound = {key: value for key, value in raw.items() if key not in unsound}
    try:
        spec = PIPELINE.parse({**SECTION_DEFAULTS, **sound})
    except ValidationError:
        # A validator of the whole document failed: no part can be checked alone.
        return []
    return placed(find_problems(spec, folder, unsound=frozenset(unsound)), root)


def _without_followers(problems: list[Problem]) -> list[Problem]:
    """Drops problems that merely follow from a broken reference at the same position."""
    broken = {problem.at for problem in problems if problem.what.startswith("${")}
    seen: set[tuple[KeyPath, str, str]] = set()
    kept: list[Problem] = []
    for problem in problems:
        key = (problem.path, problem.what, problem.expected)
        if key in seen or (problem.at in broken and not problem.what.startswith("${")):
            continue
        seen.add(key)
        kept.append(problem)
    return kept
