"""Contradictions in a document whose parts are each valid; all are found at once.

Each check names the sections of the document that it reads. If a section is invalid, the checks that read it are
skipped, so that one mistake does not cause a crowd of follow-up errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from foundation.document.problems import Problem, SpecErrors
from pipeline.document.checks import (
    data,
    evaluate,
    features,
    model,
    places,
    privacy,
    production,
    run,
    sources,
    tune,
)
from pipeline.document.models import PipelineSpec
from pipeline.document.places import PLACES


class Check(NamedTuple):
    """A check for one kind of contradiction."""

    sections: frozenset[str]
    """Top-level keys of the document that it reads."""
    find: Callable[[PipelineSpec], Iterator[Problem]]
    """Yields the problems it finds."""


def _check(sections: str, find: Callable[[PipelineSpec], Iterator[Problem]]) -> Check:
    return Check(frozenset(sections.split()), find)


CHECKS: tuple[Check, ...] = (
    _check("data", data.fields),
    _check("data", data.pattern),
    _check("data infer", sources.source),
    _check("data model", data.label_type),
    _check("data", privacy.splits),
    _check("data features", privacy.rules),
    _check("data features evaluate", privacy.dropped),
    _check("data features", privacy.quasi_identifiers),
    _check("data features", features.label_is_no_feature),
    _check("data features", features.misspelt),
    _check("data features", features.known_fields),
    _check("data features", features.names),
    _check("data features", features.types),
    _check("data features", features.outputs),
    _check("data features validate", features.distances),
    _check("data features evaluate", evaluate.slices),
    _check("evaluate", evaluate.gate_slices),
    _check("evaluate model", evaluate.metrics),
    _check("evaluate", evaluate.gates),
    _check("evaluate", evaluate.bounds),
    _check("model", model.positive),
    _check("model train", model.class_weights),
    _check("train root", model.meeting),
    _check("tune model", tune.objective),
    _check("tune", tune.limits),
    _check("tune model", tune.search),
    _check("metadata root", places.metadata),
    _check("data root push infer", places.folders),
    _check("run", run.engines),
    _check("production", production.nodes),
    _check("production data infer", production.schedule),
    _check("production", production.parameters),
    *(
        _check(section, partial(places.addresses, section=section))
        for section in sorted({p[0] for p in PLACES})
    ),
)
"""All checks."""

SECTION_DEFAULTS: dict[str, Any] = {
    "name": "unnamed",
    "data": {"mongo_export": "unnamed", "label": "label"},
    "features": {"unnamed": "identity"},
    "evaluate": {"metrics": ["accuracy"], "gates": "none"},
}
"""Placeholders for invalid required sections, so that the valid ones can be checked; no check reads them."""


def find_problems(
    spec: PipelineSpec, folder: Path | None = None, unsound: frozenset[str] = frozenset()
) -> list[Problem]:
    """Returns the contradictions of a document.

    Args:
        spec: The typed document.
        folder: The document's folder, to look for the files it names; None skips that.
        unsound: Top-level keys that are invalid or replaced by placeholders; checks that read them are skipped.
    """
    problems = [problem for check in CHECKS if not check.sections & unsound for problem in check.find(spec)]
    if folder is not None:
        problems += [problem for problem in places.user_code(spec, folder) if problem.path[0] not in unsound]
    return problems


def check(spec: PipelineSpec, folder: Path | None = None) -> None:
    """Checks a document built in Python in the same way as a loaded one.

    Args:
        spec: The typed document.
        folder: Base of relative paths; None skips looking for the files that the document names.

    Raises:
        SpecErrors: All contradictions.
    """
    problems = find_problems(spec, folder)
    if problems:
        raise SpecErrors(problems)
