"""The values of a document that may be changed when a run is started: ``production.parameters``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foundation.document.layers import override_keys
from foundation.document.problems import show_path
from foundation.errors import SpecError, near_miss

FIXED: Mapping[tuple[str, ...], str] = {
    ("name",): "the name is what the bundle and its lineage are found by",
    ("root",): "give PENSTOCK_ROOT or --root to the nodes",
    ("schema",): "the reviewed schema is part of the bundle: compile again",
    ("metadata",): "it is the same for all runs of a pipeline",
    ("production",): "compile again, and deploy the new bundle",
    ("data", "span"): "a run's span comes from its interval: start it for another one",
    ("features", "preprocessing_fn"): "own code is part of the bundle: compile again",
    ("model", "build_model"): "own code is part of the bundle: compile again",
}
"""What no run may change → what to do instead."""


def refuse_others(overrides: Sequence[str], allowed: Sequence[str]) -> None:
    """Refuses ``--set`` options of a run for what the bundle does not leave open.

    Args:
        overrides: ``a.b=value`` options.
        allowed: The document's ``production.parameters``; what stands below one of them is allowed, too.

    Raises:
        SpecError: An option changes something else.
    """
    opened = [override_keys(name) for name in allowed]
    for override in overrides:
        path = override_keys(override)
        if not any(path[: len(one)] == one for one in opened):
            name = show_path(path)
            raise SpecError(
                f"--set {name}",
                expected=f"one of production.parameters: {', '.join(allowed) or 'none'}",
                remedy=near_miss(name, list(allowed))
                or "change the document and compile again, or add the key to production.parameters",
            )
