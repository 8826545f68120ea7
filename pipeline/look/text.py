"""Formats a profile as lines and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

from components.exports.fields import widest
from foundation.numbers import percent
from pipeline.look.profile import Look, PathProfile

HEAD = ("path", "types", "missing", "null", "distinct", "notes")


def summary(seen: Look) -> list[str]:
    """Returns the lines above the table."""
    if seen.everything:
        read = f"all {seen.documents:,} documents"
    else:
        there = f"about {seen.about:,}" if seen.about else "an unknown number"
        read = f"a sample of {seen.documents:,} documents out of {there} (--all reads everything)"
    sizes = ", ".join(f"{name} {size:,}" for name, size in seen.sizes.items())
    lines = [
        f"{seen.export}: {seen.files} file{'s' * (seen.files != 1)}, {_size(seen.bytes)}, {seen.format}",
        f"Read {read} in {seen.seconds:.1f} s. Bytes per document: {sizes}.",
    ]
    lines += [f"{seen.bad:,} could not be read; a run would quarantine them."] if seen.bad else []
    lines += (
        [f"Paths whose keys are data or cannot be written as a path: {', '.join(seen.left_out)}"]
        if seen.left_out
        else []
    )
    return lines


def rows(seen: Look) -> Iterator[tuple[str, ...]]:
    """Yields one table row per path."""
    for path in seen.paths:
        types = ", ".join(
            kind if share == 1 else f"{kind} {_share(share)}" for kind, share in path.kinds.items()
        )
        yield (
            path.path,
            f"[{types}]" if path.is_array else types or "empty",
            _share(path.missing),
            _share(path.null),
            _different(path),
            "; ".join(_notes(path)),
        )


def _different(path: PathProfile) -> str:
    if not path.values:
        return ""
    return f"{path.distinct:,}" if path.distinct_is_exact else f"~{path.distinct:,}"


def _notes(path: PathProfile) -> Iterator[str]:
    if path.personal:
        yield f"PERSONAL? {', '.join(path.personal)}"
    if len(set(path.kinds) - {"null"}) > 1 and path.type:
        undeclared = widest(set(path.kinds))
        better = f"; declare type: {path.type}" if undeclared != path.type else ""
        yield f"mixed types, read as {undeclared}{better}"
    if path.time_range:
        yield f"{path.time_range[0]} to {path.time_range[1]}"
    if path.longest > 200:
        yield f"texts up to {path.longest:,} characters"
    if path.shapes:
        yield f"such as {'  '.join(path.shapes)}"


def _share(share: float) -> str:
    return percent(share) if share > 0 else ""


def _size(count: float) -> str:
    for unit in ("bytes", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def as_json(seen: Look) -> dict[str, Any]:
    """Returns a profile as JSON."""
    plain = {f.name: getattr(seen, f.name) for f in fields(seen) if f.name not in ("tree", "source", "paths")}
    return {**plain, "left_out": list(seen.left_out), "paths": [asdict(path) for path in seen.paths]}
