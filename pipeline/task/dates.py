"""The span of a run from what a scheduler says of it: its span, or the end of its interval."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from foundation.errors import SpecError
from pipeline.bundle.reading import open_bundle
from pipeline.bundle.spans import span_at


def span_of(bundle: Path, span: int | None, moment: str | None) -> int | None:
    """Returns the span of a run, None where neither is said or the export has no spans.

    Args:
        bundle: The bundle, whose document says how a moment becomes a span.
        span: The span, which wins.
        moment: End of the run's interval, ISO 8601.

    Raises:
        SpecError: The moment is none.
    """
    if span is not None or not moment:
        return span
    try:
        at = datetime.fromisoformat(moment)
    except ValueError as error:
        raise SpecError(
            f"--interval-end {moment}",
            expected="a time such as 2026-01-01T03:00:00+00:00",
            seen="another text",
        ) from error
    production = open_bundle(bundle).sidecar.production
    return span_at(at, production.span, production.timezone) if production.spans else None
