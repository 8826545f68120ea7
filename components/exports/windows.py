"""Resolves a rolling window: the chosen span and those before it, each with its own fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.exports.source import ResolvedInput, known_spans, resolve
from foundation.errors import DataError


def resolve_window(pattern: str, base_folder: Path, span: int | str, window: int) -> ResolvedInput:
    """Finds the files of a span and of those before it.

    Args:
        pattern: As for ``resolve``; it must have a span for a window of more than one.
        base_folder: Folder of the document.
        span: The last span, or ``"latest"``.
        window: Most spans to take; fewer if there are not as many.

    Returns:
        All files, with the spans they belong to; for a window of one the span itself.

    Raises:
        DataError: Nothing matches, or the pattern has no span.
    """
    last = resolve(pattern, base_folder, span)
    if window == 1:
        return last
    if last.span is None:
        raise DataError(
            f"data.window {window}",
            expected="{SPAN} or a date in data.mongo_export",
            seen=pattern,
            remedy="put {SPAN} into the pattern, or remove the window",
        )
    chosen = [number for number in known_spans(pattern, base_folder) if number < last.span][1 - window :]
    spans = (*(resolve(pattern, base_folder, number) for number in chosen), last)
    files = tuple(file for one in spans for file in one.files)
    digest = hashlib.blake2b("\0".join(one.fingerprint for one in spans).encode(), digest_size=16)
    return ResolvedInput(last.span, last.version, files, digest.hexdigest(), spans)
